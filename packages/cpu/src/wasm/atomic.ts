// Atomic instructions of the threads proposal. Addresses must be aligned to the access, or the engine traps.
// Source: https://github.com/WebAssembly/threads/blob/main/proposals/threads/Overview.md

import {
  type Expression,
  expression,
  type Load,
  load,
  type Operand,
  operandCode,
  type Statement,
  type Store,
  statement,
  store,
} from './expression.ts';

type ReadModifyWrite = (address: Operand<'i32'>, value: Operand<'i32'>, offset?: number) => Expression<'i32'>;

function readModifyWrite(code: number): ReadModifyWrite {
  return (address: Operand<'i32'>, value: Operand<'i32'>, offset = 0): Expression<'i32'> =>
    expression('i32', [operandCode('i32', address), operandCode('i32', value), 0xfe, code, 2, offset]);
}

/** 32-bit atomics; the offset of a read-modify-write is at most 127 bytes. */
export const atomic: Load<'load', 'i32'> &
  Store<'store', 'i32'> & {
    readonly [Name in 'add' | 'sub' | 'and' | 'or' | 'xor' | 'exchange']: ReadModifyWrite;
  } & {
    /** Stores `replacement` if the word is `expected`; gives what the word was. */
    readonly compareExchange: (
      address: Operand<'i32'>,
      expected: Operand<'i32'>,
      replacement: Operand<'i32'>,
    ) => Expression<'i32'>;
    /** Sleeps while the word is `expected`: gives 0 when notified, 1 when it was not equal, 2 when time ran out. */
    readonly wait: (
      address: Operand<'i32'>,
      expected: Operand<'i32'>,
      nanoseconds: Operand<'i64'>,
    ) => Expression<'i32'>;
    /** Wakes up to `count` sleepers; gives how many there were. */
    readonly notify: (address: Operand<'i32'>, count: Operand<'i32'>) => Expression<'i32'>;
    readonly fence: () => Statement;
  } = {
  ...load('i32', { load: [0xfe, 0x10] }, 2),
  ...store('i32', { store: [0xfe, 0x17] }, 2),
  add: readModifyWrite(0x1e),
  sub: readModifyWrite(0x25),
  and: readModifyWrite(0x2c),
  or: readModifyWrite(0x33),
  xor: readModifyWrite(0x3a),
  exchange: readModifyWrite(0x41),
  compareExchange: (
    address: Operand<'i32'>,
    expected: Operand<'i32'>,
    replacement: Operand<'i32'>,
  ): Expression<'i32'> =>
    expression('i32', [
      operandCode('i32', address),
      operandCode('i32', expected),
      operandCode('i32', replacement),
      [0xfe, 0x48, 2, 0],
    ]),
  wait: (address: Operand<'i32'>, expected: Operand<'i32'>, nanoseconds: Operand<'i64'>): Expression<'i32'> =>
    expression('i32', [
      operandCode('i32', address),
      operandCode('i32', expected),
      operandCode('i64', nanoseconds),
      [0xfe, 0x01, 2, 0],
    ]),
  notify: (address: Operand<'i32'>, count: Operand<'i32'>): Expression<'i32'> =>
    expression('i32', [operandCode('i32', address), operandCode('i32', count), [0xfe, 0x00, 2, 0]]),
  fence: (): Statement => statement([0xfe, 0x03, 0]),
};
