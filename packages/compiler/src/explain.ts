// Shows what a graph compiles to, for people.
import type { Kernel, Node, Program } from '@nn/core';
import { buffersRead, buffersWritten } from './buffers.ts';
import { type CompileOptions, compileGraph } from './compile.ts';
import { buildGraph, distinctRoots } from './graph.ts';
import { Linearizer } from './linearize.ts';

/**
 * The kernels that the roots compile to, as a table: what each fuses, what it walks, reads and writes.
 *
 * @example
 * ```ts
 * import { explain } from '@nn/compiler';
 * import { bytesPerElement, dataNode, makeNode } from '@nn/core';
 * const x = dataNode(new Float32Array(6), [2, 3], 'float32', 'cpu');
 * const y = makeNode('sum', [makeNode('exp', [x], {})], { dims: [1], keepDims: false });
 * console.log(explain([y], { fusion: true, bytesPerElement }).split('\n')[0]);
 * // => 2 nodes, 1 kernels, 0 arena bytes
 * ```
 */
export function explain(roots: readonly Node[], options: CompileOptions): string {
  const outputs = distinctRoots(roots);
  const linearizer = new Linearizer();
  linearizer.walk(outputs);
  const { inputs, params, order } = linearizer;
  const computed = order.length - inputs.length - params.length;
  const program = compileGraph(buildGraph(order, outputs), options);
  return [
    `${computed} nodes, ${program.kernels.length} kernels, ${program.arenaBytes} arena bytes`,
    ...formatTable(
      ['kernel', 'kind', 'walks', 'reads', 'writes'],
      program.kernels.map((k) => row(k)),
    ),
    '',
    ...formatTable(['buffer', 'role', 'dtype', 'length', 'offset'], bufferRows(program)),
  ].join('\n');
}

function row(kernel: Kernel): string[] {
  const names = (buffers: readonly number[]): string => buffers.map((buffer) => `b${buffer}`).join(' ');
  const [kind, walks] = describe(kernel);
  return [kernel.name, kind, walks, names(buffersRead(kernel)), names(buffersWritten(kernel))];
}

function describe(kernel: Kernel): [kind: string, walks: string] {
  switch (kernel.kind) {
    case 'loop': {
      const { producer, extents } = kernel;
      if (producer === null) return ['loop', `[${extents.join(', ')}]`];
      const inner = producer.kind === 'reduce' ? producer.extents : producer.inner;
      return [producer.kind, `[${extents.join(', ')}] x [${inner.join(', ')}]`];
    }
    case 'rows':
      return ['rows', `[${kernel.extents.join(', ')}] of ${kernel.steps.length} steps`];
    case 'parallel':
      return ['parallel', `${kernel.parts.length} parts`];
    case 'scan':
    case 'argsort':
      return [kernel.kind, `[${kernel.outer}, ${kernel.length}, ${kernel.inner}]`];
    case 'scatter':
      return [kernel.kind, `[${kernel.count}]`];
    case 'copy':
      return [kernel.kind, ''];
  }
}

function bufferRows(program: Program): string[][] {
  return program.buffers.map(({ role, dtype, length, offset }, i) => [
    `b${i}`,
    role,
    dtype,
    String(length),
    role === 'temporary' ? String(offset) : '',
  ]);
}

function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((cells) => cells[column].length)));
  return all.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
}
