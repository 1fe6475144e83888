// Shows what a graph compiles to, for people: kernels, buffers, and what stopped fusion.
import type { BufferSpec, DType, Node, Shape } from '@nn/core';
import { buffersRead, buffersWritten } from './buffers.ts';
import { type CompileOptions, compileGraph, type Inspected } from './compile.ts';
import { costOf, type KernelCost } from './cost.ts';
import { type Footprint, footprintOf, type Lifetime, lifetimesOf } from './footprint.ts';
import { buildGraph, distinctRoots } from './graph.ts';
import { kindOf, opsOf, walkOf } from './inspect.ts';
import { Linearizer } from './linearize.ts';
import { type BufferReason, bufferReasons } from './reason.ts';
import { countNames, formatBytes, formatTable } from './table.ts';

export interface ExplainOptions extends CompileOptions {
  /** What people call the value of an input or an output. */
  nameOf?(node: Node): string | undefined;
}

export interface ExplainedKernel extends KernelCost {
  readonly name: string;
  /** 'loop', 'reduce', 'dot', 'scan', … */
  readonly kind: string;
  /** The extents that it walks. */
  readonly walk: string;
  /** All ops that are fused in it. */
  readonly ops: readonly string[];
  /** Names of buffers. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
}

export interface ExplainedBuffer {
  readonly name: string;
  readonly role: BufferSpec['role'];
  /** The op whose value it holds in the end. */
  readonly op: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly bytes: number;
  /** The first and the last kernel that uses it; null when none does. */
  readonly lifetime: Lifetime | null;
  /** Why the value was not computed where it is used; undefined for inputs. */
  readonly reason: BufferReason | undefined;
  /** Values that lay in it before, and were written over in place. */
  readonly former: readonly { readonly op: string; readonly reason: BufferReason | undefined }[];
}

/** The plan of a flush. As a string: tables for people. */
export class Explanation implements Footprint {
  /** Ops that it computes. */
  readonly nodeCount: number;
  readonly kernels: readonly ExplainedKernel[];
  readonly buffers: readonly ExplainedBuffer[];
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly arenaBytes: number;
  readonly temporaryBytes: number;
  readonly peakBytes: number;
  readonly requiredBytes: number;

  constructor(nodeCount: number, inspected: Inspected, inputs: readonly Node[], options: ExplainOptions) {
    const { program } = inspected;
    this.nodeCount = nodeCount;
    this.buffers = explainBuffers(inspected, inputs, options);
    this.kernels = program.kernels.map((kernel) => {
      const named = (buffers: readonly number[]): string[] => buffers.map((i) => this.buffers[i].name);
      return {
        name: kernel.name,
        kind: kindOf(kernel),
        walk: walkOf(kernel),
        ops: opsOf(kernel),
        reads: named(buffersRead(kernel)),
        writes: named(buffersWritten(kernel)),
        ...costOf(kernel, program.buffers, options.bytesPerElement),
      };
    });
    const footprint = footprintOf(program, options.bytesPerElement);
    this.inputBytes = footprint.inputBytes;
    this.outputBytes = footprint.outputBytes;
    this.arenaBytes = footprint.arenaBytes;
    this.temporaryBytes = footprint.temporaryBytes;
    this.peakBytes = footprint.peakBytes;
    this.requiredBytes = footprint.requiredBytes;
  }

