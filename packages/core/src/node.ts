// The graph: immutable nodes, one for each op called. What is computed is kept beside them, not in them.
import type { DeviceBuffer } from './backend.ts';
import type { DType, HostArray } from './dtype.ts';
import { DeviceError, InternalError } from './errors.ts';
import type { Meta } from './ops/definition.ts';
import { type AttributesOf, type OpName, ops } from './ops/table.ts';
import { type Shape, sameShape } from './shape.ts';

let nextNodeId = 1;

/** One value of a graph. Only the engine changes `inputs` (cut when the value is kept for good) and `state`. */
export class Node<N extends OpName = OpName> {
  readonly id: number;
  readonly op: N;
  inputs: readonly Node[];
  readonly attributes: AttributesOf<N>;
  readonly shape: Shape;
  readonly dtype: DType;
  /** '' for scalars, which go with any device. */
  readonly device: string;
  /** Structure without inputs: equal for equal op, attributes, shape and dtype. */
  readonly signature: number;
  /** What the engine knows of this value: where it is held. */
  state: NodeState | null;
  /** Lives as long as the held value may be used: it goes along when a later value takes over the memory. */
  lease: object | null = null;
  /** Ops that took this value so far. */
  consumers = 0;
  /** Flushes that computed this value without keeping it. */
  runs = 0;
  /** Whether several storages hold this value (a clone shares it until one of them is written). */
  shared = false;
  /** Where the last walk over a graph listed this node; only that walk's own list can tell whether it is its own. */
  position = 0;

  constructor(
    op: N,
    inputs: readonly Node[],
    attributes: AttributesOf<N>,
    meta: Meta,
    device: string,
    state: NodeState | null,
  ) {
    this.id = nextNodeId++;
    this.op = op;
    this.inputs = inputs;
    this.attributes = attributes;
    this.shape = meta.shape;
    this.dtype = meta.dtype;
    this.device = device;
    this.signature = op === 'scalar' || op === 'data' ? 0 : intern(op, attributes as object, meta);
    this.state = state;
  }
}

/** Where a value is held; made by `nodeState`. */
export interface NodeState {
  /** Part of a compiled function's trace: it stands for another value at each call. */
  traced?: true;
  /** The number of a scalar. */
  value?: number | bigint;
  /** A copy on the host. */
  host?: HostArray;
  /** A copy on the device. */
  buffer?: DeviceBuffer;
  /** The engine's own record of the copy on the device. */
  holding?: object;
  /** Why the value is gone for good, for the error that says so. */
  lost?: string;
}

/** A state. All of them have the same properties in the same order, so that engines find these at once. */
export function nodeState({ traced, value, host, buffer, lost }: NodeState): NodeState {
  return { traced, value, host, buffer, holding: undefined, lost };
}

interface Structure {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly attributes: object;
  readonly signature: number;
  /** The one that came after it the last time that another one did: programs repeat themselves. */
  next: Structure | null;
}

/** The structures of an op: that of the last node, and all by hash. */
class Structures {
  #last: Structure | null = null;
  readonly #byHash = new Map<number, Structure[]>();

  signatureOf(attributes: object, meta: Meta): number {
    // Hashing costs more than comparing, and a program has many nodes of one kind.
    const last = this.#last;
    if (last !== null) {
      if (isOf(last, attributes, meta)) return last.signature;
      const { next } = last;
      if (next !== null && isOf(next, attributes, meta)) {
        this.#last = next;
        return next.signature;
      }
    }
    const { shape, dtype } = meta;
    let hash = hashAttributes(hashValue(dtype.length, shape), attributes);
    hash ^= hash >>> 15;
    const alike = this.#byHash.get(hash);
    let structure = alike?.find((known) => isOf(known, attributes, meta));
    if (structure === undefined) {
      structure = {
        dtype,
        shape: [...shape],
        attributes: copyAttributes(attributes),
        signature: ++signatures,
        next: null,
      };
      if (alike === undefined) this.#byHash.set(hash, [structure]);
      else alike.push(structure);
    }
    if (last !== null) last.next = structure;
    this.#last = structure;
    return structure.signature;
  }
}

function isOf({ dtype, shape, attributes }: Structure, given: object, meta: Meta): boolean {
  return dtype === meta.dtype && sameShape(shape, meta.shape) && sameAttributes(attributes, given);
}

const structures = new Map<OpName, Structures>();
let signatures = 0;

