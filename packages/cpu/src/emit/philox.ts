// Word 0 of Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011) at counter (index, offset, 0, 0).
import {
  type Expression,
  type FunctionBuilder,
  i32,
  i32x4,
  i64,
  i64x2,
  type Local,
  v128,
} from '../wasm/index.ts';
import type { Vector, VectorLocal } from './registers.ts';

const multipliers = [0xd2511f53, 0xcd9e8d57] as const;
const weyl = [0x9e3779b9 | 0, 0xbb67ae85 | 0] as const;
const rounds = 10;

type I32 = Expression<'i32'>;

/** Both halves of an unsigned 32 x 32 bit product, as (high, low). */
function scalarProduct(builder: FunctionBuilder, value: I32, multiplier: number): readonly [I32, I32] {
  const product = builder.local('i64', i64.mul(i64.extendI32U(value), BigInt(multiplier)));
  return [i32.wrapI64(i64.shrU(product, 32n)), i32.wrapI64(product)];
}

export function scalarPhilox(
  builder: FunctionBuilder,
  [index, offset, key0, key1]: readonly Local<'i32'>[],
): I32 {
  const counter = [index, offset, i32.constant(0), i32.constant(0)].map((word) => builder.local('i32', word));
  const [next0, next2] = builder.locals('i32', 2);
  for (let round = 0; round < rounds; round++) {
    const [high0, low0] = scalarProduct(builder, counter[0], multipliers[0]);
    const [high1, low1] = scalarProduct(builder, counter[2], multipliers[1]);
    builder.set(next0, i32.xor(i32.xor(high1, counter[1]), i32.add(key0, Math.imul(weyl[0], round))));
    builder.set(next2, i32.xor(i32.xor(high0, counter[3]), i32.add(key1, Math.imul(weyl[1], round))));
    builder.set(counter[0], next0);
    builder.set(counter[1], low1);
    builder.set(counter[2], next2);
    builder.set(counter[3], low0);
  }
  return counter[0];
}

function vectorProduct(
  builder: FunctionBuilder,
  value: VectorLocal,
  multiplier: VectorLocal,
): readonly [Vector, Vector] {
  const first = builder.local('v128', i64x2.extmulLowI32x4U(value, multiplier));
  const second = builder.local('v128', i64x2.extmulHighI32x4U(value, multiplier));
  return [i32x4.shuffle(first, second, [1, 3, 5, 7]), i32x4.shuffle(first, second, [0, 2, 4, 6])];
}

export function vectorPhilox(
  builder: FunctionBuilder,
  [index, offset, key0, key1]: readonly Vector[],
): Vector {
  const zero = i32x4.constant(0);
  const counter = [index, offset, zero, zero].map((word) => builder.local('v128', word));
  const keys = [builder.local('v128', key0), builder.local('v128', key1)];
  const factors = multipliers.map((multiplier) => builder.local('v128', i32x4.constant(multiplier | 0)));
  const [next0, next2] = builder.locals('v128', 2);
  for (let round = 0; round < rounds; round++) {
    const [high0, low0] = vectorProduct(builder, counter[0], factors[0]);
    const [high1, low1] = vectorProduct(builder, counter[2], factors[1]);
    builder.set(next0, v128.xor(v128.xor(high1, counter[1]), keys[0]));
    builder.set(next2, v128.xor(v128.xor(high0, counter[3]), keys[1]));
    builder.set(counter[0], next0);
    builder.set(counter[1], low1);
    builder.set(counter[2], next2);
    builder.set(counter[3], low0);
    if (round === rounds - 1) break;
    for (const half of [0, 1] as const)
      builder.set(keys[half], i32x4.add(keys[half], i32x4.constant(weyl[half])));
  }
  return counter[0];
}
