import { describe, expect, it } from 'vitest';
import {
  type Dot,
  type Instruction,
  InternalError,
  interpreter,
  interpretProgram,
  type Kernel,
  type LoopKernel,
  type Program,
} from '../src/index.ts';
import { at, guarded, host, input, loop, output, program, temporary } from './programs.ts';

const load: Instruction = { op: 'load', dtype: 'float32', access: at(0, [1]) };
const bool: Instruction = { op: 'const', dtype: 'bool', value: 1 };
const store = { access: at(1, [1]), value: 0 };

/** The message that a kernel over a float32 input and output of 4 elements is refused with. */
function refusal(kernel: Kernel, params: Program['params'] = []): string {
  const tested = program([input('float32', 4), output('float32', 4)], [kernel], params);
  try {
    interpreter().compile(tested);
  } catch (error) {
    expect(error).toBeInstanceOf(InternalError);
    return (error as Error).message;
  }
  return 'accepted';
}

const withEpilogue = (...epilogue: Instruction[]): LoopKernel =>
  loop({ extents: [4], epilogue, stores: [store] });

describe('a program is refused, with its kernel named, for', () => {
  it.each<[string, Kernel, string]>([
    [
      'a value used before it is there',
      withEpilogue({ op: 'neg', dtype: 'float32', args: [0] }),
      'refers to value 0',
    ],
    [
      'mixed operands',
      withEpilogue(load, bool, { op: 'add', dtype: 'float32', args: [0, 1] }),
      'its operands are float32, bool',
    ],
    [
      'too few operands',
      withEpilogue(load, { op: 'add', dtype: 'float32', args: [0] }),
      'takes 2 operands, not 1',
    ],
    [
      'bits of floats',
      withEpilogue(load, { op: 'and', dtype: 'float32', args: [0, 0] }),
      'does not take float32',
    ],
    ['sums of bool', withEpilogue(bool, { op: 'add', dtype: 'bool', args: [0, 0] }), 'does not take bool'],
    [
      'a comparison that is no bool',
      withEpilogue(load, { op: 'lt', dtype: 'float32', args: [0, 0] }),
      'its operands are float32, float32',
    ],
    [
      'a condition that is no bool',
      withEpilogue(load, { op: 'where', dtype: 'float32', args: [0, 0, 0] }),
      'its operands are float32, float32, float32',
    ],
    [
      'a bitcast between widths',
      withEpilogue(load, { op: 'bitcast', dtype: 'int64', args: [0] }),
      'its operands are float32',
    ],
    [
      'an unknown instruction',
      withEpilogue(load, { op: 'frobnicate', dtype: 'float32', args: [0] } as unknown as Instruction),
      'its operands are float32',
    ],
    [
      'a wrong dtype of a load',
      withEpilogue({ ...load, dtype: 'int32' } as Instruction),
      'holds float32, not int32',
    ],
    [
      'a wrong number of strides',
      withEpilogue({ op: 'load', dtype: 'float32', access: at(0, [1, 2]) }),
      'an affine function of 2 coordinates in a loop of 1',
    ],
    [
      'a wrong number of strides in a guard',
      withEpilogue({
        op: 'load',
        dtype: 'float32',
        access: guarded(0, [1], 0, [{ offset: 0, strides: [], size: 1 }]),
      }),
      'an affine function of 0 coordinates',
    ],
    [
      'a buffer that is not there',
      withEpilogue({ ...load, access: at(7, [1]) } as Instruction),
      'no buffer 7',
    ],
    ['a param that is not there', withEpilogue({ op: 'param', dtype: 'float32', index: 0 }), 'param 0'],
    [
      'a result without a producer',
      withEpilogue({ op: 'result', dtype: 'float32', index: 0 }),
      'the producer has no such result 0',
    ],
    [
      'a store to an input',
      loop({ extents: [4], epilogue: [load], stores: [{ access: at(0, [1]), value: 0 }] }),
      'writes to the input 0',
    ],
    ['a store of nothing', loop({ extents: [4], stores: [store] }), 'stores value 0 of 0'],
    ['a negative extent', loop({ extents: [-1] }), 'extents [-1] are no sizes'],
    [
      'a sum of bool',
      loop({
        producer: {
          kind: 'reduce',
          extents: [],
          body: [bool],
          accumulators: [{ op: 'sum', value: 0, dtype: 'bool' }],
        },
      }),
      'sum does not take bool',
    ],
    [
      'an argmax that is not int32',
      loop({
        producer: {
          kind: 'reduce',
          extents: [],
          body: [bool],
          accumulators: [{ op: 'argmax', value: 0, dtype: 'bool' }],
        },
      }),
      'argmax of bool is int32, not bool',
    ],
    ['a copy to an input', { kind: 'copy', name: 'test', source: 1, target: 0 }, 'writes to the input'],
    [
      'a scan of more than there is',
      { kind: 'scan', name: 'test', op: 'sum', outer: 5, length: 1, inner: 1, source: 0, target: 1 },
      'walks 5 elements of fewer',
    ],
    [
      'an argsort to floats',
      {
        kind: 'argsort',
        name: 'test',
        descending: false,
        outer: 1,
        length: 4,
        inner: 1,
        count: 4,
        source: 0,
        target: 1,
      },
      'target is float32, not int32',
    ],
    [
      'a scatter by floats',
      { kind: 'scatter', name: 'test', mode: 'set', count: 4, targetSize: 4, index: 0, source: 0, target: 1 },
      'the index is not int32',
    ],
  ])('%s', (_, kernel, message) => {
    expect(refusal(kernel)).toMatch("kernel 0 'test': ");
    expect(refusal(kernel)).toContain(message);
  });

  it('a dot whose factors depend on the wrong side', () => {
    const dot = (left: readonly number[], right: readonly number[]): Dot => ({
      kind: 'dot',
      dtype: 'float32',
      batchRank: 0,
      rowRank: 1,
      inner: [2],
      left: { buffer: 0, offset: 0, strides: left },
      right: { buffer: 0, offset: 0, strides: right },
    });
    const message = (producer: Dot) => refusal(loop({ extents: [2, 2], producer }));
    expect(message(dot([2, 1, 1], [0, 1, 2]))).toContain('the left factor depends on column dimension 1');
    expect(message(dot([2, 0, 1], [1, 1, 2]))).toContain('the right factor depends on row dimension 0');
    expect(message(dot([2, 0, 3], [0, 1, 2]))).toContain('the left factor reaches [0, 5] of a buffer of 4');
  });
});

