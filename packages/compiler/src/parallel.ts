// Makes one kernel of loops that have nothing to do with each other and are too small to be worth starting one by
// one: an optimizer's updates of all parameters, the gradients of biases.
import type { BufferSpec, DType, Kernel, LoopKernel } from '@nn/core';
import { buffersRead, buffersWritten } from './buffers.ts';
import { Dependences } from './dependences.ts';
import { joinNames } from './join.ts';
import type { Update } from './updates.ts';

type Buffers = readonly Pick<BufferSpec, 'role' | 'length' | 'dtype'>[];

const maximumParts = 64;
/** Loops that walk more elements than this fill a device by themselves. */
const smallWork = 65536;
/** Groups that still take loops. */
const maximumOpen = 4;
/** Bytes of temporaries that may be kept longer because those who read them last wait for their group. */
const maximumWaiting = 2 ** 18;

interface Group {
  /** The kernels' places, in order. */
  readonly members: number[];
  readonly parts: LoopKernel[];
  /** Bytes of temporaries that only wait for this group to run. */
  waiting: number;
}

/** @param updates results that are to replace inputs, which all others must have read by then. */
export function groupParallel(
  kernels: readonly Kernel[],
  updates: readonly Update[],
  buffers: Buffers,
  bytesPerElement: (dtype: DType) => number,
): Kernel[] {
  const order = new Dependences(kernels);
  const lastReader = new Map<number, number>();
  kernels.forEach((kernel, at) => {
    for (const buffer of buffersRead(kernel)) lastReader.set(buffer, at);
  });
  const isSink = (kernel: LoopKernel): boolean =>
    buffersWritten(kernel).every((buffer) => buffers[buffer].role === 'output' && !lastReader.has(buffer));
  const waitingFor = (kernel: LoopKernel, at: number): number => {
    let bytes = 0;
    for (const buffer of buffersRead(kernel)) {
      const { role, length, dtype } = buffers[buffer];
      if (role === 'temporary' && lastReader.get(buffer) === at) bytes += length * bytesPerElement(dtype);
    }
    return bytes;
  };

  const replacedBy = new Map(updates.map(({ output, input }) => [output, input]));
  const replaces = (kernel: Kernel, other: Kernel): boolean => {
    const reads = buffersRead(other);
    return buffersWritten(kernel).some((buffer) => reads.includes(replacedBy.get(buffer) ?? -1));
  };

  let open: Group[] = [];
  const groups: Group[] = [];
  kernels.forEach((kernel, at) => {
    if (kernel.kind !== 'loop' || kernel.producer?.kind === 'dot') return;
    if (workOf(kernel) > smallWork && !(kernel.producer === null && isSink(kernel))) return;
    const waiting = waitingFor(kernel, at);
    const group = open.find(
      ({ members, parts, waiting: held }) =>
        parts.length < maximumParts &&
        // Between neighbours nothing needs the memory.
        (held <= maximumWaiting || isRun(members, at)) &&
        !parts.some((part) => replaces(part, kernel) || replaces(kernel, part)) &&
        order.areIndependent(members[0], at),
    );
    if (group === undefined) {
      open = [{ members: [at], parts: [kernel], waiting }, ...open].slice(0, maximumOpen);
      groups.push(open[0]);
      return;
    }
    order.contract(group.members[0], at, kernel);
    group.members.push(at);
    group.parts.push(kernel);
    group.waiting += waiting;
  });
  for (const { members, parts } of groups) {
    const name = parts.map((part) => part.name).reduce(joinNames);
    order.replace(members[0], parts.length === 1 ? parts[0] : { kind: 'parallel', name, parts });
  }
  return order.ordered();
}

/** Whether the kernels and the next one follow each other without any other between them. */
function isRun(members: readonly number[], next: number): boolean {
  return next - members[0] === members.length;
}

/** How many elements a loop walks. */
function workOf({ extents, producer }: LoopKernel): number {
  const inner = producer?.kind === 'reduce' ? producer.extents : [];
  return [...extents, ...inner].reduce((a, b) => a * b, 1);
}
