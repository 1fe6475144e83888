// Products with padded images, as the gradient of a convolution by its input is one: where an image is small, most of
// what a window sees at its edge is padding. Rows of windows that see the same part of it are products of their own,
// with only as much of the inner dimensions as is not known to be zero.
import {
  type BufferSpec,
  contiguousStrides,
  type Dot,
  type DotOperand,
  type Instruction,
  type LoopKernel,
  type Program,
  sizeOf,
} from '@nn/core';
import { isOneMemory } from '../emit/plan.ts';
import { storageBytes } from '../emit/registers.ts';
import { sectionOf, simplifiedKernel } from './sections.ts';
import { writtenBy } from './shared-operands.ts';

/** A buffer that is zero outside of a box. */
export interface Border {
  readonly extents: readonly number[];
  readonly strides: readonly number[];
  /** Of each dimension: from which coordinate, up to which one, elements may be other than zero. */
  readonly inside: readonly (readonly [number, number])[];
}

export type Borders = ReadonlyMap<number, Border>;

/** The border that a plain copy of a smaller box leaves; undefined where the kernel is something else. */
function borderOf(kernel: LoopKernel, length: number): Border | undefined {
  const { extents, stores, epilogue, producer } = kernel;
  if (producer !== null || stores.length !== 1 || sizeOf(extents) !== length) return undefined;
  const [{ access, value }] = stores;
  const strides = contiguousStrides(extents);
  if (access.offset !== 0 || access.guards.length > 0) return undefined;
  if (strides.some((stride, d) => extents[d] !== 1 && stride !== access.strides[d])) return undefined;
  const loaded = epilogue[value];
  if (loaded.op !== 'load' || loaded.access.guards.length === 0) return undefined;
  const inside = extents.map((extent): [number, number] => [0, extent]);
  for (const { offset, strides: along, size } of loaded.access.guards) {
    const moving = along.flatMap((stride, d) => (stride === 0 || extents[d] === 1 ? [] : [d]));
    if (moving.length !== 1 || along[moving[0]] !== 1) continue;
    const bounds = inside[moving[0]];
    bounds[0] = Math.max(bounds[0], -offset);
    bounds[1] = Math.min(bounds[1], size - offset);
  }
  return { extents, strides, inside };
}

/** Buffers of a program that are written once, with a border of zeros. */
export function findBorders({ kernels, buffers }: Program): Borders {
  const borders = new Map<number, Border>();
  const writers = new Map<number, number>();
  for (const kernel of kernels) {
    const targets = writtenBy(kernel);
    for (const target of new Set(targets)) writers.set(target, (writers.get(target) ?? 0) + 1);
    if (kernel.kind !== 'loop' || targets.length !== 1) continue;
    const border = borderOf(kernel, buffers[targets[0]].length);
    if (border !== undefined) borders.set(targets[0], border);
  }
  for (const [buffer, count] of writers) if (count > 1) borders.delete(buffer);
  return borders;
}

/** Along the last dimension, what lies inside is at least this many elements: a vector. */
const leastInside = 4;
/** What is longer leaves the caches between its zeros and the box. */
const mostBytes = 12 * 1024 * 1024;

/**
 * A plain copy of a smaller box as zeros everywhere, and then the box: rows of images are short, so that looking at
 * each vector whether it reaches into the border costs more than writing most elements twice. Itself where it is
 * something else.
 *
 * @param fixed leading dimensions that stay as they are.
 */
export function zerosThenBox(
  kernel: LoopKernel,
  buffers: readonly BufferSpec[],
  fixed = 0,
): readonly LoopKernel[] {
  const { extents, stores, epilogue } = kernel;
  const [store] = stores;
  if (stores.length !== 1) return [kernel];
  const border = borderOf(kernel, buffers[store.access.buffer].length);
  const loaded = epilogue[store.value];
  if (border === undefined || loaded.op !== 'load' || loaded.dtype === 'bool') return [kernel];
  if (isOneMemory(buffers, loaded.access.buffer, store.access.buffer)) return [kernel];
  const { inside } = border;
  const isCut = (d: number): boolean => inside[d][0] > 0 || inside[d][1] < extents[d];
  const cut = [...extents.keys()].filter(isCut);
  if (sizeOf(extents) * storageBytes[loaded.dtype] > mostBytes) return [kernel];
  if (cut.length === 0 || cut.some((d) => d < fixed || inside[d][1] - inside[d][0] < 1)) return [kernel];
  const last = inside[inside.length - 1];
  if (last[1] - last[0] < leastInside) return [kernel];
  const box = cut.reduce(
    (part, dimension) =>
      sectionOf(part, { dimension, begin: inside[dimension][0], end: inside[dimension][1] }),
    kernel,
  );
  const value: Instruction = { op: 'const', dtype: loaded.dtype, value: loaded.dtype === 'int64' ? 0n : 0 };
  return [{ ...kernel, epilogue: [value], stores: [{ ...store, value: 0 }] }, simplifiedKernel(box)];
}

