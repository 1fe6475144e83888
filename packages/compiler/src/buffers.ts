// Which buffers a kernel reads and writes.
import type { BufferSpec, Instruction, Kernel, LoopKernel } from '@nn/core';

/** How many buffers a kernel may touch where the device does not say: WebGPU binds no fewer. */
export const defaultBuffersPerKernel = 8;

/** Kernels touch few buffers. */
function addNew(buffers: number[], buffer: number): void {
  if (!buffers.includes(buffer)) buffers.push(buffer);
}

/** The buffers that instructions load from. */
export function loadedBuffers(instructions: readonly Instruction[]): number[] {
  const reads: number[] = [];
  loadsOf(instructions, reads);
  return reads;
}

function loadsOf(instructions: readonly Instruction[], reads: number[]): void {
  for (const instruction of instructions)
    if (instruction.op === 'load' || instruction.op === 'gather') addNew(reads, instruction.access.buffer);
}

/** Found once for each kernel: passes ask again and again, and lists of instructions are long. */
const known = new WeakMap<Kernel, readonly number[]>();

export function buffersRead(kernel: Kernel): readonly number[] {
  let reads = known.get(kernel);
  if (reads === undefined) {
    reads = findReads(kernel);
    known.set(kernel, reads);
  }
  return reads;
}

function findReads(kernel: Kernel): readonly number[] {
  switch (kernel.kind) {
    case 'copy':
    case 'scan':
    case 'argsort':
      return [kernel.source];
    case 'scatter':
      return [kernel.index, kernel.source];
    case 'rows':
      return [...new Set(kernel.steps.flatMap(buffersRead))];
    case 'parallel':
      return [...new Set(kernel.parts.flatMap(buffersRead))];
    case 'loop': {
      const reads: number[] = [];
      const { producer } = kernel;
      if (producer?.kind === 'reduce') loadsOf(producer.body, reads);
      if (producer?.kind === 'dot') {
        addNew(reads, producer.left.buffer);
        addNew(reads, producer.right.buffer);
      }
      loadsOf(kernel.epilogue, reads);
      return reads;
    }
  }
}

export function buffersWritten(kernel: Kernel): number[] {
  switch (kernel.kind) {
    case 'rows':
      return [...new Set(kernel.steps.flatMap(buffersWritten))];
    case 'parallel':
      return [...new Set(kernel.parts.flatMap(buffersWritten))];
    case 'loop': {
      const writes: number[] = [];
      for (const { access } of kernel.stores) addNew(writes, access.buffer);
      return writes;
    }
    default:
      return [kernel.target];
  }
}

/**
 * Leaves out temporaries that no kernel touches any more and buffers that another one stands for, and numbers the
 * others anew.
 */
export function compact<B extends Pick<BufferSpec, 'role'>>(
  buffers: readonly B[],
  kernels: readonly Kernel[],
  representative: (buffer: number) => number,
): { readonly buffers: readonly B[]; readonly kernels: readonly Kernel[] } {
  const kept = buffers.map(({ role }, i) => representative(i) === i && role !== 'temporary');
  for (const kernel of kernels) {
    for (const list of [buffersRead(kernel), buffersWritten(kernel)])
      for (const buffer of list) kept[representative(buffer)] = true;
  }
  let count = 0;
  const own = kept.map((keep) => (keep ? count++ : -1));
  const numbers = buffers.map((_, i) => own[representative(i)]);
  if (numbers.every((number, i) => number === i)) return { buffers, kernels };
  return {
    buffers: buffers.filter((_, i) => kept[i]),
    kernels: kernels.map((kernel) => renumber(kernel, (buffer) => numbers[buffer])),
  };
}

/** The new number of a buffer. */
type Renumber = (buffer: number) => number;

export function renumber(kernel: Kernel, to: Renumber): Kernel {
  if (kernel.kind === 'scatter') {
    const { index, source, target } = kernel;
    return { ...kernel, index: to(index), source: to(source), target: to(target) };
  }
  if (kernel.kind === 'rows') return { ...kernel, steps: kernel.steps.map((step) => renumberLoop(step, to)) };
  if (kernel.kind === 'parallel')
    return { ...kernel, parts: kernel.parts.map((part) => renumberLoop(part, to)) };
  if (kernel.kind !== 'loop') return { ...kernel, source: to(kernel.source), target: to(kernel.target) };
  return renumberLoop(kernel, to);
}

export function renumberLoop(kernel: LoopKernel, to: Renumber): LoopKernel {
  const moved = <T extends { readonly buffer: number }>(access: T): T => ({
    ...access,
    buffer: to(access.buffer),
  });
  const instructions = (list: readonly Instruction[]): Instruction[] =>
    list.map((instruction) =>
      instruction.op === 'load' || instruction.op === 'gather'
        ? { ...instruction, access: moved(instruction.access) }
        : instruction,
    );
  const { producer } = kernel;
  const epilogue = instructions(kernel.epilogue);
  const stores = kernel.stores.map(({ access, value }) => ({ access: moved(access), value }));
  if (producer === null) return { ...kernel, epilogue, stores };
  if (producer.kind === 'reduce')
    return { ...kernel, epilogue, stores, producer: { ...producer, body: instructions(producer.body) } };
  const operands = { left: moved(producer.left), right: moved(producer.right) };
  return { ...kernel, epilogue, stores, producer: { ...producer, ...operands } };
}
