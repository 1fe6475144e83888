/** The buffers that one kernel binds, and the WGSL for their elements. */
import type { BufferSpec, DType } from '@nn/core';
import type { BindingKind } from '../pipeline-cache.ts';
import { type RegisterType, registerType, type StorageType, storageType } from './storage.ts';

/** What a binding is filled with at a run. */
export type BoundResource =
  | { readonly kind: 'sizes' }
  | { readonly kind: 'params' }
  /** A buffer of the program. */
  | { readonly kind: 'buffer'; readonly index: number }
  /** Memory of the kernel's own, beyond the program's arena. */
  | { readonly kind: 'scratch'; readonly offset: number; readonly byteLength: number };

interface Binding {
  readonly resource: BoundResource;
  /** WGSL's type of the elements. */
  readonly element: string;
  kind: BindingKind;
}

export class KernelMemory {
  readonly #buffers: readonly BufferSpec[];
  readonly #nativeHalf: boolean;
  readonly #bindings: Binding[] = [];
  readonly #bindingOf: Map<number, Binding> = new Map();

  constructor(buffers: readonly BufferSpec[], nativeHalf: boolean) {
    this.#buffers = buffers;
    this.#nativeHalf = nativeHalf;
  }

  get resources(): readonly BoundResource[] {
    return this.#bindings.map((binding) => binding.resource);
  }

  get kinds(): readonly BindingKind[] {
    return this.#bindings.map((binding) => binding.kind);
  }

  get usesHalf(): boolean {
    return this.#bindings.some((binding) => binding.element === 'f16');
  }

  dtypeOf(buffer: number): DType {
    return this.#buffers[buffer].dtype;
  }

  /** The WGSL for an element's value, in the register type of the buffer's dtype. */
  load(buffer: number, at: string): string {
    const name = this.#bind(buffer, false);
    const { dtype } = this.#buffers[buffer];
    const element = `${name}[${at}]`;
    if (dtype === 'bool') return `(${element} != 0)`;
    return storageType(dtype, this.#nativeHalf) === 'f16' ? `f32(${element})` : element;
  }

  /** The WGSL statement that stores a value of the register type. */
  store(buffer: number, at: string, value: string): string {
    const name = this.#bind(buffer, true);
    const { dtype } = this.#buffers[buffer];
    const stored =
      dtype === 'bool'
        ? `select(0, 1, ${value})`
        : storageType(dtype, this.#nativeHalf) === 'f16'
          ? `f16(${value})`
          : value;
    return `${name}[${at}] = ${stored};`;
  }

  /** The name of a buffer bound as atomic words. */
  atomic(buffer: number): string {
    return this.#name(this.#add({ kind: 'buffer', index: buffer }, 'atomic<u32>', 'readWrite'));
  }

  scratch(element: string, offset: number, byteLength: number): string {
    return this.#name(this.#add({ kind: 'scratch', offset, byteLength }, element, 'readWrite'));
  }

  storage(buffer: number): StorageType {
    return storageType(this.dtypeOf(buffer), this.#nativeHalf);
  }

  register(buffer: number): RegisterType {
    return registerType(this.dtypeOf(buffer));
  }

  declarations(): string {
    return this.#bindings
      .map(({ element, kind }, at) => {
        const access = kind === 'read' ? 'read' : 'read_write';
        return `@group(0) @binding(${at + 2}) var<storage, ${access}> buffer${at}: array<${element}>;`;
      })
      .join('\n');
  }

  #bind(buffer: number, write: boolean): string {
    const binding = this.#bindingOf.get(buffer) ?? this.#bindBuffer(buffer);
    if (write) binding.kind = 'readWrite';
    return this.#name(binding);
  }

  #bindBuffer(buffer: number): Binding {
    const spec = this.#buffers[buffer];
    const element = storageType(spec.dtype, this.#nativeHalf);
    // Everything in the arena is one GPU buffer, which a dispatch may not see as both read-only and written.
    const kind = spec.role === 'input' || spec.role === 'updated' ? 'read' : 'readWrite';
    const binding = this.#add({ kind: 'buffer', index: buffer }, element, kind);
    this.#bindingOf.set(buffer, binding);
    return binding;
  }

  #add(resource: BoundResource, element: string, kind: BindingKind): Binding {
    const binding: Binding = { resource, element, kind };
    this.#bindings.push(binding);
    return binding;
  }

  #name(binding: Binding): string {
    return `buffer${this.#bindings.indexOf(binding)}`;
  }
}
