// Operands that several products of a program multiply by, as each time step of a recurrent network does by the same
// weight: they are packed once a run, by the first of them.
import { type Dot, type DotOperand, type Kernel, type LoopKernel, type Program, sizeOf } from '@nn/core';
import { storageBytes } from '../emit/registers.ts';

/** Larger ones are not kept: packing is a small part of their products. */
const mostBytes = 2 ** 20;
const mostBytesTogether = 8 * 2 ** 20;
/** With more rows than this, packing is a small part of a product. */
const mostRows = 96;

type Side = 'left' | 'right';

/** Where a packed operand lies, in bytes before scratch space; the first who asks packs it. */
export interface SharedPlace {
  readonly before: number;
  readonly isFirst: boolean;
}

/** The buffers that a kernel writes. */
export function writtenBy(kernel: Kernel): readonly number[] {
  switch (kernel.kind) {
    case 'loop':
      return kernel.stores.map(({ access }) => access.buffer);
    case 'rows':
      return kernel.steps.flatMap(writtenBy);
    case 'parallel':
      return kernel.parts.flatMap(writtenBy);
    default:
      return [kernel.target];
  }
}

/** The dimensions of the batch, of one of the operands, and those that are added up. */
function dimensionsOf({ extents }: LoopKernel, dot: Dot, side: Side): number[] {
  const rowsEnd = dot.batchRank + dot.rowRank;
  const all = [...extents, ...dot.inner].map((_, dimension) => dimension);
  return all.filter(
    (d) => d < dot.batchRank || d >= extents.length || (side === 'left' ? d < rowsEnd : d >= rowsEnd),
  );
}

/** Equal for operands that are packed alike and hold the same; null where that brings nothing. */
function keyOf(kernel: LoopKernel, dot: Dot, side: Side, version: number): string | null {
  const extents = [...kernel.extents, ...dot.inner];
  const dimensions = dimensionsOf(kernel, dot, side);
  const size = dimensions.reduce((product, d) => product * extents[d], storageBytes[dot.dtype]);
  const others = sizeOf(extents) / (size / storageBytes[dot.dtype]);
  // A product without a result would not pack what the next one finds packed.
  if (size === 0 || others === 0 || size > mostBytes || others > mostRows) return null;
  const { buffer, offset, strides }: DotOperand = dot[side];
  const own = side === 'left' ? dot.rowRank : kernel.extents.length - dot.batchRank - dot.rowRank;
  const walk = dimensions.map((d) => `${extents[d]}:${strides[d]}`).join();
  return `${dot.dtype} ${buffer} ${version} ${offset} ${dot.batchRank} ${own} ${walk}`;
}

export class SharedOperands {
  readonly #keys = new Map<LoopKernel, Readonly<Record<Side, string | null>>>();
  readonly #uses = new Map<string, number>();
  readonly #places = new Map<string, number>();
  #bytes = 0;

  constructor({ kernels, buffers }: Program) {
    const versions = new Int32Array(buffers.length);
    for (const kernel of kernels) {
      if (kernel.kind === 'loop' && kernel.producer?.kind === 'dot') {
        const dot = kernel.producer;
        const key = (side: Side): string | null => keyOf(kernel, dot, side, versions[dot[side].buffer]);
        const keys = { left: key('left'), right: key('right') };
        this.#keys.set(kernel, keys);
        for (const one of [keys.left, keys.right])
          if (one !== null) this.#uses.set(one, (this.#uses.get(one) ?? 0) + 1);
      }
      for (const buffer of writtenBy(kernel)) versions[buffer]++;
    }
  }

  /** Bytes before scratch space that are in use. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The place of one of a kernel's operands, if others share it. Products ask in the order in which they run. */
  placeOf(kernel: LoopKernel, side: Side, bytes: number): SharedPlace | undefined {
    const key = this.#keys.get(kernel)?.[side] ?? null;
    if (key === null || (this.#uses.get(key) ?? 0) < 2) return undefined;
    const known = this.#places.get(key);
    if (known !== undefined) return { before: known, isFirst: false };
    const after = this.#bytes + Math.ceil(bytes / 64) * 64;
    if (after > mostBytesTogether) return undefined;
    this.#bytes = after;
    this.#places.set(key, after);
    return { before: after, isFirst: true };
  }
}
