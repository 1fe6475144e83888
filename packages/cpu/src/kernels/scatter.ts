// Scatter: target[index[i]] = combine(target[index[i]], source[i]) for elements or whole rows, in order.
import type { DType, ScatterMode } from '@nn/core';
import { loadScalar, loadVector, storageDType, storeScalar, storeVector } from '../emit/access.ts';
import type { Tier } from '../emit/context.ts';
import { vectorLocals } from '../emit/lanes.ts';
import { lanes, numberType, storageBytes } from '../emit/registers.ts';
import { setRegisters } from '../emit/vector-operations.ts';
import type { Heap } from '../heap.ts';
import { type Expression, type FunctionBuilder, i32, type Local } from '../wasm/index.ts';
import { combine, narrow, widen, writeExpression, writeVectorExpression } from './combine.ts';
import { kernelModule } from './module.ts';

/** Adjacent elements that a thread takes of each row: a line of the cache of most dtypes. */
export const columnsPerItem = 16;

/** What is written and where, and as what. */
interface Element {
  readonly mode: ScatterMode;
  readonly dtype: DType;
  readonly source: Local<'i32'>;
  readonly target: Local<'i32'>;
}

function scatterElement(builder: FunctionBuilder, { mode, dtype, source, target }: Element): void {
  const held = storageDType(dtype);
  const load = (from: Local<'i32'>): { readonly dtype: typeof held; readonly local: Local } => ({
    dtype: held,
    local: builder.local(numberType(held), loadScalar(dtype, from) as Expression<'i32'>),
  });
  const given = load(source);
  const value =
    mode === 'set'
      ? given.local
      : writeExpression(builder, [load(target), given], (b, [old, added]) =>
          narrow(b, dtype, combine(b, mode, widen(b, dtype, old), widen(b, dtype, added))),
        );
  builder.emit(storeScalar(dtype, target, value));
}

function scatterVector(
  builder: FunctionBuilder,
  tier: Tier,
  { mode, dtype, source, target }: Element,
  offset: number,
): void {
  const held = storageDType(dtype);
  const load = (from: Local<'i32'>) => {
    const registers = vectorLocals(builder, held);
    setRegisters(builder, registers, loadVector(dtype, from, offset));
    return { dtype: held, registers };
  };
  const given = load(source);
  const value =
    mode === 'set'
      ? given.registers
      : writeVectorExpression(builder, tier, [load(target), given], (b, [old, added]) =>
          narrow(b, dtype, combine(b, mode, widen(b, dtype, old), widen(b, dtype, added))),
        );
  for (const statement of storeVector(dtype, target, value, offset)) builder.emit(statement);
}

/** Words: index, source, target, targetSize. Items are positions of the index; not for several threads. */
export function scatterModule(heap: Heap, mode: ScatterMode, dtype: DType): Uint8Array<ArrayBuffer> {
  const bytes = storageBytes[dtype];
  return kernelModule(heap, (builder, { record, begin, end }) => {
    const index = builder.local('i32', i32.add(i32.load(record, 0), i32.mul(begin, 4)));
    const source = builder.local('i32', i32.add(i32.load(record, 4), i32.mul(begin, bytes)));
    const first = builder.local('i32', i32.load(record, 8));
    const size = builder.local('i32', i32.load(record, 12));
    const item = builder.local('i32', begin);
    builder.countUp(item, end, 1, () => {
      builder.scope(() => {
        const at = builder.local('i32', i32.load(index));
        builder.if(i32.ltU(at, size), () => {
          const target = builder.local('i32', i32.add(first, i32.mul(at, bytes)));
          scatterElement(builder, { mode, dtype, source, target });
        });
      });
      builder.increment(index, 4);
      builder.increment(source, bytes);
    });
  });
}

/**
 * Words: index, source, target, targetSize, width, first row, end of rows. Items are runs of `columnsPerItem` columns,
 * of all these rows: so each element's values come in order, however many threads there are.
 */
export function scatterRowsModule(
  heap: Heap,
  mode: ScatterMode,
  dtype: DType,
  tier: Tier,
): Uint8Array<ArrayBuffer> {
  const bytes = storageBytes[dtype];
  return kernelModule(heap, (builder, { record, begin, end }) => {
    const [size, width, first, last] = [12, 16, 20, 24].map((offset) =>
      builder.local('i32', i32.load(record, offset)),
    );
    const column = builder.local('i32', i32.mul(begin, columnsPerItem));
    const columns = builder.local('i32', i32.sub(i32.mul(end, columnsPerItem), column));
    builder.if(i32.gtS(columns, i32.sub(width, column)), () => builder.set(columns, i32.sub(width, column)));
    const step = builder.local('i32', i32.mul(width, bytes));
    const start = builder.local('i32', i32.mul(column, bytes));
    const from = builder.local('i32', i32.add(i32.add(i32.load(record, 4), start), i32.mul(first, step)));
    const to = builder.local('i32', i32.add(i32.load(record, 8), start));
    const index = builder.local('i32', i32.add(i32.load(record, 0), i32.mul(first, 4)));
    const row = builder.local('i32', first);
    const [source, target, left] = builder.locals('i32', 3);
    const element = { mode, dtype, source, target };
    /** Goes on as long as there are so many columns. */
    const inSteps = (count: number, write: () => void): void =>
      builder.while(
        () => i32.geS(left, count),
        () => {
          builder.scope(write);
          builder.increment(source, count * bytes);
          builder.increment(target, count * bytes);
          builder.increment(left, -count);
        },
      );
    builder.countUp(row, last, 1, () => {
      builder.scope(() => {
        const at = builder.local('i32', i32.load(index));
        builder.if(i32.ltU(at, size), () => {
          builder.set(source, from);
          builder.set(target, i32.add(to, i32.mul(at, step)));
          builder.set(left, columns);
          if (tier.simd) {
            inSteps(columnsPerItem, () => {
              for (let at = 0; at < columnsPerItem; at += lanes)
                builder.scope(() => scatterVector(builder, tier, element, at * bytes));
            });
            inSteps(lanes, () => scatterVector(builder, tier, element, 0));
          }
          inSteps(1, () => scatterElement(builder, element));
        });
      });
      builder.increment(index, 4);
      builder.increment(from, step);
    });
  });
}
