// The way every operation takes: inputs' nodes, a new node, a new handle, and the derivative's record.
import {
  ArgumentError,
  type AttributesOf,
  categoryOf,
  type DType,
  DTypeError,
  formatShape,
  isContiguous,
  isFloat,
  makeNode,
  type Node,
  type OpName,
  type PromotionOperand,
  resultType,
  sameShape,
  scalarNode,
} from '@nn/core';
import { activeCall } from './active.ts';
import { getDefaultDType } from './defaults.ts';
import { gradientEngineOrNull } from './gradient.ts';
import { movingPositions } from './moving-windows.ts';
import { observers } from './observer.ts';
import { transformed, transforms, transformsSeeWrites, type ViewGeometry } from './op-transform.ts';
import { runtimeOf } from './runtimes.ts';
import { beginStepIfUpdated, noteUpdate } from './steps.ts';
import { Storage } from './storage.ts';
import { Tensor } from './tensor.ts';

/** A JavaScript number that stands for a tensor of no dimensions. */
export type Scalar = number | bigint | boolean;

/** A handle of its own storage over a node. */
export function fromNode(node: Node): Tensor {
  return new Tensor(new Storage(node), node.shape, null);
}

/** A node for an op: in the graph of its device or, while a compiled function runs, in its trace. */
export function record<N extends OpName>(
  op: N,
  inputs: readonly Node[],
  attributes: AttributesOf<N>,
  device?: string,
): Node {
  if (activeCall !== null) return activeCall.record(op, inputs, attributes as object, device);
  const node = makeNode(op, inputs, attributes, device);
  if (node.device !== '') runtimeOf(node.device).record(node);
  return node;
}

/**
 * Records an op.
 *
 * @throws typed errors from the op's shape and dtype rules.
 */
export function apply<N extends OpName>(
  op: N,
  inputs: readonly Tensor[],
  attributes: AttributesOf<N>,
  device?: string,
): Tensor {
  if (transforms !== null) return transformed(op, inputs, attributes as object, device, null);
  const start = observers?.now() ?? 0;
  const nodes = new Array<Node>(inputs.length);
  for (let i = 0; i < inputs.length; i++) nodes[i] = inputs[i].node;
  const node = record(op, nodes, attributes, device);
  const output = fromNode(node);
  recordGradient(op, inputs, attributes as object, output);
  observers?.recorded(node, start);
  return output;
}

/** Records a movement op whose result shares the input's memory. */
export function applyView<N extends OpName>(
  op: N,
  input: Tensor,
  attributes: AttributesOf<N>,
  view: ViewGeometry,
): Tensor {
  if (transforms !== null) return transformed(op, [input], attributes as object, undefined, view);
  const output = new Tensor(input.storage, view.shape, {
    parent: input,
    op,
    attributes: attributes as object,
    strides: view.strides,
    offset: view.offset,
  });
  recordGradient(op, [input], attributes as object, output);
  return output;
}

/** Notes an op for derivatives, if it takes part in any. */
export function recordGradient(
  op: OpName,
  inputs: readonly Tensor[],
  attributes: object,
  output: Tensor,
): void {
  const engine = gradientEngineOrNull();
  if (engine === null) return;
  if (!engine.isEnabled()) {
    if (output.viewInfo !== null) output.detachView();
    return;
  }
  for (const input of inputs) {
    if (input.gradient?.requiresGrad === true) {
      beginStepIfUpdated();
      if (activeCall === null && output.device !== '') runtimeOf(output.device).noteDerivative();
      engine.record(op, inputs, attributes, output);
      return;
    }
  }
}

/** A zero-dimensional tensor of a number, going with any device. */
export function scalarTensor(value: Scalar, dtype: DType): Tensor {
  if (dtype === 'int32') checkInt32(Number(value));
  return fromNode(activeCall === null ? scalarNode(value, dtype) : activeCall.scalar(value, dtype));
}

/** @throws {DTypeError} for a number that int32 does not hold: it would turn into another one. */
export function checkInt32(value: number): void {
  if (value >= -(2 ** 31) && value < 2 ** 31) return;
  throw new DTypeError(`${value} does not fit into int32. Use dtype 'int64' or a float one`);
}

export function scalarDType(value: Scalar): DType {
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'int64';
  if (!Number.isInteger(value)) return 'float32';
  if (value >= -(2 ** 31) && value < 2 ** 31) return 'int32';
  return Number.isSafeInteger(value) ? 'int64' : 'float32';
}

function promotionOperand(value: Tensor | Scalar): PromotionOperand {
  if (value instanceof Tensor)
    return { dtype: value.dtype, rank: value.ndim === 0 ? 'zeroDimensional' : 'dimensioned' };
  return { dtype: scalarDType(value), rank: 'scalar' };
}

/** PyTorch's `torch.result_type` of tensors and numbers. */
export function promote(...operands: readonly (Tensor | Scalar)[]): DType {
  if (operands.length === 2) {
    // What almost every call is: no rule can change these.
    const [a, b] = operands;
    if (a instanceof Tensor) {
      const { dtype } = a;
      if (b instanceof Tensor ? b.dtype === dtype : isFloat(dtype)) return dtype;
    }
  }
  return resultType(operands.map(promotionOperand), getDefaultDType());
}

/** A tensor of the dtype from a tensor (cast if need be) or a number. */
export function asOperand(functionName: string, value: Tensor | Scalar, dtype: DType): Tensor {
  if (value instanceof Tensor) return castTo(value, dtype);
  if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'boolean') {
    throw new ArgumentError(`${functionName}: expected a tensor or a number, got ${describe(value)}`);
  }
  return scalarTensor(value, dtype);
}

