// Programs of one kernel, run on WebGPU and on core's interpreter, and compared.
import {
  type Access,
  type Affine,
  type Backend,
  type BufferSpec,
  bfloat16ToNumber,
  type DType,
  type Executable,
  float16ToNumber,
  type HostArray,
  hostArray,
  type Instruction,
  interpreter,
  type Kernel,
  numberToBfloat16,
  numberToFloat16,
  type Program,
} from '@nn/core';
import { type WebGpuBackend, type WebGpuOptions, webgpu } from '@nn/webgpu';
import { createDawn } from '@nn/webgpu/node';
import { afterAll, beforeAll, describe, expect, type Mock, vi } from 'vitest';

let gpu: Promise<GPU> | undefined;

/** A backend on this machine's GPU, or in software; no adapter is a failure, not a reason to skip. */
export async function createBackend(
  options: Pick<WebGpuOptions, 'kernels' | 'withoutFeatures'> = {},
): Promise<WebGpuBackend> {
  gpu ??= createDawn({ software: 'fallback' });
  return webgpu({ gpu: await gpu, ...options });
}

const kernelKinds = {
  'for GPUs': { kernels: 'gpu' },
  'for GPUs without subgroups': { kernels: 'gpu', withoutFeatures: ['subgroups'] },
  'for software': { kernels: 'software' },
} as const;

/** Runs the suite with every kind of kernels, whatever the adapter. */
export function onEveryKernelKind(
  suite: (backend: () => WebGpuBackend, kind: keyof typeof kernelKinds) => void,
): void {
  for (const [kind, options] of Object.entries(kernelKinds)) {
    describe(`kernels ${kind}`, () => {
      let backend: WebGpuBackend;
      beforeAll(async () => {
        backend = await createBackend(options);
      });
      afterAll(() => backend.dispose());
      suite(() => backend, kind as keyof typeof kernelKinds);
    });
  }
}

/** Spies on all devices' submissions and on the pipelines that they create while blocking. */
export async function spyOnDevices(): Promise<{ readonly submits: Mock; readonly pipelines: Mock }> {
  gpu ??= createDawn({ software: 'fallback' });
  const adapter = (await (await gpu).requestAdapter()) as GPUAdapter;
  const device = await adapter.requestDevice();
  const submits = vi.spyOn(Object.getPrototypeOf(device.queue) as GPUQueue, 'submit');
  const pipelines = vi.spyOn(Object.getPrototypeOf(device) as GPUDevice, 'createComputePipeline');
  device.destroy();
  return { submits, pipelines };
}

/** The labels of what an executable dispatches. */
export function dispatchesOf(executable: Executable): readonly string[] {
  const { launches } = executable as unknown as { launches: readonly { source: { label: string } }[] };
  return launches.map(({ source }) => source.label);
}

const reference: Backend = interpreter();

export function input(dtype: DType, length: number): BufferSpec {
  return { dtype, length, role: 'input', offset: 0 };
}

export function output(dtype: DType, length: number): BufferSpec {
  return { dtype, length, role: 'output', offset: 0 };
}

export function access(
  buffer: number,
  strides: readonly number[],
  offset = 0,
  guards: Access['guards'] = [],
): Access {
  return { buffer, strides, offset, guards };
}

export function bound(strides: readonly number[], offset: number, size: number): Affine & { size: number } {
  return { strides, offset, size };
}

export function program(
  buffers: readonly BufferSpec[],
  kernels: readonly Kernel[],
  params: readonly DType[] = [],
): Program {
  return { buffers, kernels, params, arenaBytes: 0 };
}

/** Host data of a dtype from numbers. */
export function hostData(dtype: DType, values: Iterable<number>): HostArray {
  const numbers = [...values];
  const array = hostArray(dtype, numbers.length) as Float32Array;
  numbers.forEach((value, i) => {
    array[i] =
      dtype === 'float16' ? numberToFloat16(value) : dtype === 'bfloat16' ? numberToBfloat16(value) : value;
  });
  return array;
}

function numbersOf(dtype: DType, array: HostArray): number[] {
  const toNumber = dtype === 'float16' ? float16ToNumber : dtype === 'bfloat16' ? bfloat16ToNumber : Number;
  return Array.from(array as Float32Array, toNumber);
}

async function runOn(
  backend: Backend,
  what: Program,
  inputs: readonly HostArray[],
  params: readonly (number | bigint)[] = [],
): Promise<number[][]> {
  const specs = (role: string): BufferSpec[] => what.buffers.filter((spec) => spec.role === role);
  const bind = specs('input').map((spec, i) => {
    const buffer = backend.allocate(spec.dtype, spec.length);
    backend.write(buffer, inputs[i]);
    return buffer;
  });
  // What is not stored shows as zeros on both.
  const results = specs('output').map((spec) => {
    const buffer = backend.allocate(spec.dtype, spec.length);
    backend.write(buffer, hostArray(spec.dtype, spec.length));
    return buffer;
  });
  const executable = backend.compile(what);
  backend.run(executable, bind, results, params);
  const read: number[][] = [];
  for (const result of results) read.push(numbersOf(result.dtype, await backend.read(result)));
  for (const buffer of [...bind, ...results]) backend.free(buffer);
  return read;
}

/** Expects equal numbers, up to `ulps` units in the last place of float32 relative to the reference. */
function expectClose(actual: readonly number[], expected: readonly number[], ulps = 0, absolute = 0): void {
  expect(actual.length).toBe(expected.length);
  const wrong: string[] = [];
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i], expected[i]];
    if (a === e || Object.is(a, e)) continue;
    const allowed = Math.max(absolute, Math.abs(e) * 2 ** -23 * ulps);
    if (Math.abs(a - e) <= allowed) continue;
    wrong.push(`[${i}]: ${a} instead of ${e}`);
  }
  expect(wrong.slice(0, 10), `${wrong.length} of ${expected.length} differ`).toEqual([]);
}

export async function compare(
  backend: Backend,
  what: Program,
  inputs: readonly HostArray[],
  options: { params?: readonly (number | bigint)[]; ulps?: number; absolute?: number } = {},
): Promise<number[][]> {
  const expected = await runOn(reference, what, inputs, options.params);
  const actual = await runOn(backend, what, inputs, options.params);
  for (const [i, result] of actual.entries()) {
    expectClose(result, expected[i], options.ulps, options.absolute);
  }
  return actual;
}

/** Repeatable numbers in [-1, 1). */
export function randomNumbers(count: number, seed = 1): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}

export function load(dtype: DType, buffer: number, strides: readonly number[], offset = 0): Instruction {
  return { op: 'load', dtype, access: access(buffer, strides, offset) };
}

/** Random numbers of float32. */
export function numbers(count: number, seed = 1, scale = 1): number[] {
  return randomNumbers(count, seed).map((x) => Math.fround(x * scale));
}

/** Random whole numbers. */
export function whole(count: number, seed = 1, scale = 50): number[] {
  return randomNumbers(count, seed).map((x) => Math.trunc(x * scale));
}
