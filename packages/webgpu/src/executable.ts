/** A compiled program: pipelines, uniforms and bind groups, made once and replayed at each run. */
import { type DType, type Executable, InternalError, type Program } from '@nn/core';
import { BindGroups } from './bind-groups.ts';
import type { WebGpuDevice } from './device.ts';
import type { CachedPipeline } from './pipeline-cache.ts';
import { LaunchTimer } from './timer.ts';
import type { Launch } from './wgsl/kernel-code.ts';
import type { BoundResource } from './wgsl/memory.ts';
import type { EmittedProgram } from './wgsl/program.ts';
import { floatBits } from './wgsl/sizes.ts';
import { registerType, storageBytes } from './wgsl/storage.ts';

const uniformAlignment = 256;

export class WebGpuExecutable implements Executable {
  readonly program: Program;
  /** Bytes needed in the arena, scratch memory included. */
  readonly arenaBytes: number;
  /** What a run dispatches, in order. */
  readonly launches: readonly Launch[];
  readonly #device: WebGpuDevice;
  readonly #nativeHalf: boolean;
  readonly #kernelOf: readonly number[];
  readonly #steps: readonly Step[];
  readonly #label: string;
  readonly #params: GPUBuffer;
  readonly #uniforms: GPUBuffer;
  /** The params' words as they lie on the device. */
  readonly #words: Int32Array<ArrayBuffer>;
  /** Of the last run: for each buffer of the program where it lies, then the arena. */
  readonly #bound: (GPUBuffer | undefined)[];
  readonly #hasChanged: boolean[];
  #released = false;

  constructor(program: Program, emitted: EmittedProgram, device: WebGpuDevice, nativeHalf: boolean) {
    this.program = program;
    this.arenaBytes = emitted.arenaBytes;
    this.launches = emitted.launches;
    this.#device = device;
    this.#nativeHalf = nativeHalf;
    this.#kernelOf = emitted.kernelOf;
    this.#label = `a program of ${emitted.launches.length} kernels`;
    this.#words = new Int32Array(Math.max(4, program.params.length));
    this.#params = device.createUniforms(this.#words);
    const { uniforms, offsets } = packSizes(emitted.launches, device);
    this.#uniforms = uniforms;
    const arena = program.buffers.length;
    this.#bound = new Array(arena + 1).fill(undefined);
    this.#hasChanged = new Array(arena + 1).fill(false);
    this.#steps = emitted.launches.map((launch, at) => ({
      launch,
      compiled: undefined,
      sizes: { buffer: uniforms, offset: offsets[at], size: uniformBytes(launch) },
      groups: new BindGroups(placesOf(launch, arena)),
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

  run(
    inputs: readonly GPUBuffer[],
    outputs: readonly GPUBuffer[],
    arena: GPUBuffer | undefined,
    params: readonly (number | bigint)[],
  ): void {
    this.#begin(inputs, outputs, arena, params);
    if (this.#steps.length === 0) return;
    this.#device.submit(this.#label, (encoder) => {
      const pass = encoder.beginComputePass();
      let former: GPUComputePipeline | undefined;
      for (const { launch, compiled, groups } of this.#steps) {
        const { pipeline } = compiled as CachedPipeline;
        if (pipeline !== former) pass.setPipeline(pipeline);
        former = pipeline;
        pass.setBindGroup(0, groups.current as GPUBindGroup);
        pass.dispatchWorkgroups(launch.workgroups[0], launch.workgroups[1]);
      }
      pass.end();
    });
  }