describe('arenas', () => {
  const compile = (offset: number, arenaBytes: number) => () =>
    interpreter().compile(program([temporary('float32', 10, offset)], [], [], arenaBytes));

  it('hold their temporaries', () => {
    expect(compile(0, 40)).not.toThrow();
    expect(compile(0, 39)).toThrow('buffer 0: ends at byte 40 of an arena of 39');
    expect(compile(4, 512)).toThrow('buffer 0: offset 4 is not 256-byte aligned');
  });
});

describe('interpretProgram', () => {
  const tested = program(
    [input('float32', 2), output('float32', 2)],
    [{ kind: 'copy', name: 'copy', source: 0, target: 1 }],
  );

  it('refuses arrays that do not fit', () => {
    const two = host('float32', [1, 2]);
    expect(() => interpretProgram(tested, [two])).toThrow('a program of 2 buffers was given 1 arrays');
    expect(() => interpretProgram(tested, [two, host('float32', [1])])).toThrow(
      'buffer 1 is 2 of float32, but its array is 1 of Float32Array',
    );
    expect(() => interpretProgram(tested, [two, host('int32', [1, 2])])).toThrow(
      'buffer 1 is 2 of float32, but its array is 2 of Int32Array',
    );
    expect(() => interpretProgram(tested, [two, two.slice()], [1])).toThrow(
      'a program of 0 params was given 1',
    );
  });
});
