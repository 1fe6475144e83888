// Decides which nodes get a buffer. All others are computed inside the kernels of those that read them.
//
// The decisions are only a wish: lowering gives a buffer to whatever it finds it cannot express in place.
import { attributesOf, type Graph, type GraphNode } from './graph.ts';
import type { BufferReason } from './reason.ts';
import { weightOf } from './weight.ts';

/** How a node's value reaches the kernels that use it, gathered from its consumers. */
interface Use {
  /** The kernels (nodes with buffers) that it would be computed in; more than `maximumKernels` are not told apart. */
  kernels: number[];
  /** How many elements the kernels would compute, at most. */
  evaluations: number;
  /** The view it is read through: the same element in two views is computed twice. */
  view: number;
  /** Inside a reduction's body, where no other reduction or dot can be. */
  inBody: boolean;
  /** Each element of the kernel is one element of the node. */
  bijective: boolean;
  /** A kernel reads it as a buffer: with any strides (a dot's operand), or contiguous. */
  reads: { readonly strided: boolean; readonly contiguous: boolean };
}

const inPlace = { strided: false, contiguous: false };

/** Views by the movement node that makes them; these stand for no view, and (less a node's index) for several. */
const direct = -1;
const severalViews = -2;

const maximumKernels = 4;
/** Instructions in one kernel: longer ones spill registers, and recursion stays shallow. */
const maximumWeight = 400;
const maximumNodes = 160;

/** An inlined node may cost this much a kernel more when it reads no more than its own buffer would be. */
const recomputeWeight = 20;

/**
 * Tests of a pad's border, for each of its elements, that take about as long as writing and reading it: fewer inside
 * of reductions, whose loops are otherwise short.
 */
const borderTests = { inBody: 2, inEpilogue: 4 };

export class Schedule {
  readonly graph: Graph;
  readonly fusion: boolean;
  readonly #materialised: boolean[];
  /** Bases of scatter and assign that are computed straight into the result's buffer. */
  readonly #intoTarget: boolean[];
  /** How many nodes (and roots) take each node. */
  readonly #consumers: number[];
  /** For those who ask why. */
  readonly #reasons: Reasons = new Map();

  /** @param buffersPerKernel how many buffers a kernel may touch */
  constructor(graph: Graph, fusion: boolean, buffersPerKernel: number) {
    this.graph = graph;
    this.fusion = fusion;
    this.#materialised = new Array<boolean>(graph.nodes.length).fill(false);
    this.#intoTarget = new Array<boolean>(graph.nodes.length).fill(false);
    this.#consumers = new Array<number>(graph.nodes.length).fill(0);
    for (const node of graph.nodes) for (const input of node.inputs) this.#consumers[input.index]++;
    for (const root of graph.roots) this.#consumers[root.index]++;
    new Chooser(
      graph,
      fusion,
      buffersPerKernel,
      this.#consumers,
      this.#materialised,
      this.#intoTarget,
      this.#reasons,
    ).choose();
  }

  /** Whether the node is read from a buffer: a leaf's own, or one that a kernel writes. */
  hasBuffer(node: GraphNode): boolean {
    return node.leaf?.kind === 'buffer' || this.#materialised[node.index];
  }

