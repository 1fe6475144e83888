// Small programs for the tests, and their results on the interpreter.
import {
  type Access,
  type Bound,
  type BufferSpec,
  type DType,
  type HostArray,
  hostArray,
  type Instruction,
  interpretProgram,
  type Kernel,
  type LoopKernel,
  type Program,
} from '../src/index.ts';

/** An access without guards. */
export function at(buffer: number, strides: readonly number[], offset: number = 0): Access {
  return { buffer, offset, strides, guards: [] };
}

export function guarded(
  buffer: number,
  strides: readonly number[],
  offset: number,
  guards: readonly Bound[],
): Access {
  return { buffer, offset, strides, guards };
}

export function input(dtype: DType, length: number): BufferSpec {
  return { dtype, length, role: 'input', offset: 0 };
}

export function output(dtype: DType, length: number): BufferSpec {
  return { dtype, length, role: 'output', offset: 0 };
}

export function temporary(dtype: DType, length: number, offset: number): BufferSpec {
  return { dtype, length, role: 'temporary', offset };
}

export function program(
  buffers: readonly BufferSpec[],
  kernels: readonly Kernel[],
  params: readonly DType[] = [],
  arenaBytes: number = 0,
): Program {
  return { buffers, kernels, params, arenaBytes };
}

export function loop(parts: Partial<LoopKernel>): LoopKernel {
  return { kind: 'loop', name: 'test', extents: [], producer: null, epilogue: [], stores: [], ...parts };
}

/** A host array of a dtype from plain numbers (bits for the 16-bit floats). */
export function host(dtype: DType, values: readonly (number | bigint)[]): HostArray {
  const array = hostArray(dtype, values.length);
  values.forEach((value, i) => {
    array[i] = dtype === 'int64' ? BigInt(value) : value;
  });
  return array;
}

/** Runs a program whose buffers are inputs, then outputs; gives the outputs as plain lists. */
export function runProgram(
  tested: Program,
  inputs: readonly HostArray[],
  params: readonly (number | bigint)[] = [],
): (number | bigint)[][] {
  const arrays = [...inputs];
  for (let i = inputs.length; i < tested.buffers.length; i++)
    arrays.push(hostArray(tested.buffers[i].dtype, tested.buffers[i].length));
  interpretProgram(tested, arrays, params);
  return tested.buffers.flatMap((spec, i) => (spec.role === 'output' ? [[...arrays[i]]] : []));
}

/** Runs one instruction over lists of operands, each with its dtype. */
export function compute(
  op: string,
  dtype: DType,
  ...operands: readonly (readonly [DType, readonly (number | bigint)[]])[]
): (number | bigint)[] {
  const { length } = operands[0][1];
  const loads = operands.map(
    ([operand], i): Instruction => ({ op: 'load', dtype: operand, access: at(i, [1]) }),
  );
  const args = operands.map((_, i) => i);
  const kernel = loop({
    extents: [length],
    epilogue: [...loads, { op, dtype, args } as Instruction],
    stores: [{ access: at(operands.length, [1]), value: operands.length }],
  });
  const buffers = [...operands.map(([operand]) => input(operand, length)), output(dtype, length)];
  return runProgram(
    program(buffers, [kernel]),
    operands.map(([operand, values]) => host(operand, values)),
  )[0];
}
