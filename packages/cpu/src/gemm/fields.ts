// Reading the fields of a descriptor from a kernel.

import { type Expression, i32 } from '../wasm/index.ts';
import { word } from './descriptor.ts';

type I32 = Expression<'i32'>;

export function field(descriptor: I32, name: keyof typeof word): I32 {
  return i32.load(descriptor, word[name] * 4);
}

/** The start of a batch's operand: its base and its batch's offset. */
export function batchStart(
  descriptor: I32,
  base: 'leftBase' | 'rightBase' | 'resultBase',
  table: 'leftBatch' | 'rightBatch' | 'resultBatch',
  batch: I32,
  elementShift: number,
): I32 {
  const offset = i32.load(i32.add(field(descriptor, table), i32.shl(batch, 2)));
  return i32.add(field(descriptor, base), i32.shl(offset, elementShift));
}
