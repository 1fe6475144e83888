// What accumulators of reductions have in common, in scalars and in vectors.
//
// Sums of float32 are blocked: a lane adds up to a few hundred values as float32, which then go to a float64 sum.
// The error is that of the short sums, and a mean of 20 million ones is 1.
import type { ReduceOp, Value } from '@nn/core';
import type { Expression } from '../wasm/index.ts';
import { constant } from './literal.ts';
import type { RegisterDType } from './registers.ts';
import type { AccumulatorStructure } from './structure.ts';

const integerRanges: { readonly [D in RegisterDType]?: readonly [number | bigint, number | bigint] } = {
  bool: [0, 1],
  uint8: [0, 0xff],
  int8: [-0x80, 0x7f],
  int16: [-0x8000, 0x7fff],
  int32: [-0x80000000, 0x7fffffff],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
};

/** What leaves the other operand as it is. */
export function identity(op: ReduceOp, dtype: RegisterDType): Expression {
  const [least, greatest] = integerRanges[dtype] ?? [-Infinity, Infinity];
  switch (op) {
    case 'sum':
      return constant(dtype, 0);
    case 'prod':
      return constant(dtype, 1);
    case 'max':
    case 'argmax':
      return constant(dtype, least);
    case 'min':
    case 'argmin':
      return constant(dtype, greatest);
  }
}

/** What an accumulator needs of the body. */
export function operandsOf({ value, factor }: AccumulatorStructure): readonly Value[] {
  return factor === null ? [value] : [value, factor];
}

export const combiningOps = { sum: 'add', prod: 'mul', max: 'max', min: 'min' } as const;

export function isLocating(op: ReduceOp): op is 'argmax' | 'argmin' {
  return op === 'argmax' || op === 'argmin';
}

export function isFloatExtremum({ op, dtype }: AccumulatorStructure): boolean {
  return (op === 'max' || op === 'min') && (dtype === 'float32' || dtype === 'float64');
}

/** Whether a sum goes through float64 from time to time. */
export function isBlocked({ op, dtype, isShort }: AccumulatorStructure): boolean {
  return op === 'sum' && dtype === 'float32' && !isShort;
}