  /** As `run`, each launch in a pass of its own; resolves with the milliseconds of each kernel. */
  async runTimed(
    inputs: readonly GPUBuffer[],
    outputs: readonly GPUBuffer[],
    arena: GPUBuffer | undefined,
    params: readonly (number | bigint)[],
  ): Promise<number[]> {
    this.#begin(inputs, outputs, arena, params);
    const times = this.program.kernels.map(() => 0);
    if (this.#steps.length === 0) return times;
    const timer = new LaunchTimer(this.#device, this.#steps.length);
    this.#device.submit(this.#label, (encoder) => {
      this.#steps.forEach(({ launch, compiled, groups }, at) => {
        const pass = encoder.beginComputePass({ timestampWrites: timer.writes(at) });
        pass.setPipeline((compiled as CachedPipeline).pipeline);
        pass.setBindGroup(0, groups.current as GPUBindGroup);
        pass.dispatchWorkgroups(launch.workgroups[0], launch.workgroups[1]);
        pass.end();
      });
      timer.resolve(encoder);
    });
    const measured = await timer.read();
    measured.forEach((milliseconds, at) => {
      times[this.#kernelOf[at]] += milliseconds;
    });
    return times;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#params.destroy();
    this.#uniforms.destroy();
    this.#bound.fill(undefined);
    for (const { groups } of this.#steps) groups.clear();
  }

  /** Puts params, pipelines and bind groups in place. */
  #begin(
    inputs: readonly GPUBuffer[],
    outputs: readonly GPUBuffer[],
    arena: GPUBuffer | undefined,
    params: readonly (number | bigint)[],
  ): void {
    if (this.#released) throw new InternalError('webgpu: a released executable was run');
    this.#device.watchErrors(this.#label);
    this.#writeParams(params);
    const bound = this.#bound;
    const changes = this.#bind(inputs, outputs, arena);
    for (const step of this.#steps) {
      step.compiled ??= this.#device.pipelines.get(step.launch.source);
      const { groups, compiled } = step;
      if (groups.current === undefined || (changes && groups.isAffected(this.#hasChanged))) {
        groups.select(bound, () => this.#createGroup(step, compiled));
      }
    }
  }

  #writeParams(params: readonly (number | bigint)[]): void {
    const { params: dtypes } = this.program;
    if (params.length !== dtypes.length) {
      throw new InternalError(`webgpu: a program of ${dtypes.length} params was given ${params.length}`);
    }
    let differ = false;
    for (let at = 0; at < params.length; at++) {
      const word = paramWord(dtypes[at], params[at]);
      if (word === this.#words[at]) continue;
      this.#words[at] = word;
      differ = true;
    }
    if (differ) this.#device.write(this.#params, 0, this.#words);
  }

  /** Notes one GPU buffer for each of the program's buffers, and which are others than at the last run, if any. */
  #bind(inputs: readonly GPUBuffer[], outputs: readonly GPUBuffer[], arena: GPUBuffer | undefined): boolean {
    const { buffers } = this.program;
    let nextInput = 0;
    let nextOutput = 0;
    let changes = false;
    for (let at = 0; at <= buffers.length; at++) {
      let buffer = arena;
      if (at < buffers.length) {
        const { role } = buffers[at];
        if (role === 'input' || role === 'updated') buffer = inputs[nextInput++];
        else if (role === 'output') buffer = outputs[nextOutput++];
      }
      const changed = buffer !== this.#bound[at];
      this.#hasChanged[at] = changed;
      if (!changed) continue;
      this.#bound[at] = buffer;
      changes = true;
    }
    if (nextInput !== inputs.length || nextOutput !== outputs.length) {
      throw new InternalError(
        `webgpu: a program of ${nextInput} inputs and ${nextOutput} outputs was given ${inputs.length} and ${outputs.length}`,
      );
    }
    return changes;
  }

  #createGroup(step: Step, { layout }: CachedPipeline): GPUBindGroup {
    const entries = step.launch.resources.map((resource, binding) => ({
      binding,
      resource: this.#bindingOf(resource, step),
    }));
    return this.#device.gpu.createBindGroup({ layout, entries });
  }

  #bindingOf(resource: BoundResource, step: Step): GPUBufferBinding {
    const { buffers } = this.program;
    switch (resource.kind) {
      case 'sizes':
        return step.sizes;
      case 'params':
        return { buffer: this.#params };
      case 'scratch': {
        const arena = this.#bound[buffers.length] as GPUBuffer;
        return { buffer: arena, offset: resource.offset, size: resource.byteLength };
      }
      case 'buffer': {
        const { dtype, length, role, offset } = buffers[resource.index];
        const bytes = Math.max(4, Math.ceil((length * storageBytes(dtype, this.#nativeHalf)) / 4) * 4);
        const buffer = this.#bound[resource.index] as GPUBuffer;
        return { buffer, offset: role === 'temporary' ? offset : 0, size: bytes };
      }
    }
  }
}

interface Step {
  readonly launch: Launch;
  readonly sizes: GPUBufferBinding;
  readonly groups: BindGroups;
  compiled: CachedPipeline | undefined;
}

/** Which of the bound buffers a launch uses. */
function placesOf({ resources }: Launch, arena: number): number[] {
  const places = resources.flatMap((resource) => {
    if (resource.kind === 'buffer') return [resource.index];
    return resource.kind === 'scratch' ? [arena] : [];
  });
  return [...new Set(places)];
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
