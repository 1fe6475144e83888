// Sorting one long line on several threads: each sorts a run of it, then runs are merged in pairs, in pieces that all
// begin where the merge path crosses them (Green, McColl and Bader 2012).
import type { DType } from '@nn/core';
import { loadScalar, storageDType } from '../emit/access.ts';
import { numberType, storageBytes } from '../emit/registers.ts';
import type { Heap } from '../heap.ts';
import {
  type Expression,
  type FunctionBuilder,
  i32,
  i64,
  type Local,
  memory,
  select,
} from '../wasm/index.ts';
import { digitsOf, elementBytes, storeKey, writeKey } from './keys.ts';
import { kernelModule } from './module.ts';
import { radix, radixSort } from './radix.ts';

/** Scratch bytes that each thread needs while it sorts a run. */
export function runCounterBytes(dtype: DType): number {
  return digitsOf(dtype) * radix * 4;
}

/** The lesser of two. */
function least(builder: FunctionBuilder, a: Expression<'i32'>, b: Expression<'i32'>): Local<'i32'> {
  const result = builder.local('i32', a);
  const other = builder.local('i32', b);
  builder.if(i32.gtS(result, other), () => builder.set(result, other));
  return result;
}

/**
 * Words: source, length, length of a run, sorted runs, further space as long, counters, bytes of them a thread. Items
 * are runs: keys with positions, in order.
 */
export function sortRunsModule(heap: Heap, dtype: DType, descending: boolean): Uint8Array<ArrayBuffer> {
  const size = elementBytes(dtype);
  const bytes = storageBytes[dtype];
  return kernelModule(heap, (builder, { record, begin, end, thread }) => {
    const [length, runLength, counters, counterBytes] = [4, 8, 20, 24].map((offset) =>
      builder.local('i32', i32.load(record, offset)),
    );
    const histogram = builder.local('i32', i32.add(counters, i32.mul(thread, counterBytes)));
    const run = builder.local('i32', begin);
    const [source, position, at, first, second, sorted] = builder.locals('i32', 6);
    builder.countUp(run, end, 1, () => {
      builder.set(position, i32.mul(run, runLength));
      builder.scope(() => {
        const last = least(builder, i32.add(position, runLength), length);
        const elements = builder.local('i32', i32.sub(last, position));
        builder.set(source, i32.add(i32.load(record, 0), i32.mul(position, bytes)));
        builder.set(sorted, i32.add(i32.load(record, 12), i32.mul(position, size)));
        builder.set(first, sorted);
        builder.set(second, i32.add(i32.load(record, 16), i32.mul(position, size)));
        builder.set(at, first);
        builder.while(
          () => i32.ltS(position, last),
          () =>
            builder.scope(() => {
              const held = storageDType(dtype);
              const stored = builder.local(numberType(held), loadScalar(dtype, source) as Expression<'i32'>);
              storeKey(
                builder,
                dtype,
                at,
                builder.local('i64', writeKey(builder, dtype, stored, descending)),
                position,
              );
              builder.increment(source, bytes);
              builder.increment(position, 1);
              builder.increment(at, size);
            }),
        );
        radixSort(builder, { first, second, histogram, length: elements }, dtype);
        builder.if(i32.ne(first, sorted), () =>
          builder.emit(memory.copy(sorted, first, i32.mul(elements, size))),
        );
      });
    });
  });
}

/** Elements of a piece of a merged run. */
export const pieceLength = 16_384;

/**
 * Words: runs, target, length, length of a run, pieces of a merged run. Items are pieces. `isLast` writes positions
 * alone.
 */
