// From a graph to a program: lowers every node that has a buffer, last one first, so that a kernel can still ask
// for the buffers that it needs; then orders the kernels, drops what nobody reads and plans the memory.
import {
  type BufferSpec,
  contiguousStrides,
  type DType,
  type Kernel,
  type LoopKernel,
  type Program,
  sameShape,
  sizeOf,
} from '@nn/core';
import { areDistinct, boxOf, Coverage } from './boxes.ts';
import { compact, defaultBuffersPerKernel } from './buffers.ts';
import { attributesOf, type Graph, type GraphNode } from './graph.ts';
import { overwriteTemporaries, representativeOf } from './in-place.ts';
import { contiguousSource, type LoweringContext, lowerLoop } from './lowering.ts';
import { planMemory } from './memory.ts';
import { mergeKernels } from './merge.ts';
import { groupParallel } from './parallel.ts';
import { pickTerm } from './pick.ts';
import { groupRows } from './rows.ts';
import { Schedule } from './schedule.ts';
import { placeUpdates, type Update } from './updates.ts';
import { checkProgram } from './verification.ts';

export interface CompileOptions {
  /** Off: every op that computes is a kernel of its own. */
  readonly fusion: boolean;
  /** Bytes of an element on the device. */
  bytesPerElement(dtype: DType): number;
  /** How many buffers one loop, or steps of rows together, may touch. Default 8. */
  readonly buffersPerKernel?: number | undefined;
}

/** A root of the graph whose value may be written over that of an input, by their numbers in the graph's lists. */
export interface GraphUpdate {
  readonly root: number;
  readonly input: number;
}

export interface Compiled {
  readonly program: Program;
  /** The updates that the program does in place; these roots are no outputs of it. */
  readonly updated: readonly GraphUpdate[];
}

/** A program, and what it is made of. */
export interface Inspected extends Compiled {
  readonly schedule: Schedule;
  /** The nodes whose values lie in each buffer of the program, one after the other. */
  readonly origins: readonly (readonly GraphNode[])[];
}

export function compileGraph(
  graph: Graph,
  options: CompileOptions,
  updates: readonly GraphUpdate[] = [],
): Inspected {
  const writer = new ProgramWriter(graph, options);
  const compiled = writer.write(updates);
  checkProgram(compiled.program, options.bytesPerElement);
  return { ...compiled, schedule: writer.schedule, origins: writer.origins };
}

function buffersPerKernel(options: CompileOptions): number {
  return options.buffersPerKernel ?? defaultBuffersPerKernel;
}

interface Buffer {
  readonly dtype: DType;
  readonly length: number;
  role: BufferSpec['role'];
}

class ProgramWriter implements LoweringContext {
  readonly schedule: Schedule;
  readonly #graph: Graph;
  readonly #options: CompileOptions;
  readonly #buffers: Buffer[] = [];
  readonly #bufferOf = new Map<GraphNode, number>();
  /** Parts of a node's buffer that are written over before anyone reads it. */
  readonly #overwritten = new Map<GraphNode, Coverage>();
  /** Roots that are in their buffers once what they reshape is. */
  readonly #reshaped = new Set<GraphNode>();
  /** In reverse: each node's kernels before those of the nodes that it reads. */
  readonly #lowered: { readonly stage: number; readonly kernels: readonly Kernel[] }[] = [];
  readonly #originOf = new Map<Buffer, GraphNode>();
  /** Of the finished program's buffers. */
  origins: readonly (readonly GraphNode[])[] = [];

  constructor(graph: Graph, options: CompileOptions) {
    this.#graph = graph;
    this.#options = options;
    this.schedule = new Schedule(graph, options.fusion, buffersPerKernel(options));
  }

