// Scatter: target[index[i]] = combine(target[index[i]], source[i]), in order.
import type { DType, ScatterMode } from '@nn/core';
import { loadScalar, storageDType, storeScalar } from '../emit/access.ts';
import { numberType, storageBytes } from '../emit/registers.ts';
import type { Heap } from '../heap.ts';
import { type Expression, i32 } from '../wasm/index.ts';
import { combine, narrow, widen, writeExpression } from './combine.ts';
import { kernelModule } from './module.ts';

/** Words: index, source, target, targetSize. Items are positions of the index; not for several threads. */
export function scatterModule(heap: Heap, mode: ScatterMode, dtype: DType): Uint8Array<ArrayBuffer> {
  const bytes = storageBytes[dtype];
  const held = storageDType(dtype);
  return kernelModule(heap, (builder, { record, begin, end }) => {
    const index = builder.local('i32', i32.add(i32.load(record, 0), i32.mul(begin, 4)));
    const source = builder.local('i32', i32.add(i32.load(record, 4), i32.mul(begin, bytes)));
    const target = builder.local('i32', i32.load(record, 8));
    const size = builder.local('i32', i32.load(record, 12));
    const item = builder.local('i32', begin);
    builder.countUp(item, end, 1, () => {
      builder.scope(() => {
        const at = builder.local('i32', i32.load(index));
        builder.if(i32.ltU(at, size), () => {
          const address = builder.local('i32', i32.add(target, i32.mul(at, bytes)));
          const given = builder.local(numberType(held), loadScalar(dtype, source) as Expression<'i32'>);
          const value =
            mode === 'set'
              ? given
              : writeExpression(
                  builder,
                  [
                    {
                      dtype: held,
                      local: builder.local(numberType(held), loadScalar(dtype, address) as Expression<'i32'>),
                    },
                    { dtype: held, local: given },
                  ],
                  (b, [old, added]) =>
                    narrow(b, dtype, combine(b, mode, widen(b, dtype, old), widen(b, dtype, added))),
                );
          builder.emit(storeScalar(dtype, address, value));
        });
      });
      builder.increment(index, 4);
      builder.increment(source, bytes);
    });
  });
}
