/** A compiled program: pipelines, uniforms and bind groups, made once and replayed at each run. */
import type { DType, Executable, Program } from '@nn/core';
import type { WebGpuDevice } from './device.ts';
import type { CachedPipeline } from './pipeline-cache.ts';
import type { Launch } from './wgsl/kernel-code.ts';
import type { BoundResource } from './wgsl/memory.ts';
import type { EmittedProgram } from './wgsl/program.ts';
import { floatBits } from './wgsl/sizes.ts';
import { registerType, storageBytes } from './wgsl/storage.ts';

const uniformAlignment = 256;
/** Bind groups that a launch remembers: buffers come and go in the pool, but mostly the same ones. */
const rememberedGroups = 16;

/** The GPU buffers of one run. */
export interface RunBuffers {
  /** For each buffer of the program: where it lies. */
  readonly bound: readonly GPUBuffer[];
  readonly arena: GPUBuffer | undefined;
}

export class WebGpuExecutable implements Executable {
  readonly program: Program;
  /** Bytes needed in the arena, scratch memory included. */
  readonly arenaBytes: number;
  /** What a run dispatches, in order. */
  readonly launches: readonly Launch[];
  readonly #device: WebGpuDevice;
  readonly #nativeHalf: boolean;
  readonly #steps: readonly Step[];
  readonly #params: GPUBuffer;
  readonly #label: string;

  constructor(program: Program, emitted: EmittedProgram, device: WebGpuDevice, nativeHalf: boolean) {
    this.program = program;
    this.arenaBytes = emitted.arenaBytes;
    this.launches = emitted.launches;
    this.#device = device;
    this.#nativeHalf = nativeHalf;
    this.#label = `a program of ${emitted.launches.length} kernels`;
    this.#params = device.createUniforms(new Int32Array(Math.max(4, program.params.length)));
    const { uniforms, offsets } = packSizes(emitted.launches, device);
    this.#steps = emitted.launches.map((launch, at) => ({
      launch,
      compiled: undefined,
      sizes: { buffer: uniforms, offset: offsets[at], size: uniformBytes(launch) },
      groups: new Map(),
    }));
  }

  /** Compiles all pipelines in parallel, without blocking; a run does it one by one. */
  async prepare(): Promise<void> {
    const compiled = this.#steps.map(({ launch }) => this.#device.pipelines.prepare(launch.source));
    const pipelines = await Promise.all(compiled);
    this.#steps.forEach((step, at) => {
      step.compiled ??= pipelines[at];
    });
  }

  run(buffers: RunBuffers, params: readonly (number | bigint)[]): void {
    if (params.length > 0) {
      const words = Int32Array.from(params, (value, at) => paramWord(this.program.params[at], value));
      this.#device.write(this.#params, 0, words);
    }
    if (this.#steps.length === 0) return;
    this.#device.submit(this.#label, (encoder) => {
      const pass = encoder.beginComputePass();
      for (const step of this.#steps) {
        step.compiled ??= this.#device.pipelines.get(step.launch.source);
        pass.setPipeline(step.compiled.pipeline);
        pass.setBindGroup(0, this.#groupOf(step, step.compiled, buffers));
        pass.dispatchWorkgroups(step.launch.workgroups[0], step.launch.workgroups[1]);
      }
      pass.end();
    });
  }

  #groupOf(step: Step, { layout }: CachedPipeline, buffers: RunBuffers): GPUBindGroup {
    let key = '';
    for (const resource of step.launch.resources) {
      if (resource.kind === 'buffer') key += `${this.#device.identityOf(buffers.bound[resource.index])} `;
      else if (resource.kind === 'scratch') key += `${this.#device.identityOf(buffers.arena as GPUBuffer)} `;
    }
    const known = step.groups.get(key);
    if (known !== undefined) return known;
    const group = this.#device.gpu.createBindGroup({
      layout,
      entries: step.launch.resources.map((resource, binding) => ({
        binding,
        resource: this.#bindingOf(resource, step, buffers),
      })),
    });
    if (step.groups.size >= rememberedGroups) step.groups.delete(step.groups.keys().next().value as string);
    step.groups.set(key, group);
    return group;
  }

  #bindingOf(resource: BoundResource, step: Step, buffers: RunBuffers): GPUBufferBinding {
    switch (resource.kind) {
      case 'sizes':
        return step.sizes;
      case 'params':
        return { buffer: this.#params };
      case 'scratch':
        return {
          buffer: buffers.arena as GPUBuffer,
          offset: resource.offset,
          size: resource.byteLength,
        };
      case 'buffer': {
        const { dtype, length, role, offset } = this.program.buffers[resource.index];
        const bytes = Math.max(4, Math.ceil((length * storageBytes(dtype, this.#nativeHalf)) / 4) * 4);
        const buffer = buffers.bound[resource.index];
        return { buffer, offset: role === 'temporary' ? offset : 0, size: bytes };
      }
    }
  }
}

interface Step {
  readonly launch: Launch;
  readonly sizes: GPUBufferBinding;
  readonly groups: Map<string, GPUBindGroup>;
  compiled: CachedPipeline | undefined;
}

/** The sizes of all launches in one uniform buffer. */
function packSizes(
  launches: readonly Launch[],
  device: WebGpuDevice,
): { uniforms: GPUBuffer; offsets: readonly number[] } {
  let total = 0;
  const offsets = launches.map((launch) => {
    const offset = total;
    total += Math.ceil(uniformBytes(launch) / uniformAlignment) * uniformAlignment;
    return offset;
  });
  const words = new Int32Array(total / 4);
  launches.forEach((launch, at) => {
    words.set(launch.sizes, offsets[at] / 4);
  });
  return { uniforms: device.createUniforms(words), offsets };
}

function uniformBytes({ sizes }: Launch): number {
  return Math.max(1, Math.ceil(sizes.length / 4)) * 16;
}

/** A param as the word that the shader takes for it. */
function paramWord(dtype: DType, value: number | bigint): number {
  if (registerType(dtype) === 'f32') return floatBits(Number(value));
  if (dtype === 'bool') return Number(value) !== 0 ? 1 : 0;
  return Number(BigInt.asIntN(32, typeof value === 'bigint' ? value : BigInt(Math.trunc(value))));
}
