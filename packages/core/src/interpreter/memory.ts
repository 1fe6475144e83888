// Moving blocks of elements between buffers and registers. Every access is checked, since the interpreter is also
// what finds a compiler's wrong offsets.
import type { DType, HostArray } from '../dtype.ts';
import { InternalError } from '../errors.ts';
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from '../half.ts';
import type { Register } from './registers.ts';

/** Copies array[offsets[lane]] to each lane; 0 where the mask is 0. */
export function loadBlock(
  dtype: DType,
  array: HostArray,
  offsets: Float64Array,
  mask: Float64Array | null,
  out: Register,
  count: number,
): void {
  checkOffsets(array.length, offsets, mask, count, 'load');
  if (dtype === 'int64') {
    const source = array as BigInt64Array;
    const target = out as BigInt64Array;
    for (let lane = 0; lane < count; lane++)
      target[lane] = mask !== null && mask[lane] === 0 ? 0n : source[offsets[lane]];
    return;
  }
  const source = array as Float32Array;
  const target = out as Float64Array;
  if (mask === null) for (let lane = 0; lane < count; lane++) target[lane] = source[offsets[lane]];
  else for (let lane = 0; lane < count; lane++) target[lane] = mask[lane] === 0 ? 0 : source[offsets[lane]];
  if (dtype === 'float16')
    for (let lane = 0; lane < count; lane++) target[lane] = float16ToNumber(target[lane]);
  if (dtype === 'bfloat16')
    for (let lane = 0; lane < count; lane++) target[lane] = bfloat16ToNumber(target[lane]);
}

/** Copies each lane to array[offsets[lane]] unless the mask is 0 there. */
export function storeBlock(
  dtype: DType,
  array: HostArray,
  offsets: Float64Array,
  mask: Float64Array | null,
  values: Register,
  count: number,
): void {
  checkOffsets(array.length, offsets, mask, count, 'store');
  if (dtype === 'int64') {
    const source = values as BigInt64Array;
    const target = array as BigInt64Array;
    for (let lane = 0; lane < count; lane++)
      if (mask === null || mask[lane] !== 0) target[offsets[lane]] = source[lane];
    return;
  }
  const source = values as Float64Array;
  const target = array as Float32Array;
  for (let lane = 0; lane < count; lane++) {
    if (mask !== null && mask[lane] === 0) continue;
    if (dtype === 'float16') target[offsets[lane]] = numberToFloat16(source[lane]);
    else if (dtype === 'bfloat16') target[offsets[lane]] = numberToBfloat16(source[lane]);
    else target[offsets[lane]] = source[lane];
  }
}

function checkOffsets(
  length: number,
  offsets: Float64Array,
  mask: Float64Array | null,
  count: number,
  what: string,
): void {
  for (let lane = 0; lane < count; lane++) {
    const at = offsets[lane];
    if ((at < 0 || at >= length) && (mask === null || mask[lane] !== 0))
      throw new InternalError(`${what}: element ${at} lies outside of a buffer of ${length}`);
  }
}
