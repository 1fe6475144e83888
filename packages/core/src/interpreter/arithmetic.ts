// The scalar operations on everything but int64, over blocks of lanes. Results are exact or computed in float64,
// then brought into the dtype by one rounding or wrap-around, which for +, -, *, / and sqrt on the shorter floats
// equals computing in that float (Figueroa, "When is double rounding innocuous?", 1995).
import { categoryOf, type DType, isInteger } from '../dtype.ts';
import { roundToBfloat16, roundToFloat16 } from '../half.ts';
import type { ScalarOp } from '../scalar.ts';
import { erf, erfc } from './erf.ts';
import { philox4x32 } from './philox.ts';
import type { Step } from './step.ts';

type Unary = (x: number) => number;
type Binary = (x: number, y: number) => number;

/** To nearest, halves to even: adding 2^52 leaves no room for fractions, and rounds so. */
function roundHalfEven(x: number): number {
  const magnitude = Math.abs(x);
  if (!(magnitude < 2 ** 52)) return x;
  const rounded = magnitude + 2 ** 52 - 2 ** 52;
  return x < 0 || Object.is(x, -0) ? -rounded : rounded;
}

/** C's pow; JavaScript's differs where IEEE 754 says that 1^NaN and (-1)^∞ are 1. */
function pow(x: number, y: number): number {
  if (x === 1 || (x === -1 && Math.abs(y) === Infinity)) return 1;
  return x ** y;
}

const unaries: { readonly [O in ScalarOp]?: Unary } = {
  neg: (x) => -x,
  abs: Math.abs,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round: roundHalfEven,
  sqrt: Math.sqrt,
  exp: Math.exp,
  log: Math.log,
  expm1: Math.expm1,
  log1p: Math.log1p,
  exp2: (x) => 2 ** x,
  log2: Math.log2,
  log10: Math.log10,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  erf,
  erfc,
};

const binaries: { readonly [O in ScalarOp]?: Binary } = {
  rem: (x, y) => x % y,
  min: Math.min,
  max: Math.max,
  pow,
  atan2: Math.atan2,
  and: (x, y) => x & y,
  or: (x, y) => x | y,
  xor: (x, y) => x ^ y,
  eq: (x, y) => (x === y ? 1 : 0),
  ne: (x, y) => (x !== y ? 1 : 0),
  lt: (x, y) => (x < y ? 1 : 0),
  le: (x, y) => (x <= y ? 1 : 0),
};

/** Operations that mean something else on integers and bool. */
function integerBinaries(dtype: DType): { readonly [O in ScalarOp]?: Binary } {
  const bits = dtype === 'int32' ? 32 : dtype === 'int16' ? 16 : 8;
  const all = bits === 32 ? -1 : 2 ** bits - 1;
  return {
    mul: Math.imul,
    div: (x, y) => (y === 0 ? 0 : Math.trunc(x / y)),
    rem: (x, y) => (y === 0 ? 0 : x % y),
    shiftLeft: (x, y) => x << (y & (bits - 1)),
    shiftRight: (x, y) => x >> (y & (bits - 1)),
    shiftRightUnsigned: (x, y) => (x & all) >>> (y & (bits - 1)),
  };
}

/** Brings lanes into the dtype, in place. Null where every number is already in it. */
export function fitBlock(dtype: DType): ((values: Float64Array, count: number) => void) | null {
  switch (dtype) {
    case 'float32':
      return (v, count) => {
        for (let i = 0; i < count; i++) v[i] = Math.fround(v[i]);
      };
    case 'float16':
      return (v, count) => {
        for (let i = 0; i < count; i++) v[i] = roundToFloat16(v[i]);
      };
    case 'bfloat16':
      return (v, count) => {
        for (let i = 0; i < count; i++) v[i] = roundToBfloat16(v[i]);
      };
    case 'int32':
      return (v, count) => {
        for (let i = 0; i < count; i++) v[i] = v[i] | 0;
      };
    case 'int16':
      return (v, count) => {
        for (let i = 0; i < count; i++) v[i] = (v[i] << 16) >> 16;
      };
    case 'int8':
      return (v, count) => {
        for (let i = 0; i < count; i++) v[i] = (v[i] << 24) >> 24;
      };
    case 'uint8':
      return (v, count) => {
        for (let i = 0; i < count; i++) v[i] = v[i] & 0xff;
      };
    default:
      return null;
  }
}

/** Every number of the dtype is one of the others' too: such results need no fitting. */
const exactOps: ReadonlySet<ScalarOp> = new Set(['min', 'max', 'where', 'eq', 'ne', 'lt', 'le']);

/** The step that computes `out = op(...args)` where the operands have `operandDType`; null if there is none. */
export function numberStep(
  op: ScalarOp,
  dtype: DType,
  operandDType: DType,
  out: Float64Array,
  args: readonly Float64Array[],
): Step | null {
  const raw = rawStep(op, operandDType, out, args);
  const fit = exactOps.has(op) ? null : fitBlock(dtype);
  if (raw === null || fit === null) return raw;
  return (count, frame) => {
    raw(count, frame);
    fit(out, count);
  };
}

function rawStep(
  op: ScalarOp,
  dtype: DType,
  out: Float64Array,
  [a, b, c, d]: readonly Float64Array[],
): Step | null {
  const integer = isInteger(dtype);
  // The most frequent ones have loops of their own; the others call a function for each lane.
  switch (op) {
    case 'add':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = a[i] + b[i];
      };
    case 'sub':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = a[i] - b[i];
      };
    case 'mul':
      if (integer) break;
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = a[i] * b[i];
      };
    case 'div':
      if (integer) break;
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = a[i] / b[i];
      };
    case 'fma':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = (integer ? Math.imul(a[i], b[i]) : a[i] * b[i]) + c[i];
      };
    case 'where':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = a[i] !== 0 ? b[i] : c[i];
      };
    case 'not':
      if (categoryOf(dtype) === 'bool') return mapUnary(out, a, (x) => 1 - x);
      return mapUnary(out, a, (x) => ~x);
    case 'philox':
      return (count) => {
        for (let i = 0; i < count; i++) out[i] = philox4x32([a[i], b[i], 0, 0], [c[i], d[i]])[0];
      };
  }
  const unary = unaries[op];
  if (unary !== undefined) return mapUnary(out, a, unary);
  const binary = (integer ? integerBinaries(dtype)[op] : undefined) ?? binaries[op];
  return binary === undefined ? null : mapBinary(out, a, b, binary);
}

function mapUnary(out: Float64Array, a: Float64Array, f: Unary): Step {
  return (count) => {
    for (let i = 0; i < count; i++) out[i] = f(a[i]);
  };
}

function mapBinary(out: Float64Array, a: Float64Array, b: Float64Array, f: Binary): Step {
  return (count) => {
    for (let i = 0; i < count; i++) out[i] = f(a[i], b[i]);
  };
}