export function castTo(value: Tensor, dtype: DType): Tensor {
  return value.dtype === dtype ? value : apply('cast', [value], { dtype });
}

/** A float dtype that holds the promoted operands: the default one unless they are float already. */
export function floatFor(dtype: DType): DType {
  return categoryOf(dtype) === 'float' ? dtype : getDefaultDType();
}

export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return `an object of class ${value.constructor?.name ?? 'unknown'}`;
  return `${typeof value} ${String(value)}`;
}

/** @throws {ArgumentError} unless the value is a tensor. */
export function requireTensor(functionName: string, value: unknown): Tensor {
  if (value instanceof Tensor) return value;
  throw new ArgumentError(`${functionName}: expected a tensor, got ${describe(value)}`);
}

/**
 * Writes a value of any broadcastable shape and castable dtype into a tensor's memory.
 *
 * Give `fresh` when no other tensor holds the value: it is then not copied.
 * @throws {DTypeError} when the cast would lose the value's category (float into an integer tensor, say).
 */
export function writeInPlace(
  functionName: string,
  target: Tensor,
  value: Tensor,
  { fresh = false }: { readonly fresh?: boolean } = {},
): Tensor {
  const engine = gradientEngineOrNull();
  engine?.checkWrite(functionName, target, value);
  const ranks = ['bool', 'integer', 'float'];
  if (ranks.indexOf(categoryOf(value.dtype)) > ranks.indexOf(categoryOf(target.dtype))) {
    throw new DTypeError(
      `${functionName}: a result of dtype ${value.dtype} cannot be stored in a tensor of dtype ${target.dtype}`,
    );
  }
  target.checkDistinctElements(functionName);
  const root = target.root;
  const spread = castTo(value, target.dtype).expandTo(target.shape);
  // Two storages must not hold one node: overwriting one of them would end the other's value.
  const seen = transforms !== null && transformsSeeWrites([root, value]);
  const whole = root === target && !seen;
  const fitted =
    whole && spread === value && !fresh && value.device !== ''
      ? apply('reshape', [value], { shape: value.shape })
      : spread;
  if (whole) {
    const before = engine?.isEnabled() && target.requiresGrad ? target.snapshot() : null;
    target.overwrite(materialized(fitted, target));
    if (engine?.isEnabled() && fitted.gradient?.requiresGrad) {
      target.gradient = fitted.gradient;
      engine.moved(fitted.gradient, target);
    }
    // What was overwritten by a constant has the gradient zero, as in PyTorch.
    else if (before !== null)
      engine?.record('where', [scalarTensor(false, 'bool'), before, fitted], {}, target);
  } else {
    const attributes = { strides: target.strides(), offset: target.storageOffset() };
    const written = seen
      ? transformedWrite(functionName, root, fitted, attributes)
      : (movingWrite(root, fitted, attributes) ?? apply('assign', [root.snapshot(), fitted], attributes));
    root.overwrite(written);
    if (engine?.isEnabled() && written.gradient?.requiresGrad) root.gradient = written.gradient;
  }
  if (engine !== null && !engine.isEnabled() && isOfLeaf(target)) noteUpdate(root.storage);
  return target;
}

/** Whether a tensor or what it is a view of is a leaf that derivatives are asked for. */
function isOfLeaf(target: Tensor): boolean {
  let tensor = target;
  while (!(tensor.requiresGrad && tensor.isLeaf)) {
    if (tensor.viewInfo === null) return false;
    tensor = tensor.viewInfo.parent;
  }
  return true;
}

/** Larger tensors are written where they lie, which a program must know the place for. */
const mostScattered = 2 ** 20;

/** What a tensor holds after a write, without derivatives, to a window that moves from step to step; null for others. */
function movingWrite(root: Tensor, value: Tensor, place: AttributesOf<'assign'>): Tensor | null {
  const { node } = root;
  if (transforms !== null || root.numel() > mostScattered) return null;
  if (root.gradient?.requiresGrad || value.gradient?.requiresGrad) return null;
  if (value.device !== root.device && value.device !== '') return null;
  const positions = movingPositions('write', node, { shape: value.shape, ...place });
  if (positions === null) return null;
  const flat = record('reshape', [node], { shape: [root.numel()] });
  const source = record('expand', [value.node], { shape: value.shape }, root.device);
  const row = record('reshape', [source], { shape: positions.shape });
  const written = record('scatter', [flat, positions, row], { mode: 'set' });
  return fromNode(record('reshape', [written], { shape: root.shape }));
}

/** What a tensor holds after a write that transforms see: to them its input is the tensor itself. */
function transformedWrite(
  functionName: string,
  root: Tensor,
  value: Tensor,
  attributes: AttributesOf<'assign'>,
): Tensor {
  const written = apply('assign', [root, value], attributes);
  if (!sameShape(written.shape, root.shape) || written.dtype !== root.dtype) {
    throw new ArgumentError(
      `${functionName}: an override of 'assign' gave ${written.dtype} ${formatShape(written.shape)} for a tensor of ` +
        `${root.dtype} ${formatShape(root.shape)}. It must give the whole new content of the tensor that is written`,
    );
  }
  // It may be a tensor that somebody else has, too; one that the op made is no copy.
  return written.node.op === 'assign' ? written : apply('reshape', [written], { shape: root.shape });
}

/** The value, on the target's device also if it is a plain number. */
function materialized(value: Tensor, target: Tensor): Tensor {
  return value.device === '' ? apply('expand', [value], { shape: target.shape }, target.device) : value;
}

export function isViewContiguous(tensor: Tensor): boolean {
  return isContiguous(tensor.shape, tensor.strides());
}