  /** Gives the node a buffer. */
  materialise(node: GraphNode, reason: BufferReason): void {
    this.#materialised[node.index] = true;
    if (!this.#reasons.has(node.index)) this.#reasons.set(node.index, reason);
  }

  /** Why the node has a buffer; undefined when it has none. */
  reasonOf(node: GraphNode): BufferReason | undefined {
    return this.#reasons.get(node.index);
  }

  /** Whether the base of this scatter or assign is written straight into its result. */
  baseIntoTarget(node: GraphNode): boolean {
    return this.#intoTarget[node.index] && !this.hasBuffer(node.inputs[0]);
  }

  /** The computed node whose buffer the scatter or assign can write over: nobody else reads it. */
  baseToReuse(node: GraphNode): GraphNode | null {
    let base = node.inputs[0];
    while (base.op === 'reshape' && this.#consumers[base.index] === 1 && !this.hasBuffer(base))
      base = base.inputs[0];
    return base.leaf === null && this.hasBuffer(base) && this.#consumers[base.index] === 1 ? base : null;
  }
}

/** By the index of a node with a buffer. */
type Reasons = Map<number, BufferReason>;

class Chooser {
  readonly #graph: Graph;
  readonly #fusion: boolean;
  readonly #buffersPerKernel: number;
  readonly #materialised: boolean[];
  readonly #intoTarget: boolean[];
  readonly #reasons: Reasons;
  readonly #consumers: readonly number[];
  readonly #uses: (Use | undefined)[];
  /** Weight and full-size loads of computing a node from buffers. */
  readonly #weight: number[];
  readonly #loads: number[];
  /** The reduction or dot that would be computed in the node's kernel, as a key. */
  readonly #carries: (string | null)[];
  /** The last walk that came by each node. */
  readonly #seen: Int32Array;
  #walks = 0;
  /** The producer of each kernel, as far as decided: what else may share it. */
  readonly #producers = new Map<number, string>();

  constructor(
    graph: Graph,
    fusion: boolean,
    buffersPerKernel: number,
    consumers: readonly number[],
    materialised: boolean[],
    intoTarget: boolean[],
    reasons: Reasons,
  ) {
    this.#graph = graph;
    this.#fusion = fusion;
    this.#buffersPerKernel = buffersPerKernel;
    this.#consumers = consumers;
    this.#materialised = materialised;
    this.#intoTarget = intoTarget;
    this.#reasons = reasons;
    const count = graph.nodes.length;
    this.#seen = new Int32Array(count);
    this.#uses = new Array<Use | undefined>(count).fill(undefined);
    this.#weight = new Array<number>(count).fill(0);
    this.#loads = new Array<number>(count).fill(0);
    this.#carries = new Array<string | null>(count).fill(null);
  }

  choose(): void {
    for (const root of this.#graph.roots) if (root.leaf === null) this.#materialised[root.index] = true;
    for (const node of this.#graph.nodes) this.#estimate(node);
    const { nodes } = this.#graph;
    const isRoot = new Set(this.#graph.roots);
    for (let i = nodes.length - 1; i >= 0; i--) {
      const node = nodes[i];
      if (node.leaf !== null) continue;
      const use = this.#uses[i];
      const root = isRoot.has(node);
      if (use === undefined && !root) continue;
      const reason = root ? 'output' : this.#needsBuffer(node, use as Use);
      this.#materialised[i] = reason !== null;
      if (reason !== null) this.#reasons.set(i, reason);
      this.#spread(node, use);
    }
    this.#limitLength();
  }

  #estimate(node: GraphNode): void {
    const { index } = node;
    let weight = weightOf(node);
    let loads = 0;
    let carries = producerKey(node);
    if (node.kind === 'reduction' || (node.kind === 'heavy' && node.op !== 'take')) {
      // Never computed twice: others load it.
      weight = 0;
      loads = 1;
    } else if (node.leaf !== null) loads = node.leaf.kind === 'buffer' ? 1 : 0;
    else {
      const seen = new Set<GraphNode>();
      for (const input of node.inputs) {
        if (seen.has(input)) continue;
        seen.add(input);
        weight += this.#weight[input.index];
        // Small operands stay in the cache.
        if (input.size * 4 > node.size) loads += this.#loads[input.index];
        // What several read has a buffer anyway: the chain that must stay with the producer ends there.
        const alone = this.#consumers[input.index] === 1;
        if (alone && input.size === node.size && node.op !== 'pad') carries ??= this.#carries[input.index];
      }
    }
    this.#weight[index] = Math.min(weight, 1e6);
    this.#loads[index] = Math.min(loads, 1e6);
    this.#carries[index] = carries;
  }

  /** Why the node cannot be computed where it is used, or null. */
  #needsBuffer(node: GraphNode, use: Use): BufferReason | null {
    const { strided, contiguous } = use.reads;
    if (node.kind === 'movement') {
      if (contiguous && node.op !== 'reshape') return 'whole';
      if (node.op !== 'pad') return null;
      if (strided) return 'operand';
      const tests = use.inBody ? borderTests.inBody : borderTests.inEpilogue;
      return this.#fusion && use.evaluations > tests * node.size ? 'bordered' : null;
    }
    if (!this.#fusion) return 'unfused';
    if (strided) return 'operand';
    if (contiguous) return 'whole';
    const several = use.kernels.length > 1;
    const once = !several && use.evaluations <= node.size;
    const again = several ? 'severalKernels' : 'repeated';
    if (node.kind === 'heavy' && node.op !== 'take' && node.op !== 'dot') return 'ownKernel';
    const carried = this.#carries[node.index];
    if (carried !== null) {
      if (!once) return again;
      if (node.op === 'dot' && !use.bijective) return 'reordered';
      if (node.op !== 'dot' && use.inBody) return 'insideReduction';
      // The whole chain goes with its producer: another kernel's epilogue has room for it.
      return this.#takeProducer(use, carried) ? null : 'producerTaken';
    }
    if (once || this.#isCheap(node, use)) return null;
    return several ? 'dear' : 'dearRepeated';
  }

  /** Whether computing the node again in each kernel costs less than writing and reading it. */
  #isCheap(node: GraphNode, use: Use): boolean {
    const weight = this.#weight[node.index];
    const again = Math.max(0, use.evaluations - node.size);
    if (again > 0 && weight > 4 && weight * again > 4096) return false;
    const kernels = use.kernels.length;
    return kernels === 1 || ((kernels - 1) * weight <= recomputeWeight && this.#loads[node.index] <= 1);
  }

  /** One producer a kernel, but reductions over equal extents can share. */
  #takeProducer(use: Use, producer: string): boolean {
    const [kernel] = use.kernels;
    const taken = this.#producers.get(kernel);
    if (taken === undefined) this.#producers.set(kernel, producer);
    return taken === undefined || taken === producer;
  }

  /** Tells the inputs how the node uses them. */
  #spread(node: GraphNode, use: Use | undefined): void {
    const own = this.#materialised[node.index];
    const inner: Use =
      own || use === undefined
        ? {
            kernels: [node.index],
            evaluations: node.size,
            view: direct,
            inBody: false,
            bijective: true,
            reads: inPlace,
          }
        : { ...use, reads: inPlace };
    const [first] = node.inputs;
    switch (node.kind) {
      case 'movement': {
        const keeps = first.size === node.size && node.op !== 'asStrided';
        // Who reads a moved buffer can read the buffer itself, moved.
        const reads = own || use === undefined ? inPlace : use.reads;
        const view = node.op === 'reshape' ? inner.view : node.index;
        this.#add(first, { ...inner, view, bijective: inner.bijective && keeps, reads });
        return;
      }
      case 'reduction': {
        if (own) this.#producers.set(node.index, `reduce ${reducedExtents(node)}`);
        const evaluations = node.size === 0 ? 0 : inner.evaluations * (first.size / node.size);
        this.#add(first, { ...inner, evaluations, inBody: true, bijective: false });
        return;
      }
      case 'heavy':
        this.#spreadHeavy(node, inner, own);
        return;
      default:
        for (const input of node.inputs)
          this.#add(input, { ...inner, bijective: inner.bijective && input.size === node.size });
    }
  }

  #spreadHeavy(node: GraphNode, inner: Use, own: boolean): void {
    const buffer: Use = { ...inner, reads: { strided: false, contiguous: true } };
    switch (node.op) {
      case 'dot':
        if (own) this.#producers.set(node.index, 'dot');
        for (const input of node.inputs)
          this.#add(input, { ...inner, reads: { strided: true, contiguous: false } });
        return;
      case 'take':
        this.#add(node.inputs[0], buffer);
        this.#add(node.inputs[1], inner);
        return;
      case 'scatter':
      case 'assign': {
        const [base, ...others] = node.inputs;
        // The base's kernel is another than the one that writes into it: it has a number of its own.
        this.#add(base, { ...inner, kernels: [-1 - node.index], evaluations: base.size });
        this.#intoTarget[node.index] = true;
        for (const other of others)
          this.#add(other, node.op === 'assign' ? { ...inner, evaluations: other.size } : buffer);
        return;
      }
      default:
        this.#add(node.inputs[0], buffer);
    }
  }

  #add(node: GraphNode, use: Use): void {
    const known = this.#uses[node.index];
    if (known === undefined) {
      this.#uses[node.index] = { ...use, kernels: [...use.kernels] };
      return;
    }
    if (use.view !== known.view && use.kernels.some((kernel) => known.kernels.includes(kernel))) {
      known.evaluations += use.evaluations;
      known.view = severalViews - node.index;
    } else known.evaluations = Math.max(known.evaluations, use.evaluations);
    for (const kernel of use.kernels) {
      if (known.kernels.length > maximumKernels) break;
      if (!known.kernels.includes(kernel)) known.kernels.push(kernel);
    }
    known.inBody ||= use.inBody;
    known.bijective &&= use.bijective;
    known.reads = {
      strided: known.reads.strided || use.reads.strided,
      contiguous: known.reads.contiguous || use.reads.contiguous,
    };
  }

  /** Cuts expressions that grow too long, or read too many buffers: their largest parts get buffers. */
  #limitLength(): void {
    const { nodes } = this.#graph;
    // Upper bounds of what computing each node in place takes.
    const bounds = nodes.map((): Closure => ({ weight: 0, depth: 0, buffers: 0 }));
    const bound = (node: GraphNode): Closure => {
      const moves = node.kind === 'movement' && node.op !== 'pad';
      const total = { weight: moves ? 0 : weightOf(node) + 1, depth: 0, buffers: 0 };
      for (const input of node.inputs) {
        const part = this.#isRead(input) ? { weight: 0, depth: 0, buffers: 1 } : bounds[input.index];
        total.weight += part.weight;
        total.buffers += part.buffers;
        total.depth = Math.max(total.depth, part.depth);
      }
      if (!moves) total.depth++;
      return total;
    };
    for (const node of nodes) {
      if (node.leaf !== null || this.#uses[node.index] === undefined) {
        if (node.leaf !== null || !this.#materialised[node.index]) continue;
      }
      let total = bound(node);
      const inputs = this.#isShort(total)
        ? []
        : [...node.inputs].sort((a, b) => bounds[b.index].weight - bounds[a.index].weight);
      for (const direct of inputs) {
        if (this.#isShort(total)) break;
        // Bounds count shared parts twice; count exactly only when it matters.
        total = { ...this.#closure(node), depth: total.depth };
        if (this.#isShort(total)) break;
        const input = belowMovement(direct);
        if (input.leaf !== null || this.#materialised[input.index]) continue;
        this.#materialised[input.index] = true;
        this.#reasons.set(input.index, total.buffers < this.#buffersPerKernel ? 'tooLong' : 'tooManyBuffers');
        bounds[direct.index] = { weight: 0, depth: 0, buffers: 1 };
        total = bound(node);
      }
      bounds[node.index] = total;
    }
  }

  #isShort({ weight, depth, buffers }: Closure): boolean {
    return weight <= maximumWeight && depth <= maximumNodes && buffers < this.#buffersPerKernel;
  }

  #isRead(node: GraphNode): boolean {
    return node.leaf?.kind === 'buffer' || this.#materialised[node.index];
  }

  /** Weight of all distinct nodes that the node's kernel computes for it, and the buffers it reads. */
  #closure(start: GraphNode): { weight: number; buffers: number } {
    const seen = this.#seen;
    const walk = ++this.#walks;
    const stack = [start];
    seen[start.index] = walk;
    let weight = 0;
    let buffers = 0;
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (node !== start && this.#isRead(node)) {
        buffers++;
        continue;
      }
      weight += node.kind === 'movement' && node.op !== 'pad' ? 0 : weightOf(node) + 1;
      for (const input of node.inputs) {
        if (seen[input.index] === walk) continue;
        seen[input.index] = walk;
        stack.push(input);
      }
    }
    return { weight, buffers };
  }
}

/** What computing a node in place takes. */
interface Closure {
  readonly weight: number;
  readonly depth: number;
  readonly buffers: number;
}

/** The first node that computes: a buffer for it serves all that only move it. */
function belowMovement(node: GraphNode): GraphNode {
  let current = node;
  while (current.kind === 'movement' && current.op !== 'pad') current = current.inputs[0];
  return current;
}

/** Dots share a kernel with no other producer, reductions with those over the same extents. */
function producerKey(node: GraphNode): string | null {
  if (node.op === 'dot') return `dot ${node.index}`;
  return node.kind === 'reduction' ? `reduce ${reducedExtents(node)}` : null;
}

/** The extents that a reduction walks, as a key. */
function reducedExtents(node: GraphNode): string {
  const { dims } = attributesOf(node, 'sum' as const);
  const { shape } = node.inputs[0];
  return [...dims]
    .sort((a, b) => a - b)
    .map((dim) => shape[dim])
    .filter((extent) => extent !== 1)
    .join();
}
