/**
 * Compute pipelines by their WGSL: equal code is compiled once a device. Sizes are uniforms, not code, so a
 * new batch size finds its pipelines here.
 */
import { shaderStageCompute } from './constants.ts';
import { ShaderError } from './errors.ts';

/** How a kernel uses the buffer at a binding. */
export type BindingKind = 'uniform' | 'read' | 'readWrite';

export interface KernelSource {
  /** For messages and profiles. */
  readonly label: string;
  readonly code: string;
  /** The bindings of group 0, in order. */
  readonly bindings: readonly BindingKind[];
}

export interface CachedPipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

const entryPoint = 'main';

const bufferTypes: { readonly [Kind in BindingKind]: GPUBufferBindingType } = {
  uniform: 'uniform',
  read: 'read-only-storage',
  readWrite: 'storage',
};

export class PipelineCache {
  readonly #gpu: GPUDevice;
  readonly #watch: (verdict: Promise<Error | undefined>) => void;
  readonly #pipelines: Map<string, CachedPipeline> = new Map();
  readonly #pending: Map<string, Promise<CachedPipeline>> = new Map();
  readonly #layouts: Map<string, GPUBindGroupLayout> = new Map();

  /** `watch` hears, later, of code that turns out not to compile. */
  constructor(gpu: GPUDevice, watch: (verdict: Promise<Error | undefined>) => void) {
    this.#gpu = gpu;
    this.#watch = watch;
  }

  get size(): number {
    return this.#pipelines.size;
  }

  /** The pipeline at once. Compilation goes on behind it; a failure reaches `watch`. */
  get(source: KernelSource): CachedPipeline {
    const known = this.#pipelines.get(source.code);
    if (known !== undefined) return known;
    this.#gpu.pushErrorScope('validation');
    this.#gpu.pushErrorScope('internal');
    const { module, layout, descriptor } = this.#describe(source);
    const created = { pipeline: this.#gpu.createComputePipeline(descriptor), layout };
    for (let scope = 0; scope < 2; scope++) {
      const verdict = this.#gpu.popErrorScope();
      this.#watch(
        verdict.then((error) => (error === null ? undefined : this.#explain(source, module, error.message))),
      );
    }
    this.#pipelines.set(source.code, created);
    return created;
  }

  /**
   * The pipeline once compiled, without blocking, and many at a time in parallel.
   *
   * @throws ShaderError if the code does not compile
   */
  async prepare(source: KernelSource): Promise<CachedPipeline> {
    const known = this.#pipelines.get(source.code);
    if (known !== undefined) return known;
    let pending = this.#pending.get(source.code);
    if (pending === undefined) {
      pending = this.#compile(source).finally(() => this.#pending.delete(source.code));
      this.#pending.set(source.code, pending);
    }
    return pending;
  }

  clear(): void {
    this.#pipelines.clear();
    this.#layouts.clear();
  }

  async #compile(source: KernelSource): Promise<CachedPipeline> {
    this.#gpu.pushErrorScope('validation');
    const { module, layout, descriptor } = this.#describe(source);
    const compiling = this.#gpu.createComputePipelineAsync(descriptor);
    // The scope catches what the module and the layout say, which the rejection below repeats.
    this.#gpu.popErrorScope().catch(() => undefined);
    try {
      const created = { pipeline: await compiling, layout };
      this.#pipelines.set(source.code, created);
      return created;
    } catch (error) {
      throw await this.#explain(source, module, error instanceof Error ? error.message : String(error));
    }
  }

  #describe(source: KernelSource): {
    module: GPUShaderModule;
    layout: GPUBindGroupLayout;
    descriptor: GPUComputePipelineDescriptor;
  } {
    const { label } = source;
    const module = this.#gpu.createShaderModule({ label, code: source.code });
    const layout = this.#layout(source.bindings);
    const pipelineLayout = this.#gpu.createPipelineLayout({ bindGroupLayouts: [layout] });
    return { module, layout, descriptor: { label, layout: pipelineLayout, compute: { module, entryPoint } } };
  }

  #layout(bindings: readonly BindingKind[]): GPUBindGroupLayout {
    const key = bindings.join();
    let layout = this.#layouts.get(key);
    if (layout === undefined) {
      layout = this.#gpu.createBindGroupLayout({
        entries: bindings.map((kind, binding) => ({
          binding,
          visibility: shaderStageCompute,
          buffer: { type: bufferTypes[kind] },
        })),
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  async #explain(source: KernelSource, module: GPUShaderModule, fallback: string): Promise<ShaderError> {
    const { messages } = await module.getCompilationInfo();
    const problems = messages
      .filter((message) => message.type === 'error')
      .map((message) => `line ${message.lineNum}: ${message.message}`);
    return new ShaderError(source.label, source.code, problems.join('; ') || fallback);
  }
}
