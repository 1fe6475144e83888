// Elements of each dtype from memory to registers and back.
import type { DType } from '@nn/core';
import {
  type Expression,
  type FunctionBuilder,
  f32,
  f64,
  i8x16,
  i16x8,
  i32,
  i32x4,
  i64,
  i64x2,
  type Local,
  type Statement,
  v128,
} from '../wasm/index.ts';
import { extractLane, replaceLane, vectorLocals } from './lanes.ts';
import { lanes, type RegisterDType, storageBytes, type Vector, type VectorLocal } from './registers.ts';
import { setRegisters } from './vector-operations.ts';

type Address = Expression<'i32'>;

/** The dtype as which a dtype's bytes are loaded: 16-bit floats as the int16 of their bits. */
export function storageDType(storage: DType): RegisterDType {
  return storage === 'float16' || storage === 'bfloat16' ? 'int16' : storage;
}

export function loadScalar(storage: DType, address: Address, offset = 0): Expression {
  switch (storageDType(storage)) {
    case 'bool':
      return i32.ne(i32.load8U(address, offset), 0);
    case 'uint8':
      return i32.load8U(address, offset);
    case 'int8':
      return i32.load8S(address, offset);
    case 'int16':
      return i32.load16S(address, offset);
    case 'int32':
      return i32.load(address, offset);
    case 'int64':
      return i64.load(address, offset);
    case 'float32':
      return f32.load(address, offset);
    case 'float64':
      return f64.load(address, offset);
  }
}

export function storeScalar(storage: DType, address: Address, value: Expression, offset = 0): Statement {
  switch (storageDType(storage)) {
    case 'bool':
    case 'uint8':
    case 'int8':
      return i32.store8(address, value as Expression<'i32'>, offset);
    case 'int16':
      return i32.store16(address, value as Expression<'i32'>, offset);
    case 'int32':
      return i32.store(address, value as Expression<'i32'>, offset);
    case 'int64':
      return i64.store(address, value as Expression<'i64'>, offset);
    case 'float32':
      return f32.store(address, value as Expression<'f32'>, offset);
    case 'float64':
      return f64.store(address, value as Expression<'f64'>, offset);
  }
}

/** Four neighbouring elements. */
export function loadVector(storage: DType, address: Address, offset = 0): readonly Vector[] {
  switch (storageDType(storage)) {
    case 'bool':
      return [i32x4.ne(widenBytes(address, offset), i32x4.constant(0))];
    case 'uint8':
      return [widenBytes(address, offset)];
    case 'int8':
      return [i32x4.extendLowI16x8S(i16x8.extendLowI8x16S(v128.load32Zero(address, offset)))];
    case 'int16':
      return [v128.load16x4S(address, offset)];
    case 'int32':
    case 'float32':
      return [v128.load(address, offset)];
    case 'int64':
    case 'float64':
      return [v128.load(address, offset), v128.load(address, offset + 16)];
  }
}

function widenBytes(address: Address, offset: number): Vector {
  return i32x4.extendLowI16x8U(i16x8.extendLowI8x16U(v128.load32Zero(address, offset)));
}

const everyFourthByte = [0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12];
const lowerHalves = [0, 1, 4, 5, 8, 9, 12, 13, 0, 1, 4, 5, 8, 9, 12, 13];

export function storeVector(
  storage: DType,
  address: Address,
  value: readonly VectorLocal[],
  offset = 0,
): readonly Statement[] {
  switch (storageDType(storage)) {
    case 'bool': {
      const ones = v128.and(value[0], i32x4.constant(1));
      return [v128.store32Lane(address, i8x16.shuffle(ones, ones, everyFourthByte), 0, offset)];
    }
    case 'uint8':
    case 'int8':
      return [v128.store32Lane(address, i8x16.shuffle(value[0], value[0], everyFourthByte), 0, offset)];
    case 'int16':
      return [v128.store64Lane(address, i8x16.shuffle(value[0], value[0], lowerHalves), 0, offset)];
    case 'int32':
    case 'float32':
      return [v128.store(address, value[0], offset)];
    case 'int64':
    case 'float64':
      return [v128.store(address, value[0], offset), v128.store(address, value[1], offset + 16)];
  }
}

