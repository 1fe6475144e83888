// What the emitter writes code for: a kernel without its numbers. Extents, strides, addresses, guards' sizes and
// params are read from a record in memory, at the words that the structure names.
import type { DType, ReduceOp, ScalarOp, Value } from '@nn/core';
import type { Tier } from './context.ts';
import type { RegisterDType } from './registers.ts';

/**
 * How a cursor moves from lane to lane: not at all, to the next element, to the second or third from it, to the one
 * before, or any other way. A number that grows by one is 'counting'.
 */
export type LaneStride = 'zero' | 'unit' | 'double' | 'triple' | 'reversed' | 'counting' | 'other';

/** An affine function of the loop coordinates, kept up to date by additions: an address in bytes, or a number. */
export interface CursorStructure {
  /** Bytes of an element, or 0 for a plain number. */
  readonly elementBytes: number;
  readonly movesWithRows: boolean;
  /** Whether it moves with reduced dimensions other than the one along which lanes lie. */
  readonly movesWithReduced: boolean;
  readonly lane: LaneStride;
}

/** What an instruction depends on. */
export const dependency = { row: 1, reduced: 2, lane: 4 } as const;

interface StepBase {
  readonly dtype: RegisterDType;
  /** Bits of `dependency`. */
  readonly depends: number;
}

export type Step = StepBase &
  (
    | { readonly kind: 'constant'; readonly value: number | bigint }
    | { readonly kind: 'slot'; readonly slot: number }
    | { readonly kind: 'index'; readonly cursor: number }
    | { readonly kind: 'guard'; readonly cursor: number; readonly size: number }
    | {
        readonly kind: 'load';
        readonly storage: DType;
        readonly cursor: number;
        /** Bytes from the cursor. */
        readonly displacement: number;
        readonly guards: readonly Value[];
      }
    | {
        readonly kind: 'gather';
        readonly storage: DType;
        readonly cursor: number;
        readonly size: number;
        readonly guards: readonly Value[];
        readonly args: readonly Value[];
      }
    | { readonly kind: 'result'; readonly index: number }
    | { readonly kind: 'operation'; readonly op: ScalarOp; readonly args: readonly Value[] }
  );

export interface AccumulatorStructure {
  readonly op: ReduceOp;
  readonly value: Value;
  /** Where sums are of products that fused instructions add: what the value is multiplied by. */
  readonly factor: Value | null;
  /** The dtype of what is accumulated. */
  readonly dtype: RegisterDType;
  /** Whether so little is added up that float32 alone is exact enough. */
  readonly isShort: boolean;
}

/** A float32 sum over the extents of a structure's only reduction, of which it needs the result. See PairedReduction. */
export interface PairStructure {
  /** Sums of exponentials, shifted by a maximum; or of squared distances, of what is summed first. */
  readonly kind: 'exponentials' | 'squares';
  /** Its result 0 is what is subtracted within a block. */
  readonly body: readonly Step[];
  readonly accumulator: AccumulatorStructure;
  /** Of exponentials: what result 0 is subtracted from. */
  readonly shifted: Value | null;
  /** Of values of the body, along the row. */
  readonly stores: readonly StoreStructure[];
  /** See Pairing. */
  readonly scalar: { readonly steps: readonly Step[]; readonly value: Value };
  /** The cursor of the row's first shift, where they are kept. */
  readonly shifts: number | null;
  /** Cursors of what later loops write. */
  readonly later: readonly number[];
}

export interface StoreStructure {
  readonly storage: DType;
  readonly cursor: number;
  /** Bytes from the cursor. */
  readonly displacement: number;
  readonly value: Value;
  readonly guards: readonly Value[];
}

export interface Structure {
  readonly tier: Tier;
  /**
   * 'outer': vectors lie along the innermost of the kernel's extents, which is cut into chunks; each lane reduces
   * on its own. 'reduced': vectors lie along the innermost reduced dimension.
   */
  readonly lanesAlong: 'outer' | 'reduced';
  /** Whether to write vector code at all. */
  readonly vectorized: boolean;
  /** Vectors that are computed side by side: as many as fit of the first number, then of the next; the last is 1. */
  readonly strips: readonly number[];
  /** Whether what is left after the last whole vector may be computed as one that overlaps it: results twice. */
  readonly overlaps: boolean;
  /** Loops over items: the kernel's extents, except that with lanes along 'outer' one counts chunks of the innermost. */
  readonly rowRank: number;
  /** With lanes along 'outer': which of the rows counts chunks. */
  readonly chunkRow: number;
  readonly reduceRank: number;
  /** The reduced extents, where they are so few that all is written out, as of a pooling's windows; else empty. */
  readonly window: readonly number[];
  readonly cursors: readonly CursorStructure[];
  readonly sizes: number;
  readonly slots: number;
  /** Absent when there is no reduction. */
  readonly body: readonly Step[] | null;
  readonly accumulators: readonly AccumulatorStructure[];
  /** A second reduction along with the first. Results are those of both. */
  readonly pair: PairStructure | null;
  readonly epilogue: readonly Step[];
  readonly stores: readonly StoreStructure[];
}

