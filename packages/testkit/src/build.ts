// Writing programs by hand, for tests.
import type {
  Access,
  Bound,
  BufferSpec,
  DType,
  Instruction,
  Kernel,
  LoopKernel,
  Program,
  Value,
} from '@nn/core';
import { contiguousStrides } from '@nn/core';

/** Everywhere in the loop, without guards unless given. */
export function access(
  buffer: number,
  strides: readonly number[],
  offset: number = 0,
  guards: readonly Bound[] = [],
): Access {
  return { buffer, offset, strides, guards };
}

/** The row-major elements of a buffer, in a loop over the extents. */
export function rowMajor(buffer: number, extents: readonly number[]): Access {
  return access(buffer, contiguousStrides(extents));
}

export function load(dtype: DType, from: Access): Instruction {
  return { op: 'load', dtype, access: from };
}

function loopOf(name: string, parts: Partial<LoopKernel>): LoopKernel {
  return { kind: 'loop', name, extents: [], producer: null, epilogue: [], stores: [], ...parts };
}

/** Collects buffers, params and kernels. Temporaries get places of their own in the arena unless told. */
export class ProgramBuilder {
  readonly #buffers: BufferSpec[] = [];
  readonly #kernels: Kernel[] = [];
  readonly #params: DType[] = [];
  readonly #bytesPerElement: (dtype: DType) => number;
  #arenaBytes = 0;

  /** @param bytesPerElement the backend's, which decides how much of the arena a temporary takes. */
  constructor(bytesPerElement: (dtype: DType) => number) {
    this.#bytesPerElement = bytesPerElement;
  }

  input(dtype: DType, length: number): number {
    return this.#buffers.push({ dtype, length, role: 'input', offset: 0 }) - 1;
  }

  /** An input that the program writes over. */
  updated(dtype: DType, length: number): number {
    return this.#buffers.push({ dtype, length, role: 'updated', offset: 0 }) - 1;
  }

  output(dtype: DType, length: number): number {
    return this.#buffers.push({ dtype, length, role: 'output', offset: 0 }) - 1;
  }

  /** `offset` puts it over another one that is no longer needed. */
  temporary(dtype: DType, length: number, offset: number = this.#arenaBytes): number {
    const end = offset + length * this.#bytesPerElement(dtype);
    this.#arenaBytes = Math.max(this.#arenaBytes, Math.ceil(end / 256) * 256);
    return this.#buffers.push({ dtype, length, role: 'temporary', offset }) - 1;
  }

  param(dtype: DType): number {
    return this.#params.push(dtype) - 1;
  }

  kernel(kernel: Kernel): void {
    this.#kernels.push(kernel);
  }

  loop(parts: Partial<LoopKernel>): void {
    this.#kernels.push(loopOf(`loop${this.#kernels.length}`, parts));
  }

  /** Loops in one kernel of rows. */
  rows(extents: readonly number[], steps: readonly Partial<LoopKernel>[]): void {
    const name = `rows${this.#kernels.length}`;
    const loops = steps.map((step, at) => loopOf(`${name}, step ${at}`, step));
    this.#kernels.push({ kind: 'rows', name, extents, steps: loops });
  }

  /** Independent loops in one kernel. */
  parallel(parts: readonly Partial<LoopKernel>[]): void {
    const name = `parallel${this.#kernels.length}`;
    const loops = parts.map((part, at) => loopOf(`${name}, part ${at}`, part));
    this.#kernels.push({ kind: 'parallel', name, parts: loops });
  }

  /** A loop without producer that stores one value in row-major order. */
  map(extents: readonly number[], epilogue: readonly Instruction[], value: Value, target: number): void {
    this.loop({ extents, epilogue, stores: [{ access: rowMajor(target, extents), value }] });
  }

  build(): Program {
    return {
      buffers: this.#buffers,
      params: this.#params,
      kernels: this.#kernels,
      arenaBytes: this.#arenaBytes,
    };
  }
}
