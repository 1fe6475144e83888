// Row-locality: whether steps that run over common rows touch each other's elements only within a row.
import type { Affine, Instruction, LoopKernel } from '@nn/core';

/** Elements of one buffer that a kernel reads or writes: an affine function of these extents. */
export interface Touch extends Affine {
  readonly buffer: number;
  readonly write: boolean;
  /** The kernel's extents, then those walked inside. */
  readonly extents: readonly number[];
}

/** All that a loop touches. */
export function touchesOf({ extents, producer, epilogue, stores }: LoopKernel): Touch[] {
  const touches: Touch[] = [];
  const add = (list: readonly Instruction[], walked: readonly number[]): void => {
    for (const instruction of list) {
      if (instruction.op !== 'load' && instruction.op !== 'gather') continue;
      const { buffer, offset, strides } = instruction.access;
      const touch = { buffer, write: false, offset };
      if (instruction.op === 'load') touches.push({ ...touch, strides, extents: walked });
      // Anything from there on, as far as the index reaches.
      else touches.push({ ...touch, strides: [...strides, 1], extents: [...walked, instruction.size] });
    }
  };
  if (producer?.kind === 'reduce') add(producer.body, [...extents, ...producer.extents]);
  if (producer?.kind === 'dot') {
    for (const { buffer, offset, strides } of [producer.left, producer.right])
      touches.push({ buffer, write: false, offset, strides, extents: [...extents, ...producer.inner] });
  }
  add(epilogue, extents);
  for (const { access } of stores) {
    const { buffer, offset, strides } = access;
    touches.push({ buffer, write: true, offset, strides, extents });
  }
  return touches;
}

/** Whether the order of the two matters where they meet. */
export function isConflict(a: Touch, b: Touch): boolean {
  return a.buffer === b.buffer && (a.write || b.write);
}

/** Whether each conflict between two steps lies within a row; their extents begin with `rowCount` rows. */
export function staysInRows(first: LoopKernel, second: LoopKernel, rowCount: number): boolean {
  const touches = touchesOf(second);
  return touchesOf(first).every((a) => touches.every((b) => !isConflict(a, b) || meetInRow(a, b, rowCount)));
}

/** What one coordinate contributes to the distance between two touched elements. */
interface Term {
  readonly stride: number;
  readonly low: number;
  readonly high: number;
  readonly isRow: boolean;
}

/**
 * Whether two touches name the same element only at the same row. The distance between the elements is a sum of
 * terms, one a coordinate. Where the terms of small strides together stay below the common divisor of the larger
 * strides, both parts must be 0 by themselves; a row coordinate that stands alone in its part must be equal.
 */
export function meetInRow(a: Touch, b: Touch, rowCount: number): boolean {
  const terms: Term[] = [];
  for (let r = 0; r < rowCount; r++) {
    if (a.extents[r] === 1) continue;
    const stride = Math.abs(a.strides[r]);
    if (stride === 0 || a.strides[r] !== b.strides[r]) return false;
    const reach = stride * (a.extents[r] - 1);
    terms.push({ stride, low: -reach, high: reach, isRow: true });
  }
  for (const [touch, sign] of [
    [a, 1],
    [b, -1],
  ] as const) {
    for (let c = rowCount; c < touch.strides.length; c++) {
      const reach = sign * touch.strides[c] * (touch.extents[c] - 1);
      if (reach === 0) continue;
      terms.push({
        stride: Math.abs(touch.strides[c]),
        low: Math.min(reach, 0),
        high: Math.max(reach, 0),
        isRow: false,
      });
    }
  }
  return rowsAreEqual(
    terms.sort((x, y) => y.stride - x.stride),
    a.offset - b.offset,
  );
}

function rowsAreEqual(terms: readonly Term[], offset: number): boolean {
  let low = offset;
  let high = offset;
  for (const term of terms) {
    low += term.low;
    high += term.high;
  }
  if (low > 0 || high < 0) return true;
  let divisor = 0;
  /** The part since the last cut: its rows, and how many terms it has. */
  let rows = 0;
  let count = 0;
  for (const term of terms) {
    divisor = greatestCommonDivisor(divisor, term.stride);
    low -= term.low;
    high -= term.high;
    if (term.isRow) rows++;
    count++;
    if (low <= -divisor || high >= divisor) continue;
    if (rows > 0 && count > 1) return false;
    rows = 0;
    count = 0;
  }
  // What is left is the offset: where it is not 0 but below the divisor, the touches never meet.
  if (count > 0) return rows === 0;
  return true;
}

/** Whether no element of a buffer that one loop stores is touched by the other one. */
export function stayApart(first: LoopKernel, second: LoopKernel, buffer: number): boolean {
  const touches = touchesOf(second).filter((touch) => touch.buffer === buffer);
  return touchesOf(first).every(
    (a) => a.buffer !== buffer || touches.every((b) => !isConflict(a, b) || neverMeet(a, b)),
  );
}

/**
 * Whether two touches have no element in common. As in `meetInRow` the distance is cut into parts, all of which would
 * have to be 0.
 */
export function neverMeet(a: Touch, b: Touch): boolean {
  const terms: { readonly stride: number; readonly low: number; readonly high: number }[] = [];
  let low = a.offset - b.offset;
  let high = low;
  for (const [{ strides, extents }, sign] of [
    [a, 1],
    [b, -1],
  ] as const) {
    for (let c = 0; c < strides.length; c++) {
      const reach = sign * strides[c] * (extents[c] - 1);
      if (reach === 0) continue;
      const term = { stride: Math.abs(strides[c]), low: Math.min(reach, 0), high: Math.max(reach, 0) };
      terms.push(term);
      low += term.low;
      high += term.high;
    }
  }
  if (low > 0 || high < 0) return true;
  let divisor = 0;
  for (const term of terms.sort((x, y) => y.stride - x.stride)) {
    divisor = greatestCommonDivisor(divisor, term.stride);
    low -= term.low;
    high -= term.high;
    // Of what is left, only a multiple of the divisor could be made up for by the terms so far.
    const multiple = Math.ceil(low / divisor) * divisor;
    if (multiple > high) return true;
    if (multiple + divisor <= high) continue;
    // There is one such multiple: what is left must be that.
    low -= multiple;
    high -= multiple;
    divisor = 0;
  }
  return low > 0 || high < 0;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
