/**
 * One kernel's WGSL under construction: its buffers, its sizes, and the pieces of code; and the launch that
 * comes of it.
 */
import type { BufferSpec, DType } from '@nn/core';
import type { KernelSource } from '../pipeline-cache.ts';
import { libraryFor } from './library/index.ts';
import { type BoundResource, KernelMemory } from './memory.ts';
import { SizeTable } from './sizes.ts';

/** What an emitter must know of the program and the device. */
export interface EmitContext {
  readonly buffers: readonly BufferSpec[];
  readonly params: readonly DType[];
  readonly nativeHalf: boolean;
  readonly subgroups: boolean;
  /** Whether invocations should work together through workgroup memory, which software does very slowly. */
  readonly cooperate: boolean;
  /** Storage buffers that a kernel may bind, and bytes of workgroup memory that it may use. */
  readonly storageBuffersPerKernel: number;
  readonly workgroupBytes: number;
  /** Byte offset of memory that kernels may use for themselves. */
  readonly scratchOffset: number;
}

/** One dispatch of a program. */
export interface Launch {
  readonly source: KernelSource;
  /** The words of the kernel's uniform sizes. */
  readonly sizes: Int32Array<ArrayBuffer>;
  /** What fills the bindings, in order. */
  readonly resources: readonly BoundResource[];
  readonly workgroups: readonly [number, number];
  readonly scratchBytes: number;
}

/** The most workgroups along one axis that WebGPU promises. */
const maxWorkgroups = 65535;

export class KernelCode {
  readonly context: EmitContext;
  readonly memory: KernelMemory;
  readonly sizes: SizeTable = new SizeTable();
  /** Declarations outside of functions. */
  readonly declarations: string[] = [];
  #scratchBytes = 0;
  #workgroupBytes = 0;

  constructor(context: EmitContext) {
    this.context = context;
    this.memory = new KernelMemory(context.buffers, context.nativeHalf);
  }

  /** Adds a declaration, unless it is there. */
  declare(...texts: readonly string[]): void {
    for (const text of texts) if (!this.declarations.includes(text)) this.declarations.push(text);
  }

  /** Declares an array in workgroup memory, unless it is there. */
  shared(name: string, element: string, length: number, elementBytes: number): void {
    const declaration = `var<workgroup> ${name}: array<${element}, ${length}>;`;
    if (this.declarations.includes(declaration)) return;
    this.declarations.push(declaration);
    this.#workgroupBytes += length * elementBytes;
  }

  get workgroupBytes(): number {
    return this.#workgroupBytes;
  }

  /** The name of a scratch array of 32-bit `element`s; `at` is its byte offset in the scratch memory. */
  scratch(element: string, at: number, byteLength: number): string {
    this.#scratchBytes = Math.max(this.#scratchBytes, at + byteLength);
    return this.memory.scratch(element, this.context.scratchOffset + at, byteLength);
  }

  /** WGSL for a param's value, as words. */
  param(index: number): string {
    return `params[${index >> 2}].${'xyzw'[index & 3]}`;
  }

  /**
   * The launch of these statements, which see `group` (the workgroup's linear number) and `lane` (the invocation's number
   * in its workgroup).
   */
  launch(name: string, workgroupSize: number, workgroupCount: number, lines: readonly string[]): Launch {
    const body = lines.map((line) => `  ${line}`).join('\n');
    const across = Math.min(workgroupCount, maxWorkgroups);
    const down = Math.ceil(workgroupCount / across);
    const groupCount = this.sizes.integer(workgroupCount);
    const builtins = [
      '@builtin(workgroup_id) group_position: vec3u',
      '@builtin(num_workgroups) group_extent: vec3u',
      '@builtin(local_invocation_index) lane_index: u32',
      ...(/\bsubgroup_size\b/.test(body) ? ['@builtin(subgroup_size) subgroup_size: u32'] : []),
      ...(/\bsubgroup_lane\b/.test(body) ? ['@builtin(subgroup_invocation_id) subgroup_lane: u32'] : []),
    ];
    const main = `
@compute @workgroup_size(${workgroupSize})
fn main(${builtins.join(', ')}) {
  let group = i32(group_position.x + group_position.y * group_extent.x);
  let lane = i32(lane_index);
  // The last row of workgroups may be ragged.
  if (group >= ${groupCount}) { return; }
${body}
}`;
    const own = [...this.declarations, main].join('\n');
    const code = [
      this.memory.usesHalf ? 'enable f16;' : '',
      /\bsubgroup/.test(own) ? 'enable subgroups;' : '',
      `@group(0) @binding(0) var<uniform> sizes: array<vec4i, ${this.sizes.vectors}>;`,
      `@group(0) @binding(1) var<uniform> params: array<vec4i, ${Math.max(1, Math.ceil(this.context.params.length / 4))}>;`,
      this.memory.declarations(),
      libraryFor(own),
      own,
    ]
      .filter((part) => part !== '')
      .join('\n');
    return {
      source: { label: name, code, bindings: ['uniform', 'uniform', ...this.memory.kinds] },
      sizes: this.sizes.words,
      resources: [{ kind: 'sizes' }, { kind: 'params' }, ...this.memory.resources],
      workgroups: [across, down],
      scratchBytes: this.#scratchBytes,
    };
  }
}
