// The graph: immutable nodes, one for each op called. What is computed is kept beside them, not in them.
import type { DeviceBuffer } from './backend.ts';
import type { DType, HostArray } from './dtype.ts';
import { DeviceError, InternalError } from './errors.ts';
import type { Meta } from './ops/definition.ts';
import { type AttributesOf, type OpName, ops } from './ops/table.ts';
import type { Shape } from './shape.ts';

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

/** Where a value is held. */
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

const signatures = new Map<string, number>();

function intern(op: OpName, attributes: object, { shape, dtype }: Meta): number {
  let key = `${op}|${dtype}|${shape.join()}`;
  for (const name in attributes)
    key += `|${name}=${formatAttribute((attributes as Record<string, unknown>)[name])}`;
  let signature = signatures.get(key);
  if (signature === undefined) {
    signature = signatures.size + 1;
    signatures.set(key, signature);
  }
  return signature;
}

function formatAttribute(value: unknown): string {
  if (Array.isArray(value)) return `[${value.join()}]`;
  return Object.is(value, -0) ? '-0' : String(value);
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
  return new Node('scalar', [], { dtype }, { shape: [], dtype }, '', { value: held });
}

/** Data given on the host. The array must not change afterwards. */
export function dataNode(host: HostArray, shape: Shape, dtype: DType, device: string): Node<'data'> {
  return new Node('data', [], { shape, dtype }, { shape, dtype }, device, { host });
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
