// Clones, casts, moves between devices, and whole-tensor writes.
import {
  ArgumentError,
  backendOf,
  categoryOf,
  checkDType,
  DeviceError,
  type DType,
  dataNode,
  isDType,
  type Node,
} from '@nn/core';
import {
  apply,
  asOperand,
  castTo,
  fromNode,
  requireTensor,
  type Scalar,
  scalarTensor,
  writeInPlace,
} from './dispatch.ts';
import { isTransforming } from './op-transform.ts';
import { runtimeOf } from './runtimes.ts';
import { Storage } from './storage.ts';
import { Tensor } from './tensor.ts';

/** The same value under a storage of its own: no copy, since values are immutable. */
function sharedValue(x: Tensor): Tensor {
  const { node } = x;
  node.shared = true;
  return new Tensor(new Storage(node), x.shape, null);
}

/** A copy with memory of its own, differentiable. */
export function clone(x: Tensor): Tensor {
  if (!requireTensor('clone', x).requiresGrad && !isTransforming()) return sharedValue(x);
  return apply('reshape', [x], { shape: x.shape });
}

/**
 * To a dtype or to a device by name.
 *
 * @throws {DeviceError} for a device that is not in use, or one that cannot be read at once.
 */
export function to(x: Tensor, target: DType | (string & {})): Tensor {
  if (isDType(target)) return castTo(x, target);
  if (typeof target !== 'string')
    throw new ArgumentError(`to: expected a dtype or a device name, got ${String(target)}`);
  if (target === x.device) return x;
  return fromNode(movedNode(x, backendOf(target).name));
}

function movedNode(x: Tensor, device: string): Node {
  const { node } = x;
  if (node.state?.host !== undefined) return dataNode(node.state.host, x.shape, x.dtype, device);
  if (!backendOf(x.device).capabilities.synchronousRead) {
    throw new DeviceError(
      `to: '${x.device}' cannot be read synchronously. Use: tensor(await x.data(), { shape: x.shape, device: '${device}' })`,
    );
  }
  return dataNode(runtimeOf(x.device).readSync(node), x.shape, x.dtype, device);
}

/** Copies values in, broadcast and cast. */
export function copyInto(target: Tensor, source: Tensor): Tensor {
  requireTensor('copy_', source);
  const here = target.device === source.device || source.device === '' ? source : to(source, target.device);
  const cast = categoryOf(here.dtype) === categoryOf(target.dtype) ? here : castTo(here, target.dtype);
  return writeInPlace('copy_', target, cast);
}

/** Sets every element. */
export function fillInto(target: Tensor, value: Scalar | Tensor): Tensor {
  const filler = typeof value === 'object' ? castTo(value, target.dtype) : scalarTensor(value, target.dtype);
  if (filler.ndim !== 0)
    throw new ArgumentError(
      `fill_: takes a number or a zero-dimensional tensor, got shape [${filler.shape.join(', ')}]`,
    );
  return writeInPlace('fill_', target, asOperand('fill_', filler, checkDType(target.dtype, 'fill_')));
}
