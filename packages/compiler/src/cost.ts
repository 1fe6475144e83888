// What a kernel costs: arithmetic on floats, and bytes moved.
import {
  type Access,
  type Affine,
  type BufferSpec,
  type DType,
  type Instruction,
  isFloat,
  type Kernel,
  type LoopKernel,
  mathOps,
} from '@nn/core';

export interface KernelCost {
  /**
   * Operations on floats: of a product two for each pair of factors; else one for each arithmetic instruction of each
   * element (a transcendental function counts as one, a fused multiply-add as two) and one for each element that is
   * accumulated. Comparisons, selections, casts, integers and random bits count nothing.
   */
  readonly flops: number;
  /** Bytes of the elements that it reads, each once, however often it is read. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

const arithmetic: ReadonlySet<string> = new Set<string>([
  ...mathOps,
  ...['add', 'sub', 'mul', 'div', 'rem', 'min', 'max', 'pow', 'atan2', 'neg', 'abs'],
  ...['floor', 'ceil', 'trunc', 'round', 'sqrt'],
]);

const product = (extents: readonly number[]): number => extents.reduce((a, b) => a * b, 1);

/** @param buffers of the kernel's program */
export function costOf(
  kernel: Kernel,
  buffers: readonly BufferSpec[],
  bytesPerElement: (dtype: DType) => number,
): KernelCost {
  const traffic = new Traffic(buffers, bytesPerElement);
  const flops = count(kernel, buffers, traffic);
  return { flops, bytesRead: traffic.bytesRead, bytesWritten: traffic.bytesWritten };
}

/** Notes all accesses; returns the operations. */
function count(kernel: Kernel, buffers: readonly BufferSpec[], traffic: Traffic): number {
  const inFloats = (buffer: number, operations: number): number =>
    isFloat(buffers[buffer].dtype) ? operations : 0;
  switch (kernel.kind) {
    case 'loop':
      return countLoop(kernel, traffic);
    case 'rows':
      return kernel.steps.reduce((sum, step) => sum + countLoop(step, traffic), 0);
    case 'parallel':
      return kernel.parts.reduce((sum, part) => sum + countLoop(part, traffic), 0);
    case 'copy':
      traffic.read(kernel.source, 'all', buffers[kernel.source].length);
      traffic.write(kernel.target, 'all', buffers[kernel.source].length);
      return 0;
    case 'scatter': {
      const { index, source, target, mode, count, width = 1 } = kernel;
      traffic.read(index, 'all', count);
      traffic.read(source, 'all', count * width);
      if (mode !== 'set') traffic.read(target, 'scattered', count * width);
      traffic.write(target, 'scattered', count * width);
      return mode === 'set' ? 0 : inFloats(source, count * width);
    }
    case 'scan':
    case 'argsort': {
      const { source, target, outer, length, inner } = kernel;
      const kept = kernel.kind === 'argsort' ? kernel.count : length;
      traffic.read(source, 'all', outer * length * inner);
      traffic.write(target, 'all', outer * kept * inner);
      return kernel.kind === 'scan' ? inFloats(source, outer * length * inner) : 0;
    }
  }
}

function countLoop({ extents, producer, epilogue, stores }: LoopKernel, traffic: Traffic): number {
  const elements = product(extents);
  let flops = elements * countInstructions(epilogue, extents, traffic);
  if (producer?.kind === 'reduce') {
    const all = [...extents, ...producer.extents];
    const accumulated = producer.accumulators.filter(({ dtype }) => isFloat(dtype)).length;
    flops += product(all) * (countInstructions(producer.body, all, traffic) + accumulated);
  }
  if (producer?.kind === 'dot') {
    const all = [...extents, ...producer.inner];
    for (const operand of [producer.left, producer.right]) traffic.walk(operand, all);
    if (isFloat(producer.dtype)) flops += 2 * product(all);
  }
  for (const { access } of stores) traffic.walkWritten(access, extents);
  return flops;
}

function countInstructions(
  instructions: readonly Instruction[],
  extents: readonly number[],
  traffic: Traffic,
): number {
  let flops = 0;
  for (const instruction of instructions) {
    const { op, dtype } = instruction;
    if (op === 'load') traffic.walk(instruction.access, extents);
    else if (op === 'gather') traffic.gather(instruction.access, instruction.size, extents);
    else if (isFloat(dtype)) flops += op === 'fma' ? 2 : arithmetic.has(op) ? 1 : 0;
  }
  return flops;
}

/** Elements of each buffer that are read and written: equal accesses once, different ones at most the whole buffer. */
class Traffic {
  readonly #buffers: readonly BufferSpec[];
  readonly #bytesPerElement: (dtype: DType) => number;
  readonly #reads = new Map<number, Map<string, number>>();
  readonly #writes = new Map<number, Map<string, number>>();

  constructor(buffers: readonly BufferSpec[], bytesPerElement: (dtype: DType) => number) {
    this.#buffers = buffers;
    this.#bytesPerElement = bytesPerElement;
  }

  get bytesRead(): number {
    return this.#bytes(this.#reads);
  }
  get bytesWritten(): number {
    return this.#bytes(this.#writes);
  }

  /** What an earlier step of the kernel wrote is at hand. */
  read(buffer: number, region: string, elements: number): void {
    if (!this.#writes.has(buffer)) note(this.#reads, buffer, region, elements);
  }
  write(buffer: number, region: string, elements: number): void {
    note(this.#writes, buffer, region, elements);
  }
  walk(access: Affine & Pick<Access, 'buffer'>, extents: readonly number[]): void {
    this.read(access.buffer, regionOf(access), walked(access, extents));
  }
  walkWritten(access: Access, extents: readonly number[]): void {
    this.write(access.buffer, regionOf(access), walked(access, extents));
  }
  gather(access: Access, size: number, extents: readonly number[]): void {
    this.read(access.buffer, 'gathered', Math.min(product(extents), size + walked(access, extents) - 1));
  }

  #bytes(regions: ReadonlyMap<number, ReadonlyMap<string, number>>): number {
    let bytes = 0;
    for (const [buffer, counts] of regions) {
      const { dtype, length } = this.#buffers[buffer];
      const elements = [...counts.values()].reduce((a, b) => a + b, 0);
      bytes += Math.min(elements, length) * this.#bytesPerElement(dtype);
    }
    return bytes;
  }
}

function note(
  regions: Map<number, Map<string, number>>,
  buffer: number,
  region: string,
  elements: number,
): void {
  const known = regions.get(buffer);
  if (known === undefined) regions.set(buffer, new Map([[region, elements]]));
  else known.set(region, Math.max(known.get(region) ?? 0, elements));
}

function regionOf({ offset, strides }: Affine): string {
  return `${offset}:${strides.filter((stride) => stride !== 0).join()}`;
}

/** Distinct elements at most: of overlapping steps, those between the first and the last. */
function walked({ strides }: Affine, extents: readonly number[]): number {
  let elements = 1;
  let span = 1;
  for (let d = 0; d < extents.length; d++) {
    if (extents[d] === 0) return 0;
    const stride = Math.abs(strides[d] ?? 0);
    if (stride === 0) continue;
    elements *= extents[d];
    span += stride * (extents[d] - 1);
  }
  return Math.min(elements, span);
}
