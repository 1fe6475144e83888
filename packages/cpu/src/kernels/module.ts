// Modules with one kernel written by hand.
import type { Heap } from '../heap.ts';
import { type FunctionBuilder, type Local, ModuleBuilder } from '../wasm/index.ts';

export interface KernelParameters {
  readonly record: Local<'i32'>;
  /** Items [begin, end). */
  readonly begin: Local<'i32'>;
  readonly end: Local<'i32'>;
  /** Which thread this is, to choose scratch space. */
  readonly thread: Local<'i32'>;
}

export function kernelModule(
  heap: Heap,
  write: (builder: FunctionBuilder, parameters: KernelParameters) => void,
): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  const { maximumPages, shared } = heap;
  module.importMemory({ module: 'env', name: 'memory', minimum: 1, maximum: maximumPages, shared });
  module.function(
    ['i32', 'i32', 'i32', 'i32'],
    [],
    (builder, record, begin, end, thread) => write(builder, { record, begin, end, thread }),
    'k0',
  );
  return module.build();
}
