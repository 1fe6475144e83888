/** Programs to launches. */
import {
  type Instruction,
  InternalError,
  type Kernel,
  type LoopKernel,
  type Program,
  UnsupportedError,
} from '@nn/core';
import type { EmitContext, Launch } from './kernel-code.ts';
import { emitLoop } from './loop.ts';
import { emitArgsort, emitCopy, emitScan, emitScatter } from './ordered.ts';
import { emitParallel } from './parallel.ts';
import { emitRows } from './rows.ts';
import { checkSupported } from './storage.ts';

/** What an emitter must know of the device. */
export type DeviceTraits = Omit<EmitContext, 'buffers' | 'params' | 'scratchOffset'>;

export interface EmittedProgram {
  readonly launches: readonly Launch[];
  /** For each launch the number of the kernel that it is of. */
  readonly kernelOf: readonly number[];
  /** Bytes that the program needs in the arena, its kernels' scratch memory included. */
  readonly arenaBytes: number;
}

/** @throws UnsupportedError for what WebGPU cannot do, naming the kernel */
export function emitProgram(program: Program, traits: DeviceTraits): EmittedProgram {
  const scratchOffset = Math.ceil(program.arenaBytes / 256) * 256;
  const context: EmitContext = {
    buffers: program.buffers,
    params: program.params,
    ...traits,
    scratchOffset,
  };
  const emitted = program.kernels.map((kernel) => {
    for (const dtype of dtypesOf(kernel, program)) checkSupported(dtype, `kernel '${kernel.name}'`);
    return emitKernel(kernel, context);
  });
  const launches = emitted.flat();
  const kernelOf = emitted.flatMap((own, kernel) => own.map(() => kernel));
  for (const { source, resources } of launches) {
    const bound = resources.length - 2;
    if (bound > traits.storageBuffersPerKernel) {
      throw new UnsupportedError(
        `webgpu: kernel '${source.label}' uses ${bound} buffers, but this adapter lets a kernel use ` +
          `${traits.storageBuffersPerKernel}. Read an intermediate result, or turn fusion off, so that it is split`,
      );
    }
  }
  const scratchBytes = launches.reduce((most, launch) => Math.max(most, launch.scratchBytes), 0);
  // An empty temporary is bound as one word, and may lie at the arena's end.
  const placed = program.buffers.map(({ role, offset }) => (role === 'temporary' ? offset + 4 : 0));
  const arenaBytes = Math.max(program.arenaBytes, ...placed);
  const withScratch = scratchBytes === 0 ? arenaBytes : Math.max(arenaBytes, scratchOffset + scratchBytes);
  return { launches, kernelOf, arenaBytes: withScratch };
}

function emitKernel(kernel: Kernel, context: EmitContext): readonly Launch[] {
  switch (kernel.kind) {
    case 'loop':
      return emitLoop(kernel, context);
    case 'rows':
      return emitRows(kernel, context);
    case 'parallel':
      return emitParallel(kernel, context);
    case 'copy':
      return emitCopy(kernel, context);
    case 'scatter':
      return emitScatter(kernel, context);
    case 'scan':
      return emitScan(kernel, context);
    case 'argsort':
      return emitArgsort(kernel, context);
    default:
      throw new InternalError(`webgpu: unknown kind of kernel ${JSON.stringify(kernel satisfies never)}`);
  }
}

function dtypesOf(kernel: Kernel, program: Program): Instruction['dtype'][] {
  const { buffers } = program;
  if (kernel.kind === 'rows') return kernel.steps.flatMap((step) => dtypesOf(step, program));
  if (kernel.kind === 'parallel') return kernel.parts.flatMap((part) => dtypesOf(part, program));
  if (kernel.kind !== 'loop') {
    const used = kernel.kind === 'scatter' ? [kernel.index, kernel.target] : [kernel.source, kernel.target];
    return used.map((index) => buffers[index].dtype);
  }
  return [...instructionsOf(kernel).map(({ dtype }) => dtype), ...dotDTypes(kernel)];
}

function dotDTypes({ producer }: LoopKernel): Instruction['dtype'][] {
  return producer?.kind === 'dot' ? [producer.dtype] : [];
}

function instructionsOf({ producer, epilogue }: LoopKernel): readonly Instruction[] {
  return producer?.kind === 'reduce' ? [...producer.body, ...epilogue] : epilogue;
}
