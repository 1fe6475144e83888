// A backend that runs programs one kernel at a time and takes the time of each.
import {
  type Backend,
  bytesPerElement,
  type Executable,
  type Instruction,
  type Kernel,
  type LoopKernel,
  type Program,
} from '@nn/core';
import { namedBackend } from './named-backend.ts';

export interface KernelTime {
  readonly kernel: Kernel;
  /** Float32 operations of a product. */
  readonly flops: number;
  /** Bytes of all buffers that it reads or writes. */
  readonly bytes: number;
  /** Milliseconds, of each run. */
  readonly times: number[];
}

interface TimedExecutable extends Executable {
  readonly parts: readonly { readonly executable: Executable; readonly time: KernelTime }[];
}

export interface TimedBackend extends Backend {
  readonly kernelTimes: readonly KernelTime[];
  /** Forgets the times so far, and the kernels. */
  reset(): void;
}

/** For backends on which a run is over when it returns, and whose programs share one arena: temporaries must stay. */
export function timedBackend(backend: Backend, name: string): TimedBackend {
  let kernelTimes: KernelTime[] = [];
  return {
    ...namedBackend(backend, name),
    compile(program): TimedExecutable {
      const parts = program.kernels.map((kernel) => ({
        executable: backend.compile({ ...program, kernels: [kernel] }),
        time: { kernel, flops: flopsOf(kernel), bytes: bytesOf(kernel, program), times: [] as number[] },
      }));
      return { program, parts };
    },
    run(executable, inputs, outputs, params) {
      for (const { executable: part, time } of (executable as TimedExecutable).parts) {
        const start = performance.now();
        backend.run(part, inputs, outputs, params);
        if (time.times.length === 0) kernelTimes.push(time);
        time.times.push(performance.now() - start);
      }
    },
    get kernelTimes() {
      return kernelTimes;
    },
    reset() {
      for (const { times } of kernelTimes) times.length = 0;
      kernelTimes = [];
    },
  };
}

function flopsOf(kernel: Kernel): number {
  if (kernel.kind !== 'loop' || kernel.producer?.kind !== 'dot') return 0;
  return [...kernel.extents, ...kernel.producer.inner].reduce((product, extent) => product * extent, 2);
}

function loopsOf(kernel: Kernel): readonly LoopKernel[] {
  if (kernel.kind === 'rows') return kernel.steps;
  if (kernel.kind === 'parallel') return kernel.parts;
  return kernel.kind === 'loop' ? [kernel] : [];
}

function bytesOf(kernel: Kernel, { buffers }: Program): number {
  const touched = new Set<number>();
  const loads = (instructions: readonly Instruction[]): void => {
    for (const instruction of instructions) {
      if (instruction.op === 'load' || instruction.op === 'gather') touched.add(instruction.access.buffer);
    }
  };
  for (const { producer, epilogue, stores } of loopsOf(kernel)) {
    loads(epilogue);
    for (const { access } of stores) touched.add(access.buffer);
    if (producer?.kind === 'reduce') loads(producer.body);
    if (producer?.kind === 'dot') {
      touched.add(producer.left.buffer);
      touched.add(producer.right.buffer);
    }
  }
  if ('source' in kernel) {
    touched.add(kernel.source);
    touched.add(kernel.target);
  }
  return [...touched].reduce(
    (sum, buffer) => sum + buffers[buffer].length * bytesPerElement(buffers[buffer].dtype),
    0,
  );
}
