// How much a kernel walks.
import { type Kernel, type LoopKernel, sizeOf } from '@nn/core';

/** How many elements a loop walks, all of its steps or parts; 0 of a kernel that is none. */
export function workOf(kernel: Kernel | null): number {
  switch (kernel?.kind) {
    case 'loop':
      return workOfLoop(kernel);
    case 'rows':
      return sum(kernel.steps);
    case 'parallel':
      return sum(kernel.parts);
    default:
      return 0;
  }
}

function workOfLoop({ extents, producer }: LoopKernel): number {
  if (producer === null) return sizeOf(extents);
  return sizeOf(extents) * sizeOf(producer.kind === 'reduce' ? producer.extents : producer.inner);
}

function sum(loops: readonly LoopKernel[]): number {
  return loops.reduce((total, loop) => total + workOfLoop(loop), 0);
}
