// An interpreter that notes which kernels it runs, as a device that lets each touch ten buffers, as most GPUs do.
import { type Backend, type Executable, interpreter, type Kernel } from '@nn/core';

export interface KernelCounter {
  readonly backend: Backend;
  /** The kernels that the device runs meanwhile. */
  during(run: () => void): Kernel[];
}

export function kernelCounter(name: string): KernelCounter {
  const inner = interpreter({ name });
  let ran: Kernel[] = [];
  const backend: Backend = {
    ...inner,
    capabilities: { ...inner.capabilities, buffersPerKernel: 10 },
    run(executable: Executable, ...given) {
      ran.push(...executable.program.kernels);
      inner.run(executable, ...given);
    },
  };
  return {
    backend,
    during(run) {
      ran = [];
      run();
      return [...ran];
    },
  };
}
