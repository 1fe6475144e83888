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
  /** Whether it lies in the arena, one GPU buffer. */
  readonly inArena: boolean;
  written: boolean;
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

  /** What is only read is bound so, and needs no barrier between two dispatches. */
  get kinds(): readonly BindingKind[] {
    // Of one GPU buffer a dispatch may not see a part as read-only and write another.
    const arenaWritten = this.#bindings.some(({ inArena, written }) => inArena && written);
    return this.#bindings.map(({ inArena, written }) =>
      written || (inArena && arenaWritten) ? 'readWrite' : 'read',
    );
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
    const inArena = this.#buffers[buffer].role === 'temporary';
    const resource = { kind: 'buffer', index: buffer } as const;
    return this.#name(this.#add({ resource, element: 'atomic<u32>', inArena, written: true }));
  }

  scratch(element: string, offset: number, byteLength: number): string {
    const resource = { kind: 'scratch', offset, byteLength } as const;
    return this.#name(this.#add({ resource, element, inArena: true, written: true }));
  }

  storage(buffer: number): StorageType {
    return storageType(this.dtypeOf(buffer), this.#nativeHalf);
  }

  register(buffer: number): RegisterType {
    return registerType(this.dtypeOf(buffer));
  }

  declarations(): string {
    const { kinds } = this;
    return this.#bindings
      .map(({ element }, at) => {
        const access = kinds[at] === 'read' ? 'read' : 'read_write';
        return `@group(0) @binding(${at + 2}) var<storage, ${access}> buffer${at}: array<${element}>;`;
      })
      .join('\n');
  }

  #bind(buffer: number, write: boolean): string {
    const binding = this.#bindingOf.get(buffer) ?? this.#bindBuffer(buffer);
    if (write) binding.written = true;
    return this.#name(binding);
  }

  #bindBuffer(buffer: number): Binding {
    const spec = this.#buffers[buffer];
    const element = storageType(spec.dtype, this.#nativeHalf);
    const resource = { kind: 'buffer', index: buffer } as const;
    const inArena = spec.role === 'temporary';
    const binding = this.#add({ resource, element, inArena, written: false });
    this.#bindingOf.set(buffer, binding);
    return binding;
  }

  #add(binding: Binding): Binding {
    this.#bindings.push(binding);
    return binding;
  }

  #name(binding: Binding): string {
    return `buffer${this.#bindings.indexOf(binding)}`;
  }
}
