// Inclusive scans along the middle of [outer, length, inner].
import type { DType, ScanOp } from '@nn/core';
import { loadScalar, storageDType, storeScalar } from '../emit/access.ts';
import { numberType, type RegisterDType, storageBytes } from '../emit/registers.ts';
import type { Heap } from '../heap.ts';
import { type Expression, i32, type Local } from '../wasm/index.ts';
import { combine, narrow, widen, writeExpression } from './combine.ts';
import { kernelModule } from './module.ts';

/** Sums of floats run in float64, so that long ones do not lose what is added late. */
function accumulatorDType(op: ScanOp, dtype: DType): RegisterDType {
  if (dtype === 'float16' || dtype === 'bfloat16' || dtype === 'float32')
    return op === 'sum' ? 'float64' : 'float32';
  return dtype;
}

/** Words: source, target, length, inner. Items are lines: outer * inner + position. */
export function scanModule(heap: Heap, op: ScanOp, dtype: DType): Uint8Array<ArrayBuffer> {
  const bytes = storageBytes[dtype];
  const held = storageDType(dtype);
  const accumulated = accumulatorDType(op, dtype);
  return kernelModule(heap, (builder, { record, begin, end }) => {
    const length = builder.local('i32', i32.load(record, 8));
    const inner = builder.local('i32', i32.load(record, 12));
    const stride = builder.local('i32', i32.mul(inner, bytes));
    const [source, target, left] = builder.locals('i32', 3);
    const sum = builder.local(numberType(accumulated));
    const setSum = (value: Local): void => builder.set(sum, value as Local<'i32'>);
    const load = (): Local =>
      writeExpression(
        builder,
        [
          {
            dtype: held,
            local: builder.local(numberType(held), loadScalar(dtype, source) as Expression<'i32'>),
          },
        ],
        (b, [stored]) => b.cast(widen(b, dtype, stored), accumulated),
      );
    const store = (): void => {
      const value = writeExpression(builder, [{ dtype: accumulated, local: sum }], (b, [value]) =>
        narrow(b, dtype, accumulated === 'float64' && dtype !== 'float64' ? b.cast(value, 'float32') : value),
      );
      builder.emit(storeScalar(dtype, target, value));
      builder.increment(source, stride);
      builder.increment(target, stride);
      builder.increment(left, -1);
    };
    const line = builder.local('i32', begin);
    builder.countUp(line, end, 1, () => {
      builder.scope(() => {
        const outer = i32.mul(i32.mul(i32.divU(line, inner), length), stride);
        const offset = builder.local('i32', i32.add(outer, i32.mul(i32.remU(line, inner), bytes)));
        builder.set(source, i32.add(i32.load(record, 0), offset));
        builder.set(target, i32.add(i32.load(record, 4), offset));
        builder.set(left, length);
        setSum(load());
        store();
        builder.while(
          () => i32.gtS(left, 0),
          () => {
            builder.scope(() => {
              const value = load();
              setSum(
                writeExpression(
                  builder,
                  [
                    { dtype: accumulated, local: sum },
                    { dtype: accumulated, local: value },
                  ],
                  (b, [a, c]) => combine(b, op, a, c),
                ),
              );
              store();
            });
          },
        );
      });
    });
  });
}
