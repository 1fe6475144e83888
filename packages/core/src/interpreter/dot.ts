// The dot producer: for each lane, the inner product of two strided runs.
import { type DType, type HostArray, isFloat } from '../dtype.ts';
import { InternalError } from '../errors.ts';
import type { Dot, DotOperand } from '../kernel.ts';
import { sizeOf } from '../shape.ts';
import { fitBlock } from './arithmetic.ts';
import { loadElement } from './element.ts';
import type { Register, RegisterFile } from './registers.ts';
import { Space } from './space.ts';
import type { Frame } from './step.ts';

export interface LoweredProducer {
  readonly results: readonly Register[];
  prepare(frame: Frame): void;
  /** Computes the results for `count` of the kernel's coordinates from row-major position `start` on. */
  compute(start: number, count: number, frame: Frame): void;
  /** Lets go of what `prepare` made. */
  release(): void;
}

type Factor = Float64Array | BigInt64Array;
const nothing: Factor = new Float64Array(0);

export function lowerDot(
  dot: Dot,
  extents: readonly number[],
  registers: RegisterFile,
  lengths: readonly number[],
): LoweredProducer {
  const rank = extents.length;
  const outer = new Space(extents, registers);
  const lefts = outer.affine({ offset: dot.left.offset, strides: dot.left.strides.slice(0, rank) });
  const rights = outer.affine({ offset: dot.right.offset, strides: dot.right.strides.slice(0, rank) });
  const leftSteps = innerOffsets(dot.left, dot.inner, rank);
  const rightSteps = innerOffsets(dot.right, dot.inner, rank);
  const depth = sizeOf(dot.inner);
  if (sizeOf(extents) > 0 && depth > 0) {
    checkReach('left', dot.left, [...extents, ...dot.inner], lengths[dot.left.buffer]);
    checkReach('right', dot.right, [...extents, ...dot.inner], lengths[dot.right.buffer]);
  }
  const result = registers.of(dot.dtype);
  const fit = fitBlock(dot.dtype);
  let left: Factor = nothing;
  let right: Factor = nothing;
  return {
    results: [result],
    prepare(frame) {
      left = decode(dot.dtype, frame.arrays[dot.left.buffer]);
      right = decode(dot.dtype, frame.arrays[dot.right.buffer]);
    },
    compute(start, count) {
      outer.moveTo(start, count);
      for (let lane = 0; lane < count; lane++) {
        const from = lefts[lane];
        const beside = rights[lane];
        if (result instanceof BigInt64Array) {
          const [a, b] = [left as BigInt64Array, right as BigInt64Array];
          result[lane] = dotBigints(a, from, leftSteps, b, beside, rightSteps);
        } else {
          const [a, b] = [left as Float64Array, right as Float64Array];
          const sum = isFloat(dot.dtype) ? dotFloats : dotIntegers;
          result[lane] = sum(a, from, leftSteps, b, beside, rightSteps);
        }
      }
      fit?.(result as Float64Array, count);
    },
    release() {
      left = nothing;
      right = nothing;
    },
  };
}

/** Where each inner coordinate lies relative to the first. */
function innerOffsets({ strides }: DotOperand, inner: readonly number[], rank: number): Int32Array {
  let offsets: number[] = [0];
  for (let dim = 0; dim < inner.length; dim++) {
    const stride = strides[rank + dim];
    offsets = offsets.flatMap((base) => Array.from({ length: inner[dim] }, (_, k) => base + k * stride));
  }
  return Int32Array.from(offsets);
}

function checkReach(side: string, operand: DotOperand, extents: readonly number[], length: number): void {
  let low = operand.offset;
  let high = operand.offset;
  for (let dim = 0; dim < extents.length; dim++) {
    const reach = (extents[dim] - 1) * operand.strides[dim];
    if (reach < 0) low += reach;
    else high += reach;
  }
  if (low < 0 || high >= length)
    throw new InternalError(`dot: the ${side} factor reaches [${low}, ${high}] of a buffer of ${length}`);
}

/** The buffer as numbers in float64, so that the inner loops see one type of array. */
function decode(dtype: DType, array: HostArray): Factor {
  if (array instanceof BigInt64Array || array instanceof Float64Array) return array;
  if (dtype !== 'float16' && dtype !== 'bfloat16') return Float64Array.from(array as Float32Array);
  return Float64Array.from({ length: array.length }, (_, i) => loadElement(dtype, array, i) as number);
}

/** Products of shorter floats are exact in float64; blocks of 64 are summed apart so that errors grow slowly. */
function dotFloats(
  a: Float64Array,
  aFrom: number,
  aSteps: Int32Array,
  b: Float64Array,
  bFrom: number,
  bSteps: Int32Array,
): number {
  let total = 0;
  const depth = aSteps.length;
  for (let block = 0; block < depth; block += 64) {
    const end = Math.min(block + 64, depth);
    let sum = 0;
    for (let k = block; k < end; k++) sum += a[aFrom + aSteps[k]] * b[bFrom + bSteps[k]];
    total += sum;
  }
  return total;
}

function dotIntegers(
  a: Float64Array,
  aFrom: number,
  aSteps: Int32Array,
  b: Float64Array,
  bFrom: number,
  bSteps: Int32Array,
): number {
  let sum = 0;
  for (let k = 0; k < aSteps.length; k++)
    sum = (sum + Math.imul(a[aFrom + aSteps[k]], b[bFrom + bSteps[k]])) | 0;
  return sum;
}

function dotBigints(
  a: BigInt64Array,
  aFrom: number,
  aSteps: Int32Array,
  b: BigInt64Array,
  bFrom: number,
  bSteps: Int32Array,
): bigint {
  let sum = 0n;
  for (let k = 0; k < aSteps.length; k++) sum += a[aFrom + aSteps[k]] * b[bFrom + bSteps[k]];
  return sum;
}
