// Writing results over what they are computed from: whether a kernel may, and where temporaries do.
import type { Affine, BufferSpec, Instruction, Kernel, LoopKernel } from '@nn/core';
import { buffersRead, buffersWritten, renumber, renumberLoop } from './buffers.ts';
import { staysInRows } from './locality.ts';

/** What a kernel would do if the buffer that it writes were one that it reads. */
export class WriteOver {
  readonly #kernel: Kernel;
  /** Of a parallel kernel, the parts that touch each buffer. */
  #parts: Map<number, Set<LoopKernel>> | null = null;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /**
   * Whether every element is read before it is written: at the very coordinate that writes it, or by an earlier step
   * of the same row.
   */
  allows(read: number, written: number): boolean {
    const kernel = this.#kernel;
    switch (kernel.kind) {
      case 'loop':
        return loopAllows(kernel, read, written);
      case 'parallel': {
        const touching = new Set([...this.#partsOf(read), ...this.#partsOf(written)]);
        const [part] = touching;
        return touching.size === 1 && loopAllows(part, read, written);
      }
      case 'rows':
        return stepsAllow(kernel.steps, kernel.extents.length, read, written);
      default:
        return false;
    }
  }

  #partsOf(buffer: number): ReadonlySet<LoopKernel> {
    if (this.#parts === null) {
      this.#parts = new Map();
      for (const part of this.#kernel.kind === 'parallel' ? this.#kernel.parts : []) {
        for (const touched of [...buffersRead(part), ...buffersWritten(part)]) {
          const known = this.#parts.get(touched);
          if (known === undefined) this.#parts.set(touched, new Set([part]));
          else known.add(part);
        }
      }
    }
    return this.#parts.get(buffer) ?? new Set();
  }
}

function loopAllows({ producer, epilogue, stores }: LoopKernel, read: number, written: number): boolean {
  if (producer?.kind === 'dot' && (producer.left.buffer === read || producer.right.buffer === read))
    return false;
  if (producer?.kind === 'reduce' && loadsOf(producer.body, read).length > 0) return false;
  const places = stores.filter(({ access }) => access.buffer === written || access.buffer === read);
  if (places.length !== 1 || places[0].access.buffer !== written) return false;
  return loadsOf(epilogue, read).every(
    (load) => load.op === 'load' && load.access.guards.length === 0 && isSame(load.access, places[0].access),
  );
}

/** Earlier steps may touch the buffer in the row that the writing step writes; later ones want what is gone then. */
function stepsAllow(steps: readonly LoopKernel[], rows: number, read: number, written: number): boolean {
  const at = steps.findIndex((step) => buffersWritten(step).includes(written));
  if (at < 0 || !loopAllows(steps[at], read, written)) return false;
  for (const step of steps.slice(at + 1)) {
    if (buffersRead(step).includes(read) || buffersWritten(step).includes(read)) return false;
    if (buffersWritten(step).includes(written)) return false;
  }
  const writing = renumberLoop(steps[at], (buffer) => (buffer === written ? read : buffer));
  return steps.slice(0, at).every((step) => staysInRows(step, writing, rows));
}

type Loading = Extract<Instruction, { op: 'load' | 'gather' }>;

function loadsOf(list: readonly Instruction[], buffer: number): Loading[] {
  return list.filter(
    (each): each is Loading => (each.op === 'load' || each.op === 'gather') && each.access.buffer === buffer,
  );
}

function isSame(a: Affine, b: Affine): boolean {
  return (
    a.offset === b.offset &&
    a.strides.length === b.strides.length &&
    a.strides.every((stride, i) => stride === b.strides[i])
  );
}

type Buffers = readonly Pick<BufferSpec, 'role' | 'length' | 'dtype'>[];

/**
 * Lets kernels write over temporaries that end with them. `aliases` says, and is told, which buffer stands for each
 * one: WebGPU cannot bind two that overlap, so both must be the same.
 */
export function overwriteTemporaries(kernels: readonly Kernel[], buffers: Buffers, aliases: number[]): void {
  const first = new Array<number>(buffers.length).fill(-1);
  const last = new Array<number>(buffers.length).fill(-1);
  const touched = kernels.map((kernel) => ({ reads: buffersRead(kernel), writes: buffersWritten(kernel) }));
  touched.forEach(({ reads, writes }, at) => {
    for (const list of [reads, writes]) {
      for (const buffer of list) {
        if (first[buffer] < 0) first[buffer] = at;
        last[buffer] = at;
      }
    }
  });
  const representative = (buffer: number): number => representativeOf(aliases, buffer);
  touched.forEach(({ reads, writes }, at) => {
    const kernel = kernels[at];
    if (kernel.kind !== 'loop' && kernel.kind !== 'rows' && kernel.kind !== 'parallel') return;
    let ending = reads.filter((buffer) => buffers[buffer].role === 'temporary' && last[buffer] === at);
    if (ending.length === 0) return;
    // Steps of rows can write over what an earlier step wrote over: they are seen as they will be.
    const current = (): WriteOver =>
      new WriteOver(kernel.kind === 'rows' ? renumber(kernel, representative) : kernel);
    const seen = kernel.kind === 'rows' ? representative : (buffer: number): number => buffer;
    let over = current();
    for (const written of writes) {
      const { role, dtype, length } = buffers[written];
      const isNew = first[written] === at && aliases[written] === written;
      if (!isNew || (role !== 'temporary' && role !== 'output')) continue;
      const read = ending.find((buffer) => {
        const fits = buffers[buffer].dtype === dtype && buffers[buffer].length === length;
        return fits && seen(buffer) !== written && over.allows(seen(buffer), written);
      });
      if (read === undefined) continue;
      ending = ending.filter((buffer) => buffer !== read);
      if (role === 'output') aliases[representative(read)] = written;
      else aliases[written] = representative(read);
      if (kernel.kind === 'rows') over = current();
    }
  });
}

/** The buffer that stands for this one. */
export function representativeOf(aliases: readonly number[], buffer: number): number {
  let found = buffer;
  while (aliases[found] !== found) found = aliases[found];
  return found;
}