/** The lanes of a value in opposite order. */
export function reverseLanes(storage: DType, value: readonly Vector[]): readonly Vector[] {
  if (value.length === 1) return [i32x4.shuffle(value[0], value[0], [3, 2, 1, 0])];
  return storageBytes[storage] === 8
    ? [i64x2.shuffle(value[1], value[1], [1, 0]), i64x2.shuffle(value[0], value[0], [1, 0])]
    : value;
}

/** Every second or third of neighbouring 4-byte elements: two vectors, the second of which ends at the last of them. */
export function loadSpread(address: Address, stride: 2 | 3, offset = 0): Vector {
  const first = v128.load(address, offset);
  const second = v128.load(address, offset + (stride - 1) * 3 * 4);
  return i32x4.shuffle(first, second, stride === 2 ? [0, 2, 5, 7] : [0, 3, 4, 7]);
}

/** Calls `visit` with the address of each lane, which lie `stride` bytes apart. */
function eachLane(
  builder: FunctionBuilder,
  address: Address,
  stride: Expression<'i32'>,
  visit: (at: Local<'i32'>, lane: number) => void,
): void {
  builder.scope(() => {
    const at = builder.local('i32', address);
    for (let lane = 0; lane < lanes; lane++) {
      visit(at, lane);
      if (lane < lanes - 1) builder.set(at, i32.add(at, stride));
    }
  });
}

/** Four elements that lie `stride` bytes apart. */
export function loadStrided(
  builder: FunctionBuilder,
  storage: DType,
  address: Address,
  stride: Expression<'i32'>,
): readonly VectorLocal[] {
  const dtype = storageDType(storage);
  const result = vectorLocals(builder, dtype);
  clear(builder, result);
  eachLane(builder, address, stride, (at, lane) =>
    replaceLane(builder, dtype, result, lane, loadScalar(storage, at)),
  );
  return result;
}

/** Stores lanes `stride` bytes apart; with a mask, only those that it has set. */
export function storeStrided(
  builder: FunctionBuilder,
  storage: DType,
  address: Address,
  stride: Expression<'i32'>,
  value: readonly VectorLocal[],
  mask?: VectorLocal,
): void {
  const dtype = storageDType(storage);
  eachLane(builder, address, stride, (at, lane) => {
    const store = (): void => builder.emit(storeScalar(storage, at, extractLane(dtype, value, lane)));
    if (mask === undefined) store();
    else builder.if(i32x4.extractLane(mask, lane), store);
  });
}

/**
 * Of a vector those lanes that the mask has set, 0 in the others. Where any is set, all that is read lies in memory:
 * beyond a buffer's ends by a few elements at most.
 */
export function loadMaskedVector(
  builder: FunctionBuilder,
  mask: VectorLocal,
  loaded: readonly Vector[],
  result: readonly VectorLocal[],
): void {
  const masks = result.length === 1 ? [mask] : [i64x2.extendLowI32x4S(mask), i64x2.extendHighI32x4S(mask)];
  clear(builder, result);
  builder.if(v128.anyTrue(mask), () =>
    setRegisters(
      builder,
      result,
      loaded.map((part, at) => v128.and(part, masks[at])),
    ),
  );
}

/** Loads those lanes that the mask has set, 0 in the others. */
export function loadMasked(
  builder: FunctionBuilder,
  storage: DType,
  address: Address,
  stride: Expression<'i32'>,
  mask: VectorLocal,
  result: readonly VectorLocal[],
): void {
  const dtype = storageDType(storage);
  clear(builder, result);
  eachLane(builder, address, stride, (at, lane) =>
    builder.if(i32x4.extractLane(mask, lane), () =>
      replaceLane(builder, dtype, result, lane, loadScalar(storage, at)),
    ),
  );
}

/** Loads each lane from an address of its own. */
export function loadScattered(
  builder: FunctionBuilder,
  storage: DType,
  addresses: VectorLocal,
  result: readonly VectorLocal[],
  mask?: VectorLocal,
): void {
  const dtype = storageDType(storage);
  clear(builder, result);
  for (let lane = 0; lane < lanes; lane++) {
    const load = (): void =>
      replaceLane(builder, dtype, result, lane, loadScalar(storage, i32x4.extractLane(addresses, lane)));
    if (mask === undefined) load();
    else builder.if(i32x4.extractLane(mask, lane), load);
  }
}

function clear(builder: FunctionBuilder, registers: readonly VectorLocal[]): void {
  setRegisters(
    builder,
    registers,
    registers.map(() => i32x4.constant(0)),
  );
}
