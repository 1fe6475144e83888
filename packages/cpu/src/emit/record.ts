// The numbers that a kernel's code reads: filled at compile time except for addresses and params.
import type { Plan } from './plan.ts';
import { type RegisterDType, storageBytes } from './registers.ts';
import { type RecordLayout, recordLayout } from './structure.ts';

export interface AddressPatch {
  readonly word: number;
  readonly buffer: number;
  readonly offset: number;
}

export interface ParamPatch {
  readonly word: number;
  readonly dtype: RegisterDType;
  readonly param: number;
}

export interface RecordTemplate {
  readonly words: Int32Array;
  readonly addresses: readonly AddressPatch[];
  readonly params: readonly ParamPatch[];
  /** Items of the outermost range: rows, times chunks with lanes along 'outer'. */
  readonly items: number;
}

/**
 * `chunkLength` is how much of the innermost extent one item covers, with lanes along 'outer'; of a pair of reductions,
 * the length of a block.
 */
export function buildRecord(plan: Plan, chunkLength: number, programParams: number): RecordTemplate {
  const { structure } = plan;
  const layout = recordLayout(structure);
  const words = new Int32Array(layout.words);
  const addresses: AddressPatch[] = [];
  let items = 1;
  for (const { extent } of plan.rows) items *= extent;
  const rowExtents = plan.rows.map(({ extent }) => extent);
  if (plan.inner !== null) {
    const chunks = Math.ceil(plan.inner.extent / chunkLength);
    words[layout.innerExtent] = plan.inner.extent;
    words[layout.chunkLength] = chunkLength;
    rowExtents.splice(structure.chunkRow, 0, chunks);
    items *= chunks;
  }
  words.set(rowExtents, layout.rowExtents);
  words.set(
    plan.reduced.map(({ extent }) => extent),
    layout.reduceExtents,
  );
  words.set(plan.sizes, layout.sizes);
  if (structure.pair !== null) words[layout.chunkLength] = chunkLength;
  for (const [at, site] of plan.sites.entries()) {
    const base = layout.cursors + at * layout.wordsPerCursor;
    if (site.buffer < 0) words[base] = site.offset;
    else addresses.push({ word: base, buffer: site.buffer, offset: site.offset });
    const rowStrides = plan.rows.map(({ strides }) => strides[at]);
    if (plan.inner !== null) rowStrides.splice(structure.chunkRow, 0, plan.inner.strides[at] * chunkLength);
    fillCursor(words, base, layout, rowStrides, rowExtents, plan, at);
  }
  const params = fillSlots(plan, words, layout, programParams);
  return { words, addresses, params, items };
}

function fillCursor(
  words: Int32Array,
  base: number,
  layout: RecordLayout,
  rowStrides: readonly number[],
  rowExtents: readonly number[],
  plan: Plan,
  at: number,
): void {
  // A step of dimension d follows the last coordinate of all dimensions inside it.
  let reach = 0;
  for (let d = rowStrides.length - 1; d >= 0; d--) {
    words[base + layout.rowStrides + d] = rowStrides[d];
    words[base + layout.rowAdvances + d] = rowStrides[d] - reach;
    reach += rowStrides[d] * (rowExtents[d] - 1);
  }
  const lane = plan.inner ?? plan.reduced[plan.reduced.length - 1];
  words[base + layout.laneStride] = lane.strides[at];
  // A step of reduced dimension d follows the end of the loop over dimension d + 1.
  for (const [d, { strides }] of plan.reduced.entries()) {
    const inside = plan.reduced[d + 1];
    const rewind = inside === undefined ? 0 : inside.extent * inside.strides[at];
    words[base + layout.reduceAdvances + d] = strides[at] - rewind;
  }
}

/** Writes constants, and lists where params go. */
function fillSlots(plan: Plan, words: Int32Array, layout: RecordLayout, programParams: number): ParamPatch[] {
  const params: ParamPatch[] = [];
  for (const [at, { dtype, param }] of plan.slots.entries()) {
    const word = layout.slots + at * 2;
    if (param < programParams) params.push({ word, dtype, param });
    else writeSlot(words, word, dtype, plan.constants[param - programParams].value);
  }
  return params;
}

const slot = new DataView(new ArrayBuffer(8));

/** Writes a number as a value of the dtype; integers wrap around. */
export function writeSlot(
  words: Int32Array,
  word: number,
  dtype: RegisterDType,
  value: number | bigint,
): void {
  switch (dtype) {
    case 'float32':
      slot.setFloat32(0, Number(value), true);
      words[word] = slot.getInt32(0, true);
      break;
    case 'float64':
      slot.setFloat64(0, Number(value), true);
      words[word] = slot.getInt32(0, true);
      words[word + 1] = slot.getInt32(4, true);
      break;
    case 'int64':
      slot.setBigInt64(0, typeof value === 'bigint' ? value : truncated(value), true);
      words[word] = slot.getInt32(0, true);
      words[word + 1] = slot.getInt32(4, true);
      break;
    case 'bool':
      words[word] = Number(value) !== 0 ? 1 : 0;
      break;
    default: {
      const number = typeof value === 'bigint' ? Number(BigInt.asIntN(32, value)) : value;
      const bits = storageBytes[dtype] * 8;
      const shifted = number << (32 - bits);
      words[word] = dtype === 'uint8' ? shifted >>> 24 : shifted >> (32 - bits);
    }
  }
}

function truncated(value: number): bigint {
  return Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
}
