// Kernels to give to a pool.
import type { Heap } from '../../src/heap.ts';
import { KernelModule } from '../../src/threads/kernel-module.ts';
import { i32, ModuleBuilder } from '../../src/wasm/index.ts';

/** `k0` adds the number of each item to its word; `k1` traps; `k2` sets each item's word to the thread. */
export function poolKernels(heap: Heap): KernelModule {
  const module = new ModuleBuilder();
  const { shared, maximumPages: maximum } = heap;
  module.importMemory({ module: 'env', name: 'memory', minimum: 1, maximum, shared });
  const parameters = ['i32', 'i32', 'i32', 'i32'] as const;
  module.function(
    parameters,
    [],
    (code, target, begin, end) => {
      code.for(begin, end, (item) => {
        const address = i32.add(target, i32.shl(item, 2));
        code.emit(i32.store(address, i32.add(i32.load(address), item)));
      });
    },
    'k0',
  );
  module.function(
    parameters,
    [],
    (code, _, begin, end) => code.if(i32.ltS(begin, end), () => code.drop(i32.divS(1, 0))),
    'k1',
  );
  module.function(
    parameters,
    [],
    (code, target, begin, end, thread) => {
      code.for(begin, end, (item) => {
        code.emit(i32.store(i32.add(target, i32.shl(item, 2)), thread));
      });
    },
    'k2',
  );
  return new KernelModule(heap, module.build());
}