function intern(op: OpName, attributes: object, meta: Meta): number {
  let ofOp = structures.get(op);
  if (ofOp === undefined) {
    ofOp = new Structures();
    structures.set(op, ofOp);
  }
  return ofOp.signatureOf(attributes, meta);
}

function mix(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x9e3779b1) ^ (hash >>> 13);
}

function hashAttributes(start: number, attributes: object): number {
  let hash = start;
  for (const name in attributes) {
    hash = mix(hash, name.length);
    hash = hashValue(hash, (attributes as Attributes)[name]);
  }
  return hash;
}

/** Equal for equal values; good where values are integers, short strings and lists of them. */
function hashValue(start: number, value: unknown): number {
  let hash = start;
  if (typeof value === 'number') return mix(hash, Number.isInteger(value) ? value : value * 0x10000);
  if (typeof value === 'string') {
    for (let i = 0; i < value.length; i++) hash = mix(hash, value.charCodeAt(i));
  } else if (Array.isArray(value)) {
    hash = mix(hash, value.length);
    for (let i = 0; i < value.length; i++) hash = hashValue(hash, value[i]);
  } else if (value === true) hash = mix(hash, 1);
  return hash;
}

/** Whether an op's attributes are equal: numbers, strings, booleans, and lists of them. */
export function sameAttributes(a: object, b: object): boolean {
  if (a === b) return true;
  let count = 0;
  for (const name in a) {
    if (!sameValue((a as Attributes)[name], (b as Attributes)[name])) return false;
    count++;
  }
  for (const _ in b) count--;
  return count === 0;
}

/** Whoever made the lists may change them. */
function copyAttributes(attributes: object): object {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, copyValue(value)]));
}

function copyValue(value: unknown): unknown {
  return Array.isArray(value) ? value.map(copyValue) : value;
}

type Attributes = Readonly<Record<string, unknown>>;

function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!sameValue(a[i], b[i])) return false;
  return true;
}

/**
 * Appends an op to the graph after its shape and dtype rules accepted the inputs.
 *
 * @throws {ShapeError | DTypeError | DeviceError} for inputs that do not fit.
 */
export function makeNode<N extends OpName>(
  op: N,
  inputs: readonly Node[],
  attributes: AttributesOf<N>,
  device?: string,
): Node<N> {
  const definition = ops[op] as { infer(inputs: readonly Meta[], attributes: AttributesOf<N>): Meta };
  const meta = definition.infer(inputs, attributes);
  for (const input of inputs) input.consumers++;
  return new Node(op, inputs, attributes, meta, device ?? commonDevice(op, inputs), null);
}

function commonDevice(op: OpName, inputs: readonly Node[]): string {
  let device = '';
  for (const input of inputs) {
    if (input.device === device || input.device === '') continue;
    if (device !== '') {
      throw new DeviceError(
        `${op}: the inputs are on '${device}' and '${input.device}'. Move one with x.to('${device}')`,
      );
    }
    device = input.device;
  }
  return device;
}

/** A number as a node of the dtype holds it. */
export function scalarValue(value: number | bigint | boolean, dtype: DType): number | bigint {
  if (dtype === 'int64') return BigInt(typeof value === 'number' ? Math.trunc(value) : value);
  const number = Number(value);
  return dtype === 'bool' ? Number(number !== 0) : number;
}

/** A number that a program takes at each run. */
export function scalarNode(value: number | bigint | boolean, dtype: DType): Node<'scalar'> {
  const held = scalarValue(value, dtype);
  return new Node('scalar', [], { dtype }, { shape: [], dtype }, '', nodeState({ value: held }));
}

/** Data given on the host. The array must not change afterwards. */
export function dataNode(host: HostArray, shape: Shape, dtype: DType, device: string): Node<'data'> {
  return new Node('data', [], { shape, dtype }, { shape, dtype }, device, nodeState({ host }));
}

/** Whether the node's value is at hand without computing. */
export function isHeld(node: Node): boolean {
  const { state } = node;
  return (
    state !== null && (state.value !== undefined || state.host !== undefined || state.buffer !== undefined)
  );
}

/** @throws {InternalError} unless the node has the op. */
export function expectOp<N extends OpName>(node: Node, op: N): Node<N> {
  if (node.op !== op) throw new InternalError(`expected a node of op '${op}', got '${node.op}'`);
  return node as unknown as Node<N>;
}
