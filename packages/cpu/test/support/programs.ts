// Small programs, and what two backends make of them.
import {
  type Access,
  type Affine,
  type Backend,
  type BufferSpec,
  bfloat16ToNumber,
  type DType,
  float16ToNumber,
  type HostArray,
  hostArray,
  hostArrayOver,
  type Instruction,
  interpretProgram,
  type Kernel,
  type LoopKernel,
  numberToBfloat16,
  numberToFloat16,
  type Program,
} from '@nn/core';
import { expect } from 'vitest';

export function at(
  buffer: number,
  strides: readonly number[],
  offset: number = 0,
  guards: readonly (Affine & { readonly size: number })[] = [],
): Access {
  return { buffer, offset, strides, guards };
}

export function loop(parts: Partial<LoopKernel>): LoopKernel {
  return { kind: 'loop', name: 'test', extents: [], producer: null, epilogue: [], stores: [], ...parts };
}

export const input = (dtype: DType, length: number): BufferSpec => ({
  dtype,
  length,
  role: 'input',
  offset: 0,
});
export const output = (dtype: DType, length: number): BufferSpec => ({
  dtype,
  length,
  role: 'output',
  offset: 0,
});

export function program(
  buffers: readonly BufferSpec[],
  kernels: readonly Kernel[],
  params: readonly DType[] = [],
  arenaBytes: number = 0,
): Program {
  return { buffers, kernels, params, arenaBytes };
}

/** A generator of numbers in [0, 1), the same in each run. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const special = [
  0,
  -0,
  1,
  -1,
  0.5,
  -2.5,
  3.5,
  Infinity,
  -Infinity,
  NaN,
  1e30,
  -1e-30,
  65519,
  7,
  -128,
  255,
  32767,
];

/** Values of the dtype: small numbers, and for floats now and then special ones. */
export function randomArray(
  dtype: DType,
  length: number,
  random: () => number,
  withSpecial: boolean = false,
): HostArray {
  const array = hostArray(dtype, length);
  for (let i = 0; i < length; i++) {
    const pick =
      withSpecial && random() < 0.3 ? special[Math.floor(random() * special.length)] : (random() - 0.5) * 12;
    switch (dtype) {
      case 'bool':
        array[i] = random() < 0.5 ? 1 : 0;
        break;
      case 'int64':
        array[i] = Number.isFinite(pick) ? BigInt(Math.trunc(pick)) * (withSpecial ? 0x100000001n : 1n) : 3n;
        break;
      case 'float16':
        array[i] = numberToFloat16(pick);
        break;
      case 'bfloat16':
        array[i] = numberToBfloat16(pick);
        break;
      default:
        array[i] = pick;
    }
  }
  return array;
}

/** Runs the program on the backend; buffers without an input are given as they come from `fill`. */
export function runOn(
  backend: Backend,
  tested: Program,
  inputs: readonly HostArray[],
  params: readonly (number | bigint)[] = [],
): HostArray[] {
  const executable = backend.compile(tested);
  const specs = tested.buffers;
  const bound = specs
    .filter((spec) => spec.role !== 'temporary')
    .map((spec) => ({ role: spec.role, buffer: backend.allocate(spec.dtype, spec.length) }));
  const bind = (...roles: string[]): ReturnType<Backend['allocate']>[] =>
    bound.filter(({ role }) => roles.includes(role)).map(({ buffer }) => buffer);
  const given = bind('input', 'updated');
  const made = bind('output');
  for (const [i, buffer] of given.entries()) backend.write(buffer, inputs[i]);
  for (const buffer of made) backend.write(buffer, hostArray(buffer.dtype, buffer.length));
  backend.run(executable, given, made, params);
  const results = bind('output', 'updated').map((buffer) => backend.readSync(buffer));
  for (const buffer of [...given, ...made]) backend.free(buffer);
  return results;
}

/** What the interpreter gives. */
function expected(
  tested: Program,
  inputs: readonly HostArray[],
  params: readonly (number | bigint)[] = [],
): HostArray[] {
  let next = 0;
  const arena = new ArrayBuffer(tested.arenaBytes);
  const arrays = tested.buffers.map((spec) => {
    if (spec.role === 'input' || spec.role === 'updated') return inputs[next++].slice();
    if (['output', 'updated'].includes(spec.role)) return hostArray(spec.dtype, spec.length);
    return hostArrayOver(
      spec.dtype,
      arena.slice(0, spec.length * hostArray(spec.dtype, 1).BYTES_PER_ELEMENT),
    );
  });
  interpretProgram(tested, arrays, params);
  return arrays.filter((_, i) => ['output', 'updated'].includes(tested.buffers[i].role));
}

function numbersOf(dtype: DType, array: HostArray): number[] {
  return Array.from(array as Iterable<number | bigint>, (value) => {
    if (dtype === 'float16') return float16ToNumber(Number(value));
    if (dtype === 'bfloat16') return bfloat16ToNumber(Number(value));
    return Number(value);
  });
}

/** Relative tolerances: float results may be rounded once more or once less than the interpreter's. */
const tolerances: { readonly [D in DType]?: number } = {
  float16: 4e-3,
  bfloat16: 3e-2,
  float32: 2e-6,
  float64: 1e-13,
};

/** Expects both to give the same: exactly for integers, within `scale` tolerances for floats. */
export function expectAgreement(
  backend: Backend,
  tested: Program,
  inputs: readonly HostArray[],
  params: readonly (number | bigint)[] = [],
  scale: number = 1,
): void {
  const got = runOn(backend, tested, inputs, params);
  const wanted = expected(tested, inputs, params);
  const outputs = tested.buffers.filter((spec) => ['output', 'updated'].includes(spec.role));
  for (const [i, { dtype }] of outputs.entries()) {
    const tolerance = (tolerances[dtype] ?? 0) * scale;
    const a = numbersOf(dtype, got[i]);
    const b = numbersOf(dtype, wanted[i]);
    expect(a.length).toBe(b.length);
    for (let j = 0; j < a.length; j++) {
      if (Object.is(a[j], b[j]) || a[j] === b[j]) continue;
      const isClose = Math.abs(a[j] - b[j]) <= tolerance * Math.max(1e-3, Math.abs(b[j]));
      if (!isClose)
        expect.fail(`output ${i} (${dtype}) differs at ${j} of ${a.length}: got ${a[j]}, expected ${b[j]}`);
    }
  }
}

export function load(
  buffer: number,
  dtype: DType,
  strides: readonly number[],
  offset: number = 0,
): Instruction {
  return { op: 'load', dtype, access: at(buffer, strides, offset) };
}
