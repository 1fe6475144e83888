// Sorting keys with their positions: by insertion where they are few, else by digits, the least significant first.
import type { DType } from '@nn/core';
import { type Expression, type FunctionBuilder, i32, i64, type Local, memory } from '../wasm/index.ts';
import { digitsOf, elementBytes } from './keys.ts';

/** Up to so many elements are sorted by insertion. */
export const insertionLength = 48;
/** Values of a digit. */
export const radix = 256;

export function insertionSort(
  builder: FunctionBuilder,
  first: Local<'i32'>,
  length: Local<'i32'>,
  isWide: boolean,
): void {
  const size = isWide ? 16 : 8;
  builder.for(1, length, (position) => {
    const at = builder.local('i32', i32.add(first, i32.mul(position, size)));
    const key = builder.local('i64', i64.load(at));
    const index = builder.local('i32', isWide ? i32.load(at, 8) : i32.constant(0));
    builder.block((placed) => {
      builder.loop((again) => {
        builder.branchIf(placed, i32.eq(at, first));
        const before = builder.local('i64', i64.load(i32.sub(at, size)));
        builder.branchIf(placed, i64.leU(before, key));
        builder.emit(i64.store(at, before));
        if (isWide) builder.emit(i32.store(at, i32.load(i32.sub(at, 8)), 8));
        builder.increment(at, -size);
        builder.branch(again);
      });
    });
    builder.emit(i64.store(at, key));
    if (isWide) builder.emit(i32.store(at, index, 8));
  });
}

export interface RadixSpace {
  /** What is sorted, and afterwards where it is: the two may have changed places. */
  readonly first: Local<'i32'>;
  readonly second: Local<'i32'>;
  /** A counter for each value of each digit. */
  readonly histogram: Local<'i32'>;
  readonly length: Local<'i32'>;
}

/** Passes over the digits, back and forth between the two arrays; none over a digit that all have in common. */
export function radixSort(builder: FunctionBuilder, space: RadixSpace, dtype: DType): void {
  const { first, second, histogram, length } = space;
  const isWide = elementBytes(dtype) === 16;
  const size = isWide ? 16 : 8;
  const digits = digitsOf(dtype);
  const counterBytes = radix * 4;
  const lowest = isWide ? 0 : 32;
  builder.emit(memory.fill(histogram, 0, digits * counterBytes));
  builder.scope(() => {
    const at = builder.local('i32', first);
    builder.for(0, length, () => {
      const key = builder.local('i64', i64.load(at));
      for (let digit = 0; digit < digits; digit++) {
        const value = i32.and(i32.wrapI64(i64.shrU(key, BigInt(lowest + digit * 8))), radix - 1);
        const slot = builder.local('i32', i32.add(histogram, i32.shl(value, 2)));
        const offset = digit * counterBytes;
        builder.emit(i32.store(slot, i32.add(i32.load(slot, offset), 1), offset));
      }
      builder.increment(at, size);
    });
  });
  builder.scope(() => {
    const shift = builder.local('i64', BigInt(lowest));
    const counters = builder.local('i32', histogram);
    const [at, next, swap] = builder.locals('i32', 3);
    const counter = (key: Expression<'i64'>): Expression<'i32'> =>
      i32.add(counters, i32.shl(i32.and(i32.wrapI64(i64.shrU(key, shift)), radix - 1), 2));
    builder.loop((again) => {
      builder.if(i32.ne(i32.load(counter(i64.load(first))), length), () => {
        // Counts to addresses of the first element of each value.
        builder.set(next, second);
        builder.for(0, radix, (value) => {
          const slot = builder.local('i32', i32.add(counters, i32.shl(value, 2)));
          const count = builder.local('i32', i32.load(slot));
          builder.emit(i32.store(slot, next));
          builder.increment(next, i32.mul(count, size));
        });
        builder.set(at, first);
        builder.for(0, length, () => {
          const key = builder.local('i64', i64.load(at));
          const slot = builder.local('i32', counter(key));
          const place = builder.local('i32', i32.load(slot));
          builder.emit(i64.store(place, key));
          if (isWide) builder.emit(i32.store(place, i32.load(at, 8), 8));
          builder.emit(i32.store(slot, i32.add(place, size)));
          builder.increment(at, size);
        });
        builder.set(swap, first);
        builder.set(first, second);
        builder.set(second, swap);
      });
      builder.increment(counters, counterBytes);
      builder.set(shift, i64.add(shift, 8n));
      builder.branchIf(again, i64.ltU(shift, BigInt(lowest + digits * 8)));
    });
  });
}
