// What a GEMM needs to know of an element type: how wide a vector is, and how to load, combine and store one.
// Without SIMD a "vector" is one element, and the same generator gives a scalar routine.

import {
  type Expression,
  f32,
  f32x4,
  f64,
  f64x2,
  i32,
  i32x4,
  i64,
  i64x2,
  type Operand,
  type Statement,
  type ValueType,
  v128,
} from '../wasm/index.ts';

export type GemmType = 'float32' | 'float64' | 'int32' | 'int64';

/** How far the engine goes: fused multiply-add, vectors, or neither. */
export type Tier = 'relaxed' | 'simd' | 'scalar';

type Address = Operand<'i32'>;
type Value = Expression;

export interface Lanes {
  readonly type: GemmType;
  /** Elements per vector. */
  readonly count: number;
  readonly elementBytes: number;
  /** log2 of elementBytes. */
  readonly elementShift: number;
  readonly vectorType: ValueType;
  readonly zero: Value;
  readonly load: (address: Address, offset?: number) => Value;
  /** One element in all lanes. */
  readonly loadSplat: (address: Address, offset?: number) => Value;
  readonly store: (address: Address, value: Value, offset?: number) => Statement;
  readonly add: (left: Value, right: Value) => Value;
  /** left * right + addend. */
  readonly multiplyAdd: (left: Value, right: Value, addend: Value) => Value;
  /** One element, as bits. */
  readonly loadElement: (address: Address, offset?: number) => Value;
  readonly storeElement: (address: Address, value: Value, offset?: number) => Statement;
  readonly addElements: (left: Value, right: Value) => Value;
  readonly multiplyElements: (left: Value, right: Value) => Value;
  readonly zeroElement: Value;
  readonly extractLane: (vector: Value, lane: number) => Value;
}

type VectorBinary = (left: Expression<'v128'>, right: Expression<'v128'>) => Expression<'v128'>;

interface VectorKind {
  readonly count: number;
  readonly zero: Expression<'v128'>;
  readonly add: VectorBinary;
  readonly extractLane: (vector: Expression<'v128'>, lane: number) => Value;
  readonly multiply: VectorBinary;
  readonly fused?: (
    left: Expression<'v128'>,
    right: Expression<'v128'>,
    addend: Expression<'v128'>,
  ) => Expression<'v128'>;
}

const vectorKinds: Readonly<Record<GemmType, VectorKind>> = {
  float32: {
    count: 4,
    zero: f32x4.constant(0),
    add: f32x4.add,
    extractLane: f32x4.extractLane,
    multiply: f32x4.mul,
    fused: f32x4.relaxedMadd,
  },
  float64: {
    count: 2,
    zero: f64x2.constant(0),
    add: f64x2.add,
    extractLane: f64x2.extractLane,
    multiply: f64x2.mul,
    fused: f64x2.relaxedMadd,
  },
  int32: {
    count: 4,
    zero: i32x4.constant(0),
    add: i32x4.add,
    extractLane: i32x4.extractLane,
    multiply: i32x4.mul,
  },
  int64: {
    count: 2,
    zero: i64x2.constant(0n),
    add: i64x2.add,
    extractLane: i64x2.extractLane,
    multiply: i64x2.mul,
  },
};

const shifts: Readonly<Record<GemmType, number>> = { float32: 2, float64: 3, int32: 2, int64: 3 };

type ElementInstructions = Pick<
  Lanes,
  'loadElement' | 'storeElement' | 'addElements' | 'multiplyElements' | 'zeroElement'
> & {
  readonly valueType: ValueType;
};

function elementInstructions<T extends 'i32' | 'i64' | 'f32' | 'f64'>(
  type: T,
  set: {
    readonly load: (address: Address, offset?: number) => Expression<T>;
    readonly store: (address: Address, value: Operand<T>, offset?: number) => Statement;
    readonly add: (left: Operand<T>, right: Operand<T>) => Expression<T>;
    readonly mul: (left: Operand<T>, right: Operand<T>) => Expression<T>;
  },
  zero: Expression<T>,
): ElementInstructions {
  return {
    valueType: type,
    zeroElement: zero,
    loadElement: set.load,
    storeElement: (address: Address, value: Value, offset?: number): Statement =>
      set.store(address, value as Operand<T>, offset),
    addElements: (left: Value, right: Value): Value => set.add(left as Operand<T>, right as Operand<T>),
    multiplyElements: (left: Value, right: Value): Value => set.mul(left as Operand<T>, right as Operand<T>),
  };
}

const elements: Readonly<Record<GemmType, ElementInstructions>> = {
  float32: elementInstructions('f32', f32, f32.constant(0)),
  float64: elementInstructions('f64', f64, f64.constant(0)),
  int32: elementInstructions('i32', i32, i32.constant(0)),
  int64: elementInstructions('i64', i64, i64.constant(0n)),
};

export function lanesOf(type: GemmType, tier: Tier): Lanes {
  const element = elements[type];
  const elementShift = shifts[type];
  const shared = {
    type,
    elementShift,
    elementBytes: 1 << elementShift,
    loadElement: element.loadElement,
    storeElement: element.storeElement,
    addElements: element.addElements,
    multiplyElements: element.multiplyElements,
    zeroElement: element.zeroElement,
  };
  if (tier === 'scalar') {
    return {
      ...shared,
      count: 1,
      vectorType: element.valueType,
      zero: element.zeroElement,
      load: element.loadElement,
      loadSplat: element.loadElement,
      store: element.storeElement,
      add: element.addElements,
      extractLane: (vector: Value): Value => vector,
      multiplyAdd: (left: Value, right: Value, addend: Value): Value =>
        element.addElements(element.multiplyElements(left, right), addend),
    };
  }
  const kind = vectorKinds[type];
  const fused = tier === 'relaxed' ? kind.fused : undefined;
  const vector = (value: Value): Expression<'v128'> => value as Expression<'v128'>;
  return {
    ...shared,
    count: kind.count,
    vectorType: 'v128',
    zero: kind.zero,
    extractLane: (value: Value, lane: number): Value => kind.extractLane(vector(value), lane),
    load: v128.load,
    loadSplat: elementShift === 2 ? v128.load32Splat : v128.load64Splat,
    store: (address: Address, value: Value, offset?: number): Statement =>
      v128.store(address, vector(value), offset),
    add: (left: Value, right: Value): Value => kind.add(vector(left), vector(right)),
    multiplyAdd: (left: Value, right: Value, addend: Value): Value =>
      fused === undefined
        ? kind.add(kind.multiply(vector(left), vector(right)), vector(addend))
        : fused(vector(left), vector(right), vector(addend)),
  };
}
