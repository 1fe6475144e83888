// The compiler's own graph: composites decomposed, equal nodes merged, in topological order. Everything after
// this works on indices into one list, without recursion over the user's graph.
import {
  type AttributesOf,
  type DType,
  definitionOf,
  InternalError,
  isHeld,
  type Node,
  type OpDefinition,
  type OpName,
  type Shape,
  sameShape,
  sizeOf,
} from '@nn/core';

export type NodeKind = Exclude<OpDefinition['kind'], 'composite'>;

/** Where a leaf's value comes from. */
export type Leaf =
  | { readonly kind: 'buffer'; readonly source: Node }
  | { readonly kind: 'param'; readonly source: Node; readonly param: number }
  /** A number that a decomposition made: part of the structure. */
  | { readonly kind: 'constant'; readonly value: number | bigint };

export interface GraphNode {
  /** Position in the graph's list: inputs come before. */
  readonly index: number;
  readonly op: OpName;
  readonly kind: NodeKind;
  readonly inputs: readonly GraphNode[];
  readonly attributes: unknown;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly size: number;
  readonly signature: number;
  readonly leaf: Leaf | null;
  /** Barriers on the way here: kernels of a later stage run after those of the earlier ones, and never with them. */
  readonly stage: number;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  /** The graph nodes of the roots that are not held, in order, and their user nodes. */
  readonly roots: readonly GraphNode[];
  readonly inputs: readonly Node[];
  readonly params: readonly Node[];
  readonly outputs: readonly Node[];
}

/** The attributes of a node whose op is known. */
export function attributesOf<N extends OpName>(node: GraphNode, _op: N): AttributesOf<N> {
  return node.attributes as AttributesOf<N>;
}

/** Whether the node's value is given, not computed. */
export function isLeaf(node: Node): boolean {
  return node.op === 'data' || node.op === 'scalar' || isHeld(node);
}

/** Whether a leaf is handed to the program as a number. */
export function isParam(node: Node): boolean {
  if (node.op === 'scalar') return true;
  const { state } = node;
  return (
    state !== null && state.value !== undefined && state.host === undefined && state.buffer === undefined
  );
}

/** The roots that a program must compute: distinct, and not at hand already. */
export function distinctRoots(roots: readonly Node[]): Node[] {
  if (roots.length === 1) return isLeaf(roots[0]) ? [] : [roots[0]];
  return [...new Set(roots)].filter((root) => !isLeaf(root));
}

/** @param order all nodes that the user's graph reaches, inputs first, each at its position. */
export function buildGraph(order: readonly Node[], roots: readonly Node[]): Graph {
  return new GraphBuilder(order).build(roots);
}

class GraphBuilder {
  readonly #order: readonly Node[];
  readonly #nodes: GraphNode[] = [];
  /** Of the user's nodes, by position. */
  readonly #ordered: (GraphNode | undefined)[];
  /** Of the nodes that decompositions made. */
  readonly #made = new Map<Node, GraphNode>();
  /** Ops by a hash of what makes them equal. */
  readonly #equal = new Map<number, GraphNode[]>();
  readonly #barriers = new Map<string, GraphNode>();
  readonly #inputs: Node[] = [];
  readonly #params: Node[] = [];

  constructor(order: readonly Node[]) {
    this.#order = order;
    this.#ordered = new Array<GraphNode | undefined>(order.length).fill(undefined);
  }

  build(roots: readonly Node[]): Graph {
    const ops: Node[] = [];
    for (const node of this.#order) {
      if (isLeaf(node)) this.#ordered[node.position] = this.#addLeaf(node);
      else ops.push(node);
    }
    // As they were recorded, whatever the order of the roots: a gradient is computed when backward came to it, while
    // what it is made of is still there.
    for (const node of ops.sort((a, b) => a.id - b.id)) this.#ordered[node.position] = this.#addOp(node);
    return {
      nodes: this.#nodes,
      roots: roots.map((root) => this.#find(root)),
      inputs: this.#inputs,
      params: this.#params,
      outputs: roots,
    };
  }

  /** Adds an op whose inputs are known. */
  #addOp(node: Node): GraphNode {
    const definition = definitionOf(node.op);
    if (definition.kind !== 'composite') return this.#addNode(node, definition.kind);
    return this.#addMade(definition.decompose(node.inputs, node.attributes as never));
  }