export function mergeRunsModule(heap: Heap, dtype: DType, isLast: boolean): Uint8Array<ArrayBuffer> {
  const isWide = elementBytes(dtype) === 16;
  const size = elementBytes(dtype);
  const written = isLast ? 4 : size;
  return kernelModule(heap, (builder, { record, begin, end }) => {
    const [runs, target, length, runLength, pieces] = [0, 4, 8, 12, 16].map((offset) =>
      builder.local('i32', i32.load(record, offset)),
    );
    const piece = builder.local('i32', begin);
    const [left, right, leftEnd, rightEnd, to, toEnd] = builder.locals('i32', 6);
    const write = (from: Local<'i32'>, word: Local<'i64'>): void => {
      if (isLast) builder.emit(i32.store(to, isWide ? i32.load(from, 8) : i32.wrapI64(word)));
      else {
        builder.emit(i64.store(to, word));
        if (isWide) builder.emit(i32.store(to, i32.load(from, 8), 8));
      }
      builder.increment(to, written);
    };
    /** What is left of one run. */
    const rest = (from: Local<'i32'>): void =>
      builder.while(
        () => i32.ltU(to, toEnd),
        () =>
          builder.scope(() => {
            write(from, builder.local('i64', i64.load(from)));
            builder.increment(from, size);
          }),
      );
    builder.countUp(piece, end, 1, () => {
      builder.scope(() => {
        const start = builder.local('i32', i32.mul(i32.mul(i32.divU(piece, pieces), 2), runLength));
        const middle = least(builder, i32.add(start, runLength), length);
        const stop = least(builder, i32.add(middle, runLength), length);
        const skipped = least(builder, i32.mul(i32.remU(piece, pieces), pieceLength), i32.sub(stop, start));
        const outputs = least(builder, i32.add(skipped, pieceLength), i32.sub(stop, start));
        const leftStart = builder.local('i32', i32.add(runs, i32.mul(start, size)));
        const rightStart = builder.local('i32', i32.add(runs, i32.mul(middle, size)));
        builder.set(leftEnd, rightStart);
        builder.set(rightEnd, i32.add(runs, i32.mul(stop, size)));
        // How many of those before come from the left run.
        const low = builder.local('i32', i32.sub(skipped, i32.sub(stop, middle)));
        builder.if(i32.ltS(low, 0), () => builder.set(low, 0));
        const high = least(builder, skipped, i32.sub(middle, start));
        builder.while(
          () => i32.ltS(low, high),
          () =>
            builder.scope(() => {
              const half = builder.local('i32', i32.shrU(i32.add(low, high), 1));
              const other = i32.sub(i32.sub(skipped, 1), half);
              const onLeft = i64.load(i32.add(leftStart, i32.mul(half, size)));
              const onRight = i64.load(i32.add(rightStart, i32.mul(other, size)));
              builder.if(
                i64.leU(onLeft, onRight),
                () => builder.set(low, i32.add(half, 1)),
                () => builder.set(high, half),
              );
            }),
        );
        builder.set(left, i32.add(leftStart, i32.mul(low, size)));
        builder.set(right, i32.add(rightStart, i32.mul(i32.sub(skipped, low), size)));
        builder.set(to, i32.add(target, i32.mul(i32.add(start, skipped), written)));
        builder.set(toEnd, i32.add(target, i32.mul(i32.add(start, outputs), written)));
      });
      builder.while(
        () => i32.and(i32.and(i32.ltU(left, leftEnd), i32.ltU(right, rightEnd)), i32.ltU(to, toEnd)),
        () =>
          builder.scope(() => {
            const onLeft = builder.local('i64', i64.load(left));
            const onRight = builder.local('i64', i64.load(right));
            // Which is next is as good as random: chosen without a branch.
            const isLeft = builder.local('i32', i64.leU(onLeft, onRight));
            const from = builder.local('i32', select(isLeft, left, right));
            write(from, builder.local('i64', i64.load(from)));
            builder.increment(left, i32.mul(isLeft, size));
            builder.increment(right, i32.mul(i32.xor(isLeft, 1), size));
          }),
      );
      builder.if(
        i32.ltU(left, leftEnd),
        () => rest(left),
        () => rest(right),
      );
    });
  });
}