  write(updates: readonly GraphUpdate[]): Compiled {
    const { nodes, roots } = this.#graph;
    const inputs: number[] = [];
    for (const node of nodes) {
      if (node.leaf?.kind !== 'buffer') continue;
      inputs.push(this.#addBuffer(node, 'input'));
      this.#bufferOf.set(node, inputs[inputs.length - 1]);
    }
    const outputs: number[] = [];
    const copies: Kernel[] = [];
    for (const root of roots) {
      const output = this.#addBuffer(root, 'output');
      outputs.push(output);
      // A root that is another root's equal, or an input, is copied from its buffer.
      if (this.#bufferOf.has(root) || root.leaf !== null) copies.push(...this.#copyInto(root, output));
      else this.#bufferOf.set(root, output);
    }
    for (const root of roots) this.#computeReshaped(root);
    this.#lowered.push({ stage: 0, kernels: copies });
    for (let i = nodes.length - 1; i >= 0; i--) {
      const node = nodes[i];
      const target = this.#bufferOf.get(node);
      if (target === undefined || node.leaf?.kind === 'buffer' || node.size === 0) continue;
      if (this.#reshaped.has(node)) continue;
      this.#lowered.push({ stage: node.stage, kernels: this.#lower(node, target) });
    }
    const stages = this.#stages();
    const numbered = updates.map(({ root, input }) => ({ output: outputs[root], input: inputs[input] }));
    const merged = this.#options.fusion
      ? mergeKernels(stages, this.#buffers, buffersPerKernel(this.#options)).flatMap((kernels) =>
          this.#group(kernels, numbered),
        )
      : stages.flat();
    const program = this.#finish(merged, numbered);
    const updated = updates.filter((_, i) => this.#buffers[numbered[i].output].role === 'updated');
    return { program, updated };
  }

  /** A root that only reshapes what has a buffer of its own is computed there: one buffer does for both. */
  #computeReshaped(root: GraphNode): void {
    if (root.op !== 'reshape' || root.leaf !== null) return;
    let source = root.inputs[0];
    while (source.op === 'reshape' && source.leaf === null && !this.schedule.hasBuffer(source))
      source = source.inputs[0];
    if (source.leaf !== null || !this.schedule.hasBuffer(source) || this.#bufferOf.has(source)) return;
    this.#bufferOf.set(source, this.bufferOf(root));
    this.#reshaped.add(root);
  }

  #group(kernels: readonly Kernel[], updates: readonly Update[]): Kernel[] {
    const rows = groupRows(kernels, buffersPerKernel(this.#options));
    return groupParallel(rows, updates, this.#buffers, this.#options.bytesPerElement);
  }

  /** The kernels in order, cut where the first of a later stage stands. */
  #stages(): Kernel[][] {
    const stages: Kernel[][] = [[]];
    let latest = 0;
    for (const { stage, kernels } of this.#lowered.reverse()) {
      if (stage > latest) stages.push([]);
      latest = Math.max(latest, stage);
      stages[stages.length - 1].push(...kernels);
    }
    return stages;
  }

  /** Decides what shares a buffer, and where the temporaries lie. */
  #finish(unplaced: readonly Kernel[], updates: readonly Update[]): Program {
    const aliases = this.#buffers.map((_, buffer) => buffer);
    const placed = placeUpdates(unplaced, updates, aliases);
    overwriteTemporaries(placed, this.#buffers, aliases);
    for (const { output, input } of updates) {
      if (aliases[output] !== input) continue;
      this.#buffers[input].role = 'updated';
      this.#buffers[output].role = 'updated';
    }
    const { buffers, kernels } = compact(this.#buffers, placed, (buffer) =>
      representativeOf(aliases, buffer),
    );
    const values = new Map<Buffer, GraphNode[]>(buffers.map((buffer) => [buffer, []]));
    this.#buffers.forEach((buffer, i) => {
      const origin = this.#originOf.get(buffer);
      if (origin !== undefined) values.get(this.#buffers[representativeOf(aliases, i)])?.push(origin);
    });
    this.origins = buffers.map((buffer) => (values.get(buffer) ?? []).sort((a, b) => a.index - b.index));
    const params = this.#graph.params.map((param) => param.dtype);
    return planMemory(buffers, params, kernels, this.#options.bytesPerElement);
  }

  bufferOf(node: GraphNode): number {
    let buffer = this.#bufferOf.get(node);
    if (buffer === undefined) {
      buffer = this.#addBuffer(node, 'temporary');
      this.#bufferOf.set(node, buffer);
    }
    return buffer;
  }

  #addBuffer(node: GraphNode, role: BufferSpec['role']): number {
    const buffer = { dtype: node.dtype, length: node.size, role };
    this.#originOf.set(buffer, node);
    return this.#buffers.push(buffer) - 1;
  }

  #copyInto(node: GraphNode, target: number): Kernel[] {
    if (node.size === 0) return [];
    const strides = contiguousStrides(node.shape);
    return [this.#asCopy(lowerLoop(this, { value: node, compute: false, target, strides, offset: 0 }))];
  }

  #computeInto(node: GraphNode, target: number): Kernel {
    const strides = contiguousStrides(node.shape);
    const kernel = lowerLoop(this, { value: node, compute: true, target, strides, offset: 0 });
    return this.#asCopy(this.#options.fusion ? pickTerm(kernel) : kernel);
  }

  #lower(node: GraphNode, target: number): Kernel[] {
    switch (node.op) {
      case 'scatter':
        return this.#scatter(node, target);
      case 'assign':
        return this.#assign(node, target);
      case 'scan':
      case 'argsort':
        return [this.#along(node, target)];
      default:
        return [this.#computeInto(node, target)];
    }
  }

  /** The kernel that makes the target start as the base; none where the base's own kernel can write there. */
  #base(node: GraphNode, target: number): Kernel[] {
    const [base] = node.inputs;
    const coverage = this.#coverageOver(node);
    if (this.#isWhole(node) || coverage?.isFull) return [];
    if (this.schedule.baseIntoTarget(node)) return [this.#computeInto(base, target)];
    const reused = this.schedule.baseToReuse(node);
    if (reused !== null && !this.#bufferOf.has(reused)) {
      this.#bufferOf.set(reused, target);
      if (coverage !== null) this.#overwritten.set(reused, coverage);
      return [];
    }
    const source = this.bufferOf(contiguousSource(this.schedule, base));
    return [{ kind: 'copy', name: `${node.op}.base`, source, target }];
  }

  /** Whether an assign writes every element: as many as there are, each at a place of its own. */
  #isWhole(node: GraphNode): boolean {
    if (node.op !== 'assign') return false;
    const { shape, size } = node.inputs[1];
    return size === node.size && areDistinct(shape, attributesOf(node, 'assign').strides);
  }

  /** What an assign and those after it write into their common buffer; null where that is not known. */
  #coverageOver(node: GraphNode): Coverage | null {
    if (node.op !== 'assign') return null;
    const known = this.#overwritten.get(node);
    // Boxes of another shape say nothing of this one.
    const coverage = known && sameShape(known.shape, node.shape) ? known : new Coverage(node.shape);
    const { strides, offset } = attributesOf(node, 'assign');
    const box = boxOf(node.inputs[1].shape, strides, offset, node.shape);
    if (box !== null) coverage.add(box);
    return coverage;
  }

  #scatter(node: GraphNode, target: number): Kernel[] {
    const [, index, values] = node.inputs;
    const base = this.#base(node, target);
    if (values.size === 0) return base;
    const { mode, width } = attributesOf(node, 'scatter');
    const scatter: Kernel = {
      kind: 'scatter',
      name: 'scatter',
      mode,
      count: index.size,
      targetSize: node.size / (width ?? 1),
      ...(width === undefined ? {} : { width }),
      index: this.bufferOf(contiguousSource(this.schedule, index)),
      source: this.bufferOf(contiguousSource(this.schedule, values)),
      target,
    };
    return [...base, scatter];
  }

  #assign(node: GraphNode, target: number): Kernel[] {
    const value = node.inputs[1];
    const base = this.#base(node, target);
    if (value.size === 0) return base;
    const { strides, offset } = attributesOf(node, 'assign');
    const loop = lowerLoop(this, { value, compute: false, target, strides, offset });
    return [
      ...base,
      { ...loop, name: loop.name === 'copy' || loop.name === 'fill' ? 'assign' : `${loop.name}.assign` },
    ];
  }

  #along(node: GraphNode, target: number): Kernel {
    const [input] = node.inputs;
    const { dim } = attributesOf(node, 'scan');
    const common = {
      outer: sizeOf(node.shape.slice(0, dim)),
      length: input.shape[dim] ?? 1,
      inner: sizeOf(node.shape.slice(dim + 1)),
      source: this.bufferOf(contiguousSource(this.schedule, input)),
      target,
    };
    if (node.op === 'scan')
      return { kind: 'scan', name: 'scan', op: attributesOf(node, 'scan').op, ...common };
    const { descending, start } = attributesOf(node, 'argsort');
    return {
      kind: 'argsort',
      name: 'argsort',
      descending,
      ...common,
      ...(start === undefined ? {} : { start }),
      count: node.shape[dim] ?? 1,
    };
  }

  /** Plain loads of a whole buffer are what a device's own copy is for. */
  #asCopy(kernel: LoopKernel): Kernel {
    const [load] = kernel.epilogue;
    const [{ access }] = kernel.stores;
    if (kernel.producer !== null || kernel.epilogue.length !== 1 || load.op !== 'load') return kernel;
    const source = load.access;
    const whole =
      source.guards.length === 0 &&
      source.offset === 0 &&
      access.offset === 0 &&
      source.strides.length <= 1 &&
      source.strides.every((stride, i) => stride === 1 && access.strides[i] === 1) &&
      this.#buffers[source.buffer].length === this.#buffers[access.buffer].length;
    if (!whole) return kernel;
    return { kind: 'copy', name: 'copy', source: source.buffer, target: access.buffer };
  }
}