/** Products that would do more than this part of the work are left whole. */
const worthwhilePart = 0.85;
/** Each of the products should have at least this many multiply-adds. */
const leastWork = 100_000;

/** Neighbouring coordinates of one of the kernel's dimensions, and the part of an inner one that they need. */
interface Band {
  readonly begin: number;
  end: number;
  readonly from: number;
  readonly to: number;
}

/** Along one dimension of the buffer, the bands of the kernel's dimension that moves along it together with an inner one. */
function bandsAlong(
  { offset, strides }: DotOperand,
  border: Border,
  dimension: number,
  extents: readonly number[],
  rank: number,
): { readonly outer: number; readonly inner: number; readonly bands: readonly Band[] } | undefined {
  const pitch = border.strides[dimension];
  const extent = border.extents[dimension];
  const [least, most] = border.inside[dimension];
  const above = pitch * extent;
  const along = strides.flatMap((stride, d) =>
    extents[d] > 1 && stride >= pitch && stride < above ? [d] : [],
  );
  const below = strides.some((stride, d) => extents[d] > 1 && stride < 0 && -stride < above);
  if (along.length !== 2 || below || offset < 0) return undefined;
  const [outer, inner] = along;
  if (outer >= rank || inner < rank || along.some((d) => strides[d] % pitch !== 0)) return undefined;
  // What moves within this dimension's pitch must not reach the next coordinate.
  let within = offset % pitch;
  for (const [d, stride] of strides.entries())
    if (stride > 0 && stride < pitch) within += stride * (extents[d] - 1);
  if (within >= pitch) return undefined;
  const first = Math.floor(offset / pitch) % extent;
  const [step, innerStep] = along.map((d) => strides[d] / pitch);
  if (first + step * (extents[outer] - 1) + innerStep * (extents[inner] - 1) >= extent) return undefined;
  const bands: Band[] = [];
  const clamp = (value: number): number => Math.min(extents[inner], Math.max(0, value));
  for (let c = 0; c < extents[outer]; c++) {
    const position = first + step * c;
    const from = clamp(Math.ceil((least - position) / innerStep));
    const to = Math.max(from, clamp(Math.ceil((most - position) / innerStep)));
    const last = bands.at(-1);
    if (last !== undefined && last.from === from && last.to === to) last.end = c + 1;
    else bands.push({ begin: c, end: c + 1, from, to });
  }
  return { outer, inner: inner - rank, bands };
}

function bandOf(kernel: LoopKernel, dot: Dot, outer: number, inner: number, band: Band): LoopKernel {
  const { begin, end, from, to } = band;
  const section = sectionOf(kernel, { dimension: outer, begin, end });
  const { left, right } = section.producer as Dot;
  const at = kernel.extents.length + inner;
  const moved = (operand: DotOperand): DotOperand => ({
    ...operand,
    offset: operand.offset + (operand.strides[at] ?? 0) * from,
  });
  const inners = dot.inner.map((extent, d) => (d === inner ? to - from : extent));
  return { ...section, producer: { ...dot, inner: inners, left: moved(left), right: moved(right) } };
}

/** The product in bands that leave out zeros; itself where that saves too little. */
export function cutByBorders(kernel: LoopKernel, dot: Dot, borders: Borders): readonly LoopKernel[] {
  const rank = kernel.extents.length;
  const extents = [...kernel.extents, ...dot.inner];
  const work = sizeOf(extents);
  for (const operand of [dot.left, dot.right]) {
    const border = borders.get(operand.buffer);
    if (border === undefined) continue;
    // The last dimension is left alone: along it, elements are moved in vectors.
    for (let dimension = 0; dimension < border.extents.length - 1; dimension++) {
      const [least, most] = border.inside[dimension];
      if (least <= 0 && most >= border.extents[dimension]) continue;
      const found = bandsAlong(operand, border, dimension, extents, rank);
      if (found === undefined) continue;
      const { outer, inner, bands } = found;
      const whole = extents[outer] * dot.inner[inner];
      const part = bands.reduce((sum, { begin, end, from, to }) => sum + (end - begin) * (to - from), 0);
      if (part > worthwhilePart * whole || work * (part / whole) < leastWork * bands.length) continue;
      return bands.map((band) => bandOf(kernel, dot, outer, inner, band));
    }
  }
  return [kernel];
}