  /** Adds what a decomposition made, and whatever that needs. */
  #addMade(start: Node): GraphNode {
    // Nodes wait on the stack until their inputs (for composites: the decomposition) are known.
    const stack = [start];
    const decompositions = new Map<Node, Node>();
    while (stack.length > 0) {
      const node = stack[stack.length - 1];
      if (this.#lookUp(node) !== undefined) {
        stack.pop();
        continue;
      }
      if (isLeaf(node)) {
        this.#made.set(node, this.#addConstant(node));
        continue;
      }
      const waiting = stack.length;
      for (const input of node.inputs) if (this.#lookUp(input) === undefined) stack.push(input);
      if (stack.length > waiting) continue;
      const definition = definitionOf(node.op);
      if (definition.kind !== 'composite') {
        this.#made.set(node, this.#addNode(node, definition.kind));
        continue;
      }
      let decomposed = decompositions.get(node);
      if (decomposed === undefined) {
        decomposed = definition.decompose(node.inputs, node.attributes as never);
        decompositions.set(node, decomposed);
      }
      const result = this.#lookUp(decomposed);
      if (result === undefined) stack.push(decomposed);
      else this.#made.set(node, result);
    }
    return this.#find(start);
  }

  #lookUp(node: Node): GraphNode | undefined {
    return this.#order[node.position] === node ? this.#ordered[node.position] : this.#made.get(node);
  }

  #find(node: Node): GraphNode {
    const found = this.#lookUp(node);
    if (found === undefined) throw new InternalError(`compiler: node ${node.op} was not visited`);
    return found;
  }

  #addLeaf(node: Node): GraphNode {
    if (isParam(node)) {
      const param = this.#params.push(node) - 1;
      return this.#push(node, 'leaf', [], { kind: 'param', source: node, param });
    }
    this.#inputs.push(node);
    return this.#push(node, 'leaf', [], { kind: 'buffer', source: node });
  }

  #addConstant(node: Node): GraphNode {
    if (node.op === 'scalar' && node.state?.value !== undefined)
      return this.#push(node, 'leaf', [], { kind: 'constant', value: node.state.value });
    throw new InternalError('compiler: a decomposition may not bring data of its own');
  }

  #addNode(node: Node, kind: NodeKind): GraphNode {
    const inputs = node.inputs.map((input) => this.#find(input));
    if (node.op === 'barrier') return this.#addBarrier(node, inputs);
    if (kind === 'movement' && isIdentity(node, inputs[0])) return inputs[0];
    const { signature } = node;
    let hash = signature;
    for (let i = 0; i < inputs.length; i++) hash = Math.imul(hash, 0x9e3779b1) ^ inputs[i].index;
    const candidates = this.#equal.get(hash);
    const equal = candidates?.find(
      (other) => other.signature === signature && sameList(other.inputs, inputs),
    );
    if (equal !== undefined) return equal;
    const added = this.#push(node, kind, inputs, null);
    if (candidates === undefined) this.#equal.set(hash, [added]);
    else candidates.push(added);
    return added;
  }

  /** A look at the value that is no other look's equal, so that nothing computed from it is, either. */
  #addBarrier(node: Node, [value, after]: readonly GraphNode[]): GraphNode {
    const key = `${value.index},${after.index}`;
    let barrier = this.#barriers.get(key);
    if (barrier === undefined) {
      barrier = this.#push(node, 'movement', [value], null, {
        op: 'reshape',
        stage: Math.max(value.stage, after.stage + 1),
      });
      this.#barriers.set(key, barrier);
    }
    return barrier;
  }

  #push(
    node: Node,
    kind: NodeKind,
    inputs: readonly GraphNode[],
    leaf: Leaf | null,
    { op, stage }: Pick<GraphNode, 'op' | 'stage'> = { op: node.op, stage: stageOf(inputs) },
  ): GraphNode {
    const added: GraphNode = {
      index: this.#nodes.length,
      op,
      kind,
      inputs,
      attributes: node.attributes,
      shape: node.shape,
      dtype: node.dtype,
      size: sizeOf(node.shape),
      signature: node.signature,
      leaf,
      stage,
    };
    this.#nodes.push(added);
    return added;
  }
}

function stageOf(inputs: readonly GraphNode[]): number {
  let stage = 0;
  for (const input of inputs) if (input.stage > stage) stage = input.stage;
  return stage;
}

function sameList(a: readonly GraphNode[], b: readonly GraphNode[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Whether a movement gives its input back unchanged. */
function isIdentity(node: Node, input: GraphNode): boolean {
  if (!sameShape(node.shape, input.shape)) return false;
  switch (node.op) {
    case 'reshape':
    case 'expand':
    case 'pad':
      return true;
    case 'permute':
      return (node.attributes as AttributesOf<'permute'>).order.every((dim, i) => dim === i);
    case 'slice': {
      const { starts, steps } = node.attributes as AttributesOf<'slice'>;
      return node.shape.every((extent, i) => starts[i] === 0 && (steps[i] === 1 || extent === 1));
    }
    default:
      return false;
  }
}
