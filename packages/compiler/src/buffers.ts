// Which buffers a kernel reads and writes.
import type { Instruction, Kernel } from '@nn/core';

function loadsOf(instructions: readonly Instruction[], reads: number[]): void {
  for (const instruction of instructions) {
    if (instruction.op === 'load' || instruction.op === 'gather') reads.push(instruction.access.buffer);
  }
}

export function buffersRead(kernel: Kernel): number[] {
  switch (kernel.kind) {
    case 'copy':
    case 'scan':
    case 'argsort':
      return [kernel.source];
    case 'scatter':
      return [kernel.index, kernel.source];
    case 'loop': {
      const reads: number[] = [];
      const { producer } = kernel;
      if (producer?.kind === 'reduce') loadsOf(producer.body, reads);
      if (producer?.kind === 'dot') reads.push(producer.left.buffer, producer.right.buffer);
      loadsOf(kernel.epilogue, reads);
      return [...new Set(reads)];
    }
  }
}

export function buffersWritten(kernel: Kernel): number[] {
  if (kernel.kind !== 'loop') return [kernel.target];
  return [...new Set(kernel.stores.map(({ access }) => access.buffer))];
}
