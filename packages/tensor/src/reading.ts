// Getting values out: asynchronously on every device, synchronously where the device can.
import {
  backendOf,
  bfloat16ToNumber,
  DeviceError,
  type DType,
  float16ToNumber,
  formatShape,
  type HostArray,
  isFloat,
  ShapeError,
} from '@nn/core';
import { defaultDeviceFor } from './creation.ts';
import { runtimeOf } from './runtimes.ts';
import type { Tensor } from './tensor.ts';

/** A number, or arrays of them nested as deep as the tensor has dimensions. */
export type NestedArray = number | bigint | boolean | NestedArray[];
export type Element = number | bigint | boolean;

function readNode(x: Tensor): { node: Tensor['node']; device: string } {
  const { node } = x;
  // A bare number goes with any device; it is at hand.
  return { node, device: node.device === '' ? defaultDeviceFor(undefined) : node.device };
}

export async function data(x: Tensor): Promise<HostArray> {
  const { node, device } = readNode(x);
  return scalarData(x) ?? runtimeOf(device).read(node);
}

export function dataSync(x: Tensor): HostArray {
  const { node, device } = readNode(x);
  const held = scalarData(x);
  if (held !== undefined) return held;
  const onHost = node.state?.host !== undefined;
  if (!onHost && !backendOf(device).capabilities.synchronousRead) {
    throw new DeviceError(`dataSync: device '${device}' cannot be read synchronously. Use: await x.data()`);
  }
  return runtimeOf(device).readSync(node);
}

function scalarData(x: Tensor): HostArray | undefined {
  const value = x.node.state?.value;
  if (value === undefined) return undefined;
  return typeof value === 'bigint' ? BigInt64Array.of(value) : arrayOfOne(x.dtype, value);
}

function arrayOfOne(dtype: DType, value: number): HostArray {
  if (dtype === 'float64') return Float64Array.of(value);
  if (dtype === 'bool' || dtype === 'uint8') return Uint8Array.of(value);
  return isFloat(dtype) ? Float32Array.of(value) : Int32Array.of(value);
}

/** One element of a host array as a JavaScript value. */
export function elementOf(values: HostArray, index: number, dtype: DType): Element {
  const value = values[index];
  if (dtype === 'bool') return value !== 0;
  if (dtype === 'float16' && values instanceof Uint16Array) return float16ToNumber(Number(value));
  if (dtype === 'bfloat16' && values instanceof Uint16Array) return bfloat16ToNumber(Number(value));
  return value;
}

function single(x: Tensor, values: HostArray): Element {
  const value = elementOf(values, 0, x.dtype);
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function requireSingle(x: Tensor): void {
  if (x.numel() !== 1) {
    throw new ShapeError(
      `item: a tensor of shape ${formatShape(x.shape)} has ${x.numel()} elements, not one. Use data() or toArray()`,
    );
  }
}

export async function item(x: Tensor): Promise<Element> {
  requireSingle(x);
  return single(x, await data(x));
}

export function itemSync(x: Tensor): Element {
  requireSingle(x);
  return single(x, dataSync(x));
}

export async function toArray(x: Tensor): Promise<NestedArray> {
  return nest(x, await data(x));
}

export function toArraySync(x: Tensor): NestedArray {
  return nest(x, dataSync(x));
}

function nest(x: Tensor, values: HostArray): NestedArray {
  let position = 0;
  const walk = (dim: number): NestedArray => {
    if (dim === x.ndim) return elementOf(values, position++, x.dtype);
    return Array.from({ length: x.shape[dim] }, () => walk(dim + 1));
  };
  return walk(0);
}

/** Whether a device has a dtype; '' stands for the default device. */
export function hasDType(device: string, dtype: DType): boolean {
  return backendOf(device === '' ? defaultDeviceFor(undefined) : device).capabilities.dtypes.has(dtype);
}
