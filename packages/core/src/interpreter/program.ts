// Whole programs over host arrays: what `interpreter()` runs, and what another backend may fall back to.
import { type DType, type HostArray, hostArray } from '../dtype.ts';
import { InternalError } from '../errors.ts';
import type { Kernel, LoopKernel, Program } from '../kernel.ts';
import { type Element, elementFrom } from './element.ts';
import { type BufferInfo, type LoweredKernel, lowerLoop } from './loop.ts';
import { lowerArgsort, lowerCopy, lowerScan, lowerScatter } from './ordered.ts';
import { verifyProgram } from './verify.ts';

export interface LoweredProgram {
  /** @param times given: receives the milliseconds of each kernel. */
  run(arrays: readonly HostArray[], params: readonly Element[], times?: number[]): void;
}

/** Every engine has it, whatever else it has. */
const clock = (globalThis as unknown as { readonly performance: { now(): number } }).performance;

const lowered = new WeakMap<Program, LoweredProgram>();

/**
 * Checks a program and turns it into closures, once for each program object.
 *
 * @throws {InternalError} for a program that breaks the kernel language's rules.
 */
export function lowerProgram(program: Program): LoweredProgram {
  let known = lowered.get(program);
  if (known === undefined) {
    verifyProgram(program);
    const kernels = program.kernels.map((kernel) => lowerKernel(kernel, program.buffers));
    known = {
      run(arrays, params, times) {
        checkArrays(program, arrays);
        if (params.length !== program.params.length)
          throw new InternalError(`a program of ${program.params.length} params was given ${params.length}`);
        const values = program.params.map((dtype, i) => elementFrom(dtype, params[i]));
        for (const kernel of kernels) {
          const start = times === undefined ? 0 : clock.now();
          kernel({ arrays, params: values });
          times?.push(clock.now() - start);
        }
      },
    };
    lowered.set(program, known);
  }
  return known;
}

/**
 * Runs a program over host arrays, one for each of its buffers (temporaries too: any array of the right dtype and
 * length, whatever it holds). Results are written into the arrays of the outputs.
 *
 * A backend that cannot run some program itself may copy its buffers here, and it is all that a backend of the
 * first level needs.
 *
 * @throws {InternalError} for a program that breaks the rules, or arrays that do not fit it.
 */
export function interpretProgram(
  program: Program,
  arrays: readonly HostArray[],
  params: readonly (number | bigint)[] = [],
): void {
  lowerProgram(program).run(arrays, params);
}

function lowerKernel(kernel: Kernel, buffers: readonly BufferInfo[]): LoweredKernel {
  switch (kernel.kind) {
    case 'loop':
      return lowerLoop(kernel, buffers);
    case 'rows':
      return inOrder(kernel.steps, buffers);
    case 'parallel':
      return inOrder(kernel.parts, buffers);
    case 'copy':
      return lowerCopy(kernel);
    case 'scatter':
      return lowerScatter(kernel, buffers);
    case 'scan':
      return lowerScan(kernel, buffers);
    case 'argsort':
      return lowerArgsort(kernel, buffers);
  }
}

function inOrder(kernels: readonly LoopKernel[], buffers: readonly BufferInfo[]): LoweredKernel {
  const loops = kernels.map((kernel) => lowerLoop(kernel, buffers));
  return (binding) => {
    for (const loop of loops) loop(binding);
  };
}

function checkArrays({ buffers }: Program, arrays: readonly HostArray[]): void {
  if (arrays.length !== buffers.length)
    throw new InternalError(`a program of ${buffers.length} buffers was given ${arrays.length} arrays`);
  for (let i = 0; i < buffers.length; i++) {
    const { dtype, length } = buffers[i];
    if (arrays[i].length !== length || !isArrayOf(dtype, arrays[i])) {
      throw new InternalError(
        `buffer ${i} is ${length} of ${dtype}, but its array is ${arrays[i].length} of ${arrays[i].constructor.name}`,
      );
    }
  }
}

function isArrayOf(dtype: DType, array: HostArray): boolean {
  return Object.getPrototypeOf(hostArray(dtype, 0)) === Object.getPrototypeOf(array);
}
