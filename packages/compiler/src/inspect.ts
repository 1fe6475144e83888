// Kernels as people see them.
import type { Kernel } from '@nn/core';

/** All ops that a kernel computes, in order. */
export function opsOf(kernel: Kernel): readonly string[] {
  switch (kernel.kind) {
    case 'loop':
      return kernel.ops ?? [kernel.name];
    case 'rows':
      return kernel.steps.flatMap(opsOf);
    case 'parallel':
      return kernel.parts.flatMap(opsOf);
    default:
      return [kernel.name];
  }
}

/** What a kernel does at each of the coordinates that it walks: 'dot', 'reduce', 'loop', 'scan', … */
export function kindOf(kernel: Kernel): string {
  return kernel.kind === 'loop' ? (kernel.producer?.kind ?? 'loop') : kernel.kind;
}

/** The extents that a kernel walks: `[64, 10] x [128]` for a product of 64 rows, 10 columns and 128 inner steps. */
export function walkOf(kernel: Kernel): string {
  switch (kernel.kind) {
    case 'loop': {
      const { producer, extents } = kernel;
      if (producer === null) return list(extents);
      return `${list(extents)} x ${list(producer.kind === 'reduce' ? producer.extents : producer.inner)}`;
    }
    case 'rows':
      return `${list(kernel.extents)} x ${kernel.steps.length} steps`;
    case 'parallel':
      return `${kernel.parts.length} parts`;
    case 'scan':
    case 'argsort':
      return list([kernel.outer, kernel.length, kernel.inner]);
    case 'scatter':
      return list(kernel.width === undefined ? [kernel.count] : [kernel.count, kernel.width]);
    case 'copy':
      return '';
  }
}

function list(extents: readonly number[]): string {
  return `[${extents.join(', ')}]`;
}
