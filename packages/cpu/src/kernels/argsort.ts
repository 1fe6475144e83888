// Stable argsort by least significant digits first (radix 256), on keys that order as the values do.
//
// A key is an unsigned number: floats by their bits with the sign's meaning undone, -0 as 0 and every NaN above all;
// descending, its complement. Elements of up to 32 bits travel as one 64-bit word (key, position); 64-bit ones as
// two. Short lines are sorted by insertion instead.
import type { DType } from '@nn/core';
import { loadScalar, storageDType } from '../emit/access.ts';
import { numberType, storageBytes } from '../emit/registers.ts';
import type { Heap } from '../heap.ts';
import { type Expression, type FunctionBuilder, i32, i64, type Local, memory } from '../wasm/index.ts';
import { widen, writeExpression } from './combine.ts';
import { kernelModule } from './module.ts';

/** Up to this length a line is sorted by insertion. */
const insertionLength = 48;
const histogramBytes = 256 * 4;

/** Bytes that an element takes while it is sorted. */
function elementBytes(dtype: DType): 8 | 16 {
  return storageBytes[dtype] === 8 ? 16 : 8;
}

/** Scratch bytes that each thread needs. */
export function argsortScratchBytes(dtype: DType, length: number): number {
  return histogramBytes + 2 * length * elementBytes(dtype);
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
  const unsigned = i32.xor(key as Expression<'i32'>, -0x80000000);
  return i64.extendI32U(descending ? i32.xor(unsigned, -1) : unsigned);
}

/** Words: source, target, length, inner, scratch, scratch bytes a thread. Items are lines. */
export function argsortModule(heap: Heap, dtype: DType, descending: boolean): Uint8Array<ArrayBuffer> {
  return kernelModule(heap, (builder, { record, begin, end, thread }) => {
    const isWide = elementBytes(dtype) === 16;
    const size = elementBytes(dtype);
    const bytes = storageBytes[dtype];
    const length = builder.local('i32', i32.load(record, 8));
    const inner = builder.local('i32', i32.load(record, 12));
    const histogram = builder.local(
      'i32',
      i32.add(i32.load(record, 16), i32.mul(thread, i32.load(record, 20))),
    );
    const first = builder.local('i32', i32.add(histogram, histogramBytes));
    const second = builder.local('i32', i32.add(first, i32.mul(length, size)));
    const line = builder.local('i32', begin);
    const [source, target] = builder.locals('i32', 2);
    builder.countUp(line, end, 1, () => {
      const start = builder.local('i32', i32.mul(i32.mul(i32.divU(line, inner), length), inner));
      builder.set(start, i32.add(start, i32.remU(line, inner)));
      builder.set(source, i32.add(i32.load(record, 0), i32.mul(start, bytes)));
      builder.set(target, i32.add(i32.load(record, 4), i32.mul(start, 4)));
      // Keys with their positions.
      builder.for(0, length, (position) => {
        const stored = builder.local(
          numberType(storageDType(dtype)),
          loadScalar(dtype, source) as Expression<'i32'>,
        );
        const key = writeKey(builder, dtype, stored, descending);
        const at = builder.local('i32', i32.add(first, i32.mul(position, size)));
        if (isWide) {
          builder.emit(i64.store(at, key));
          builder.emit(i32.store(at, position, 8));
        } else builder.emit(i64.store(at, i64.or(i64.shl(key, 32n), i64.extendI32U(position))));
        builder.set(source, i32.add(source, i32.mul(inner, bytes)));
      });
      builder.if(
        i32.leU(length, insertionLength),
        () => insertionSort(builder, first, length, isWide),
        () => radixSort(builder, { first, second, histogram, length }, dtype),
      );
      builder.for(0, length, (position) => {
        const at = i32.add(first, i32.mul(position, size));
        builder.emit(i32.store(target, i32.load(at, isWide ? 8 : 0)));
        builder.set(target, i32.add(target, i32.mul(inner, 4)));
      });
    });
  });
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
  readonly first: Local<'i32'>;
  readonly second: Local<'i32'>;
  readonly histogram: Local<'i32'>;
  readonly length: Local<'i32'>;
}

/** Passes over the digits, back and forth between the two arrays; their number is even, so `first` has the result. */
function radixSort(builder: FunctionBuilder, space: RadixSpace, dtype: DType): void {
  const { first, second, histogram, length } = space;
  const isWide = elementBytes(dtype) === 16;
  const size = isWide ? 16 : 8;
  const shift = builder.local('i64', isWide ? 0n : 32n);
  const [from, to, swap] = builder.locals('i32', 3);
  builder.set(from, first);
  builder.set(to, second);
  builder.loop((again) => {
    builder.emit(memory.fill(histogram, 0, histogramBytes));
    const counter = (key: Expression<'i64'>): Expression<'i32'> =>
      i32.add(histogram, i32.shl(i32.and(i32.wrapI64(i64.shrU(key, shift)), 0xff), 2));
    const at = builder.local('i32', from);
    builder.for(0, length, () => {
      const slot = builder.local('i32', counter(i64.load(at)));
      builder.emit(i32.store(slot, i32.add(i32.load(slot), 1)));
      builder.increment(at, size);
    });
    // Counts to addresses of the first element of each digit.
    const next = builder.local('i32', to);
    builder.for(0, 256, (digit) => {
      const slot = builder.local('i32', i32.add(histogram, i32.shl(digit, 2)));
      const count = builder.local('i32', i32.load(slot));
      builder.emit(i32.store(slot, next));
      builder.set(next, i32.add(next, i32.mul(count, size)));
    });
    builder.set(at, from);
    builder.for(0, length, () => {
      const key = builder.local('i64', i64.load(at));
      const slot = builder.local('i32', counter(key));
      const place = builder.local('i32', i32.load(slot));
      builder.emit(i64.store(place, key));
      if (isWide) builder.emit(i32.store(place, i32.load(at, 8), 8));
      builder.emit(i32.store(slot, i32.add(place, size)));
      builder.increment(at, size);
    });
    builder.set(swap, from);
    builder.set(from, to);
    builder.set(to, swap);
    builder.set(shift, i64.add(shift, 8n));
    builder.branchIf(again, i64.ltU(shift, 64n));
  });
}
