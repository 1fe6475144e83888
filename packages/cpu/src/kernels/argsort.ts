// Stable argsort of lines: by digits, the least significant first, or by insertion where elements are few.
//
// Where only the first places are wanted, a line passes through a buffer of some times as many: whenever it is full it
// is sorted, the best remain, and of what follows only what is better than the last of these gets in. Vectors of
// what is not are skipped.
import type { DType } from '@nn/core';
import { loadScalar, loadVector, storageDType } from '../emit/access.ts';
import type { Tier } from '../emit/context.ts';
import { splat } from '../emit/lanes.ts';
import { lanes, numberType, storageBytes, type Vector } from '../emit/registers.ts';
import { compareLanes } from '../emit/vector-operations.ts';
import type { Heap } from '../heap.ts';
import { type Expression, type FunctionBuilder, i32, i32x4, i64, type Local, v128 } from '../wasm/index.ts';
import { digitsOf, elementBytes, storeKey, writeKey } from './keys.ts';
import { kernelModule } from './module.ts';
import { mostCounters, narrowed } from './narrow.ts';
import { insertionLength, insertionSort, radix, radixSort } from './radix.ts';

/** Vectors that a selection looks at together. */
const stripVectors = 4;

function counterBytes(dtype: DType): number {
  return Math.max(digitsOf(dtype) * radix, mostCounters) * 4;
}

/** Scratch bytes that each thread needs. */
export function argsortScratchBytes(dtype: DType, held: number): number {
  return counterBytes(dtype) + 2 * held * elementBytes(dtype) + 16;
}

/**
 * Words: source, target, length, inner, start, count, held elements, bits of digits, scratch, scratch bytes a thread.
 * Items are lines.
 */