  toString(): string {
    const columns = ['#', 'kernel', 'kind', 'walks', 'reads', 'writes', 'flops', 'bytes'];
    const kernels = this.kernels.map((kernel, i) => [
      String(i),
      kernel.name,
      kernel.kind,
      kernel.walk,
      kernel.reads.join(' '),
      kernel.writes.join(' '),
      String(kernel.flops),
      String(kernel.bytesRead + kernel.bytesWritten),
    ]);
    const buffers = this.buffers.map((buffer) => [
      buffer.name,
      [...buffer.former, buffer].map(({ op }) => op).join(', '),
      buffer.role,
      buffer.dtype,
      `[${buffer.shape.join(', ')}]`,
      String(buffer.bytes),
      buffer.lifetime === null ? 'none' : [...new Set(buffer.lifetime)].join('–'),
      [...buffer.former, buffer]
        .flatMap(({ reason }) => (reason === undefined ? [] : [bufferReasons[reason]]))
        .join('; '),
    ]);
    const left = (heads: readonly string[]): { head: string; align: 'left' | 'right' }[] =>
      heads.map((head) => ({ head, align: ['flops', 'bytes', '#'].includes(head) ? 'right' : 'left' }));
    return [
      `${this.nodeCount} ops in ${this.kernels.length} kernels`,
      `${formatBytes(this.peakBytes)} at the peak (inputs ${formatBytes(this.inputBytes)}, outputs ` +
        `${formatBytes(this.outputBytes)}, arena ${formatBytes(this.arenaBytes)} for ` +
        `${formatBytes(this.temporaryBytes)} of temporaries); ${formatBytes(this.requiredBytes)} must be there at once`,
      '',
      ...formatTable(left(columns), kernels),
      ...this.#fullLists(),
      '',
      ...formatTable(
        left(['buffer', 'op', 'role', 'dtype', 'shape', 'bytes', 'kernels', 'why it is no part of a kernel']),
        buffers,
      ),
    ].join('\n');
  }

  /** The ops of kernels whose names are cut. */
  #fullLists(): string[] {
    const cut = this.kernels.flatMap(({ name, ops }, i) =>
      isCut(name) ? [`#${i}: ${countNames(ops)}`] : [],
    );
    return cut.length === 0 ? [] : ['', 'ops in full:', ...cut];
  }
}

// What Node's console shows.
Object.defineProperty(Explanation.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value(this: Explanation) {
    return this.toString();
  },
});

/**
 * What the roots compile to: the kernels with what each fuses, walks, reads and writes, the buffers with their
 * lifetimes, and for each why its value was not computed in place. Nothing is run or remembered.
 *
 * @example
 * ```ts
 * import { explain } from '@nn/compiler';
 * import { bytesPerElement, dataNode, makeNode } from '@nn/core';
 * const x = dataNode(new Float32Array(6), [2, 3], 'float32', 'cpu');
 * const y = makeNode('sum', [makeNode('exp', [x], {})], { dims: [1], keepDims: false });
 * const plan = explain([y], { fusion: true, bytesPerElement });
 * console.log(plan.kernels[0].ops, plan.peakBytes); // => ["exp", "sum"] 32
 * ```
 */
export function explain(roots: readonly Node[], options: ExplainOptions): Explanation {
  const outputs = distinctRoots(roots);
  const linearizer = new Linearizer();
  linearizer.walk(outputs);
  const { inputs, params, count } = linearizer;
  const graph = buildGraph(linearizer.order(), outputs);
  const computed = count - inputs.length - params.length;
  return new Explanation(computed, compileGraph(graph, options), inputs, options);
}

function explainBuffers(
  { program, schedule, origins }: Inspected,
  inputs: readonly Node[],
  options: ExplainOptions,
): ExplainedBuffer[] {
  const lifetimes = lifetimesOf(program.kernels);
  const counts = { input: 0, output: 0, temporary: 0 };
  return program.buffers.map(({ role, dtype, length }, i) => {
    const origin = origins[i].at(-1);
    const isInput = role === 'input' || role === 'updated';
    const short = isInput ? 'input' : role;
    const number = counts[short]++;
    const source = isInput ? inputs[number] : undefined;
    const name = source === undefined ? undefined : options.nameOf?.(source);
    return {
      name: name ?? `${{ input: 'in', output: 'out', temporary: 't' }[short]}${number}`,
      role,
      op: source?.op ?? origin?.op ?? '',
      dtype,
      shape: source?.shape ?? origin?.shape ?? [length],
      bytes: length * options.bytesPerElement(dtype),
      lifetime: lifetimes.get(i) ?? null,
      reason: isInput || origin === undefined ? undefined : schedule.reasonOf(origin),
      former: origins[i]
        .slice(0, -1)
        .flatMap((node) => (node.leaf === null ? [{ op: node.op, reason: schedule.reasonOf(node) }] : [])),
    };
  });
}

function isCut(name: string): boolean {
  return name.includes('.+') || name.endsWith('…');
}