/** Word offsets of the record. */
export interface RecordLayout {
  /** With lanes along 'outer': the innermost extent, and how much of it a chunk has. Of pairs: how much a block has. */
  readonly innerExtent: number;
  readonly chunkLength: number;
  readonly rowExtents: number;
  readonly reduceExtents: number;
  readonly sizes: number;
  readonly cursors: number;
  readonly wordsPerCursor: number;
  /** Within a cursor's words. */
  readonly rowStrides: number;
  readonly rowAdvances: number;
  readonly laneStride: number;
  readonly reduceAdvances: number;
  /** 8-byte slots. */
  readonly slots: number;
  readonly words: number;
}

export function recordLayout(
  structure: Pick<Structure, 'rowRank' | 'reduceRank' | 'cursors' | 'sizes' | 'slots'>,
): RecordLayout {
  const { rowRank, reduceRank } = structure;
  const rowExtents = 2;
  const reduceExtents = rowExtents + rowRank;
  const sizes = reduceExtents + reduceRank;
  const cursors = sizes + structure.sizes;
  const rowStrides = 1;
  const rowAdvances = rowStrides + rowRank;
  const laneStride = rowAdvances + rowRank;
  const reduceAdvances = laneStride + 1;
  const wordsPerCursor = reduceAdvances + reduceRank;
  const end = cursors + structure.cursors.length * wordsPerCursor;
  const slots = end + (end % 2);
  return {
    innerExtent: 0,
    chunkLength: 1,
    rowExtents,
    reduceExtents,
    sizes,
    cursors,
    wordsPerCursor,
    rowStrides,
    rowAdvances,
    laneStride,
    reduceAdvances,
    slots,
    words: slots + structure.slots * 2,
  };
}

/** Equal for kernels that share their code. Every kernel of a new program passes here, so no general serialization. */
export function structureKey(structure: Structure): string {
  const { tier, lanesAlong, vectorized, strips, overlaps, rowRank, chunkRow, reduceRank, window } = structure;
  const flags = [tier.simd, tier.relaxedSimd, lanesAlong === 'outer', vectorized, overlaps]
    .map(Number)
    .join('');
  let key = `${flags} ${strips.join()} ${rowRank} ${chunkRow} ${reduceRank}[${window.join()}] ${structure.sizes} ${structure.slots}`;
  for (const { elementBytes, movesWithRows, movesWithReduced, lane } of structure.cursors)
    key += `|${elementBytes}${lane}${Number(movesWithRows)}${Number(movesWithReduced)}`;
  key += structure.body === null ? ';' : `;body${stepsKey(structure.body)}`;
  for (const { op, value, factor, dtype } of structure.accumulators)
    key += `|${op} ${dtype} ${value} ${factor}`;
  if (structure.pair !== null) key += `;${pairKey(structure.pair)}`;
  key += `;${stepsKey(structure.epilogue)};`;
  for (const { storage, cursor, displacement, value, guards } of structure.stores)
    key += `|${storage} ${cursor}+${displacement} ${value} ${guards.join()}`;
  return key;
}

function pairKey(pair: PairStructure): string {
  const { kind, body, accumulator, shifted, stores, scalar, shifts, later } = pair;
  const stored = stores.map(
    (store) => `${store.storage} ${store.cursor}+${store.displacement} ${store.value}`,
  );
  return `${kind}${stepsKey(body)}|${accumulator.value},${accumulator.factor},${shifted};${stored};${stepsKey(scalar.steps)}|${scalar.value};${shifts};${later}`;
}

function stepsKey(steps: readonly Step[]): string {
  let key = '';
  for (const step of steps) key += `|${step.dtype}${step.depends}${stepKey(step)}`;
  return key;
}

function stepKey(step: Step): string {
  switch (step.kind) {
    case 'constant': {
      const { value } = step;
      return `constant${typeof value} ${Object.is(value, -0) ? '-0' : value}`;
    }
    case 'slot':
      return `slot${step.slot}`;
    case 'index':
      return `index${step.cursor}`;
    case 'guard':
      return `guard${step.cursor} ${step.size}`;
    case 'load':
      return `load${step.storage} ${step.cursor}+${step.displacement} ${step.guards.join()}`;
    case 'gather':
      return `gather${step.storage} ${step.cursor} ${step.size} ${step.guards.join()} ${step.args.join()}`;
    case 'result':
      return `result${step.index}`;
    case 'operation': {
      const { op, args } = step;
      let key = `${op}`;
      for (let at = 0; at < args.length; at++) key += ` ${args[at]}`;
      return key;
    }
  }
}