export function argsortModule(
  heap: Heap,
  dtype: DType,
  descending: boolean,
  tier: Tier,
): Uint8Array<ArrayBuffer> {
  return kernelModule(heap, (builder, { record, begin, end, thread }) => {
    const isWide = elementBytes(dtype) === 16;
    const size = elementBytes(dtype);
    const bytes = storageBytes[dtype];
    const [length, inner, firstPlace, places, held, digitBits, scratch, scratchBytes] = [
      8, 12, 16, 20, 24, 28, 32, 36,
    ].map((offset) => builder.local('i32', i32.load(record, offset)));
    const count = builder.local('i32', i32.add(firstPlace, places));
    const start = builder.local('i32');
    const histogram = builder.local('i32', i32.add(scratch, i32.mul(thread, scratchBytes)));
    const [first, second, source, target, position, elements] = builder.locals('i32', 6);
    const step = builder.local('i32', i32.mul(inner, bytes));
    const worst = builder.local('i64');
    const line = builder.local('i32', begin);

    /** Adds the present element's key with its position, unless it comes behind the worst that is held. */
    const take = (isSelective: boolean): void =>
      builder.scope(() => {
        const held = storageDType(dtype);
        const stored = builder.local(numberType(held), loadScalar(dtype, source) as Expression<'i32'>);
        const key = builder.local('i64', writeKey(builder, dtype, stored, descending));
        const add = (): void => {
          const at = builder.local('i32', i32.add(first, i32.mul(elements, size)));
          storeKey(builder, dtype, at, key, position);
          builder.increment(elements, 1);
        };
        if (isSelective) builder.if(i64.ltU(key, worst), add);
        else add();
        builder.increment(source, step);
        builder.increment(position, 1);
      });

    builder.countUp(line, end, 1, () => {
      const [before, column] = [i32.divU(line, inner), i32.remU(line, inner)];
      const lineStart = (extent: Local<'i32'>): Expression<'i32'> =>
        i32.add(i32.mul(i32.mul(before, extent), inner), column);
      builder.set(source, i32.add(i32.load(record, 0), i32.mul(lineStart(length), bytes)));
      builder.set(target, i32.add(i32.load(record, 4), i32.mul(lineStart(places), 4)));
      builder.set(first, i32.add(histogram, counterBytes(dtype)));
      builder.set(second, i32.add(first, i32.mul(held, size)));
      builder.set(position, 0);
      builder.set(elements, 0);
      builder.set(start, firstPlace);
      builder.if(
        digitBits,
        () =>
          narrowed(builder, dtype, descending, {
            source,
            step,
            position,
            length,
            first,
            histogram,
            elements,
            start,
            places,
            digitBits,
          }),
        () =>
          builder.while(
            () => i32.ltS(position, held),
            () => take(false),
          ),
      );
      builder.loop((again) => {
        builder.if(
          i32.leU(elements, insertionLength),
          () => insertionSort(builder, first, elements, isWide),
          () => radixSort(builder, { first, second, histogram, length: elements }, dtype),
        );
        builder.if(i32.ltS(position, length), () => {
          builder.set(elements, count);
          const last = i32.add(first, i32.mul(i32.sub(count, 1), size));
          builder.set(worst, isWide ? i64.load(last) : i64.shrU(i64.load(last), 32n));
          builder.scope(() => {
            const worstAt = i32.mul(i32.sub(i32.load(last, isWide ? 8 : 0), position), step);
            const skip = skipping(builder, dtype, descending, tier, i32.add(source, worstAt));
            builder.block((full) => {
              builder.loop((next) => {
                builder.if(i32.eq(inner, 1), () => {
                  skip?.(stripVectors, { source, position, length });
                  skip?.(1, { source, position, length });
                });
                const stop = builder.local('i32', i32.add(position, lanes));
                builder.if(i32.gtS(stop, length), () => builder.set(stop, length));
                builder.while(
                  () => i32.ltS(position, stop),
                  () => {
                    take(true);
                    builder.branchIf(full, i32.eq(elements, held));
                  },
                );
                builder.branchIf(next, i32.ltS(position, length));
              });
            });
          });
          builder.branchIf(again, i32.gtS(elements, count));
        });
      });
      builder.for(0, places, (place) => {
        const at = i32.add(first, i32.mul(i32.add(start, place), size));
        builder.emit(i32.store(target, i32.load(at, isWide ? 8 : 0)));
        builder.increment(target, i32.mul(inner, 4));
      });
    });
  });
}

/** Where a walk along a contiguous line is. */
interface Walk {
  readonly source: Local<'i32'>;
  readonly position: Local<'i32'>;
  readonly length: Local<'i32'>;
}

/**
 * Writes what moves on over so many vectors at a time as long as none of their elements is better than the one at an
 * address; undefined where there are no vectors for it. Who does not compare, as NaN, is let through.
 */
function skipping(
  builder: FunctionBuilder,
  dtype: DType,
  descending: boolean,
  tier: Tier,
  worstAt: Expression<'i32'>,
): ((vectors: number, walk: Walk) => void) | undefined {
  if (!tier.simd || dtype === 'bool' || dtype === 'float16' || dtype === 'bfloat16') return undefined;
  const bytes = storageBytes[dtype];
  const stored = builder.local(numberType(dtype), loadScalar(dtype, worstAt) as Expression<'i32'>);
  const worst = splat(dtype, stored).map((register) => builder.local('v128', register));
  return (vectors, { source, position, length }) => {
    const elements = vectors * lanes;
    const areBehind = Array.from({ length: vectors }, (_, at): Vector => {
      const values = loadVector(dtype, source, at * lanes * bytes);
      return descending ? compareLanes('le', dtype, values, worst) : compareLanes('le', dtype, worst, values);
    });
    builder.block((found) => {
      builder.while(
        () => i32.leS(i32.add(position, elements), length),
        () => {
          builder.branchIf(found, i32.eqz(i32x4.allTrue(areBehind.reduce(v128.and))));
          builder.increment(source, elements * bytes);
          builder.increment(position, elements);
        },
      );
    });
  };
}
