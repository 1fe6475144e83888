// Stable argsort by least significant digits first (radix 256), on keys that order as the values do.
//
// A key is an unsigned number: floats by their bits with the sign's meaning undone, -0 as 0 and every NaN above all;
// descending, its complement. Elements of up to 32 bits travel as one 64-bit word (key, position); 64-bit ones as
// two. Few elements are sorted by insertion instead.
//
// Where few places are wanted that are not the first, elements are counted by their highest digit: only those stay that
// share it with what is wanted, and so on with the digits below, until few are left to sort.
//
// Where only the first places are wanted, a line passes through a buffer of some times as many: whenever it is full it
// is sorted, the best remain, and of what follows only what is better than the last of these gets in. Vectors of
// what is not are skipped.
import { type DType, isFloat } from '@nn/core';
import { loadScalar, loadVector, storageDType } from '../emit/access.ts';
import type { Tier } from '../emit/context.ts';
import { splat } from '../emit/lanes.ts';
import { lanes, numberType, storageBytes, type Vector } from '../emit/registers.ts';
import { compareLanes } from '../emit/vector-operations.ts';
import type { Heap } from '../heap.ts';
import {
  type Expression,
  type FunctionBuilder,
  i32,
  i32x4,
  i64,
  type Local,
  memory,
  v128,
} from '../wasm/index.ts';
import { widen, writeExpression } from './combine.ts';
import { kernelModule } from './module.ts';

/** Up to so many elements are sorted by insertion. */
const insertionLength = 48;
const radix = 256;
/** Elements that the buffer of a selection has for each that is wanted, and at least. */
const bufferedPerPlace = 4;
const leastBuffered = 32;
/** Vectors that a selection looks at together. */
const stripVectors = 4;

/** Bytes that an element takes while it is sorted. */
function elementBytes(dtype: DType): 8 | 16 {
  return storageBytes[dtype] === 8 ? 16 : 8;
}

/** Bits of a key. Those of the 16-bit floats are what is left of float32's when it has none of their own below. */
function keyBits(dtype: DType): number {
  return dtype === 'float16' ? 19 : storageBytes[dtype] * 8;
}

/** Digits of a key. */
function digitsOf(dtype: DType): number {
  return Math.ceil(keyBits(dtype) / 8);
}

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

function counterBytes(dtype: DType): number {
  return Math.max(digitsOf(dtype) * radix, 2 ** manyDigitBits) * 4;
}

/** Scratch bytes that each thread needs. */
export function argsortScratchBytes(dtype: DType, held: number): number {
  return counterBytes(dtype) + 2 * held * elementBytes(dtype) + 16;
}

/** The order-preserving unsigned key of a stored element, as i64. */
function writeKey(
  builder: FunctionBuilder,
  dtype: DType,
  stored: Local,
  descending: boolean,
): Expression<'i64'> {
  const held = storageDType(dtype);
  const key = writeExpression(builder, [{ dtype: held, local: stored }], (b, [bits]) => {
    const value = widen(b, dtype, bits);
    const valueDType = b.dtypeOf(value);
    if (valueDType === 'float32' || valueDType === 'float64') {
      const integer = valueDType === 'float32' ? 'int32' : 'int64';
      const shift = valueDType === 'float32' ? 31 : 63;
      // Adding 0 makes -0 a 0. Below zero all bits but the sign turn over, so that integers compare as the floats do.
      const pattern = b.bitcast(b.binary('add', value, b.constant(0, valueDType)), integer);
      const sign = b.binary('shiftRight', pattern, b.constant(shift, integer));
      const greatest = b.constant(integer === 'int32' ? 0x7fffffff : 2n ** 63n - 1n, integer);
      const ordered = b.binary('xor', pattern, b.binary('and', sign, greatest));
      return b.where(b.isNaN(value), greatest, ordered);
    }
    return valueDType === 'int64' ? value : b.cast(value, 'int32');
  });
  if (key.type === 'i64') {
    const unsigned = i64.xor(key as Expression<'i64'>, -(2n ** 63n));
    return descending ? i64.xor(unsigned, -1n) : unsigned;
  }
  const unused = 32 - keyBits(dtype);
  // Integers have their own bits at the low end, floats at the high one.
  const placed = isFloat(dtype) ? (key as Expression<'i32'>) : i32.shl(key as Expression<'i32'>, unused);
  const isSigned = dtype !== 'uint8' && dtype !== 'bool';
  const unsigned = isSigned ? i32.xor(placed, -0x80000000) : placed;
  return i64.extendI32U(i32.shrU(descending ? i32.xor(unsigned, -1) : unsigned, unused));
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
          if (isWide) {
            builder.emit(i64.store(at, key));
            builder.emit(i32.store(at, position, 8));
          } else builder.emit(i64.store(at, i64.or(i64.shl(key, 32n), i64.extendI32U(position))));
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

/** A line of which some places are wanted, and what is left of it. */
interface Narrowing {
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
function narrowed(
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
  walkLine((key) =>
    keep(key, (to) => {
      if (isWide) {
        builder.emit(i64.store(to, key));
        builder.emit(i32.store(to, position, 8));
      } else builder.emit(i64.store(to, i64.or(i64.shl(key, 32n), i64.extendI32U(position))));
    }),
  );
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

function insertionSort(
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

interface RadixSpace {
  /** What is sorted, and afterwards where it is: the two may have changed places. */
  readonly first: Local<'i32'>;
  readonly second: Local<'i32'>;
  /** A counter for each value of each digit. */
  readonly histogram: Local<'i32'>;
  readonly length: Local<'i32'>;
}

/** Passes over the digits, back and forth between the two arrays; none over a digit that all have in common. */
function radixSort(builder: FunctionBuilder, space: RadixSpace, dtype: DType): void {
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
