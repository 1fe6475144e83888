/**
 * How each dtype lies in GPU memory. WGSL stores 32-bit words (and 16-bit floats where the adapter has them),
 * so the narrow integers, bool and the 16-bit floats without hardware take a word each. Values are computed as
 * `bool`, `i32` or `f32`; the rounding and wrapping of the narrow dtypes is in the instructions.
 */
import {
  bfloat16ToNumber,
  categoryOf,
  type DType,
  float16ToNumber,
  type HostArray,
  hostArray,
  hostArrayOver,
  numberToBfloat16,
  numberToFloat16,
  UnsupportedError,
} from '@nn/core';

/** A value in a register. */
export type RegisterType = 'bool' | 'i32' | 'f32';
/** An element in a buffer. */
export type StorageType = 'i32' | 'f32' | 'f16';

export const supportedDTypes: readonly DType[] = [
  'bool',
  'uint8',
  'int8',
  'int16',
  'int32',
  'float16',
  'bfloat16',
  'float32',
];

/** @throws UnsupportedError for 64-bit dtypes, which WGSL lacks; `what` names who needs it. */
export function checkSupported(dtype: DType, what: string): void {
  if (supportedDTypes.includes(dtype)) return;
  const instead = dtype === 'int64' ? 'int32' : 'float32';
  throw new UnsupportedError(
    `webgpu: ${what} needs ${dtype}, which WebGPU shaders do not have. ` +
      `Convert first with .to('${instead}'), or do this part on another device, such as 'cpu'`,
  );
}

export function registerType(dtype: DType): RegisterType {
  const category = categoryOf(dtype);
  return category === 'bool' ? 'bool' : category === 'integer' ? 'i32' : 'f32';
}

export function storageType(dtype: DType, nativeHalf: boolean): StorageType {
  if (dtype === 'float16' && nativeHalf) return 'f16';
  return categoryOf(dtype) === 'float' ? 'f32' : 'i32';
}

export function storageBytes(dtype: DType, nativeHalf: boolean): number {
  return storageType(dtype, nativeHalf) === 'f16' ? 2 : 4;
}

/** The words that hold a host array on the device. */
export function encodeHostArray(
  dtype: DType,
  data: HostArray,
  nativeHalf: boolean,
): ArrayBufferView<ArrayBuffer> {
  if (dtype === 'float32' || dtype === 'int32') return data as Float32Array<ArrayBuffer>;
  if (dtype === 'float16' && nativeHalf) {
    const padded = new Uint16Array(Math.ceil(data.length / 2) * 2);
    padded.set(data as Uint16Array);
    return padded;
  }
  if (categoryOf(dtype) !== 'float') return Int32Array.from(data as Uint8Array);
  const toNumber = dtype === 'float16' ? float16ToNumber : bfloat16ToNumber;
  return Float32Array.from(data as Uint16Array, toNumber);
}

/** The host array that the device's words mean. */
export function decodeHostArray(
  dtype: DType,
  length: number,
  bytes: ArrayBuffer,
  nativeHalf: boolean,
): HostArray {
  if (dtype === 'float32' || dtype === 'int32' || (dtype === 'float16' && nativeHalf)) {
    return hostArrayOver(dtype, bytes);
  }
  const result = hostArray(dtype, length) as Uint8Array;
  if (categoryOf(dtype) !== 'float') {
    result.set(new Int32Array(bytes));
    return result;
  }
  const toBits = dtype === 'float16' ? numberToFloat16 : numberToBfloat16;
  const words = new Float32Array(bytes);
  for (let i = 0; i < length; i++) result[i] = toBits(words[i]);
  return result;
}
