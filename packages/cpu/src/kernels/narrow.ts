// Which elements of a line can have the places wanted: counted by their highest digit, only those stay that share it
// with what is wanted, and so on with the digits below, until few are left to sort.
import type { DType } from '@nn/core';
import { loadScalar, storageDType } from '../emit/access.ts';
import { numberType } from '../emit/registers.ts';
import { type Expression, type FunctionBuilder, i32, i64, type Local, memory } from '../wasm/index.ts';
import { elementBytes, keyBits, storeKey, writeKey } from './keys.ts';

/** Elements that the buffer of a selection has for each that is wanted, and at least. */
const bufferedPerPlace = 4;
const leastBuffered = 32;

/** How to find places `start` to `start + count` of the order of `length` elements. */
export interface Selection {
  /** How many elements are held at a time. */
  readonly held: number;
  /** Bits of the digits by which elements are left out; 0 where none are. */
  readonly digitBits: number;
}

/** Counting by more values pays for long lines only. */
const fewDigitBits = 8;
const manyDigitBits = 11;
/** Counters that it takes. */
export const mostCounters: number = 2 ** manyDigitBits;
const longLine = 4096;
/** Elements for each place up to which places are not worth being selected, or are worth it in another way. */
const placesWorthSelecting = 4;
const firstPlaces = 64;

export function selectionOf(length: number, start: number, count: number): Selection {
  const end = start + count;
  const held = Math.min(length, Math.max(leastBuffered, bufferedPerPlace * end));
  const isNarrowed =
    length > leastBuffered * 2 && end * firstPlaces > length && count * placesWorthSelecting <= length;
  if (!isNarrowed) return { held, digitBits: 0 };
  return { held: length, digitBits: length < longLine ? fewDigitBits : manyDigitBits };
}

/** A line of which some places are wanted, and what is left of it. */
export interface Narrowing {
  readonly source: Local<'i32'>;
  /** Bytes to the next element. */
  readonly step: Local<'i32'>;
  readonly position: Local<'i32'>;
  readonly length: Local<'i32'>;
  /** What is left, keys with positions, in the line's order. */
  readonly first: Local<'i32'>;
  readonly elements: Local<'i32'>;
  readonly histogram: Local<'i32'>;
  /** The first place wanted, among what is left. */
  readonly start: Local<'i32'>;
  readonly places: Local<'i32'>;
  readonly digitBits: Local<'i32'>;
}

/** Up to so many elements are sorted as they are. */
const fewLeft = 256;

/** Leaves out what differs in a digit from all that is wanted, from the highest digit down. */
export function narrowed(
  builder: FunctionBuilder,
  dtype: DType,
  descending: boolean,
  { source, step, position, length, first, elements, histogram, start, places, digitBits }: Narrowing,
): void {
  const isWide = elementBytes(dtype) === 16;
  const size = elementBytes(dtype);
  const held = storageDType(dtype);
  const shift = builder.local('i64', i64.extendI32U(i32.sub(keyBits(dtype), digitBits)));
  const counters = builder.local('i32', i32.shl(1, digitBits));
  const bits = builder.local('i64', i64.extendI32U(digitBits));
  const [lowest, highest, below, at] = builder.locals('i32', 4);
  const digit = (key: Expression<'i64'>): Local<'i32'> =>
    builder.local('i32', i32.and(i32.wrapI64(i64.shrU(key, shift)), i32.sub(counters, 1)));
  const clear = (): void => builder.emit(memory.fill(histogram, 0, i32.mul(counters, 4)));
  const count = (key: Expression<'i64'>): void => {
    const slot = builder.local('i32', i32.add(histogram, i32.shl(digit(key), 2)));
    builder.emit(i32.store(slot, i32.add(i32.load(slot), 1)));
  };
  /** The lowest and the highest digit of what is wanted; what is lower stands before it. */
  const find = (): void => {
    builder.set(below, 0);
    builder.set(lowest, 0);
    builder.loop((again) =>
      builder.scope(() => {
        const next = builder.local('i32', i32.add(below, i32.load(i32.add(histogram, i32.shl(lowest, 2)))));
        builder.if(i32.leS(next, start), () => {
          builder.set(below, next);
          builder.increment(lowest, 1);
          builder.branch(again);
        });
      }),
    );
    builder.set(highest, lowest);
    builder.scope(() => {
      const upTo = builder.local('i32', below);
      const end = builder.local('i32', i32.add(start, places));
      builder.loop((again) => {
        builder.increment(upTo, i32.load(i32.add(histogram, i32.shl(highest, 2))));
        builder.if(i32.ltS(upTo, end), () => {
          builder.increment(highest, 1);
          builder.branch(again);
        });
      });
    });
    builder.set(start, i32.sub(start, below));
  };
  /** Writes an element behind what is left, where it stays if its digit is wanted. */
  const keep = (key: Expression<'i64'>, write: (to: Local<'i32'>) => void): void => {
    write(builder.local('i32', i32.add(first, i32.mul(elements, size))));
    const above = builder.local('i32', i32.sub(digit(key), lowest));
    builder.increment(elements, i32.leU(above, i32.sub(highest, lowest)));
  };
  const walkLine = (each: (key: Local<'i64'>) => void): void =>
    builder.scope(() => {
      const from = builder.local('i32', source);
      builder.for(0, length, (place) => {
        builder.set(position, place);
        const stored = builder.local(numberType(held), loadScalar(dtype, from) as Expression<'i32'>);
        each(builder.local('i64', writeKey(builder, dtype, stored, descending)));
        builder.increment(from, step);
      });
    });
  clear();
  walkLine(count);
  find();
  walkLine((key) => keep(key, (to) => storeKey(builder, dtype, to, key, position)));
  const keyAt = (address: Local<'i32'>): Expression<'i64'> =>
    isWide ? i64.load(address) : i64.shrU(i64.load(address), 32n);
  builder.while(
    () => i32.and(i32.and(i32.gtS(elements, fewLeft), i32.eq(lowest, highest)), i32.eqz(i64.eqz(shift))),
    () => {
      builder.if(
        i64.ltU(shift, bits),
        () => builder.set(shift, 0n),
        () => builder.set(shift, i64.sub(shift, bits)),
      );
      clear();
      const left = builder.local('i32', elements);
      builder.set(at, first);
      builder.for(0, left, () => {
        count(keyAt(at));
        builder.increment(at, size);
      });
      find();
      builder.set(at, first);
      builder.set(elements, 0);
      builder.for(0, left, () => {
        const word = builder.local('i64', i64.load(at));
        const place = builder.local('i32', isWide ? i32.load(at, 8) : i32.constant(0));
        keep(isWide ? word : i64.shrU(word, 32n), (to) => {
          builder.emit(i64.store(to, word));
          if (isWide) builder.emit(i32.store(to, place, 8));
        });
        builder.increment(at, size);
      });
    },
  );
  builder.set(position, length);
}
