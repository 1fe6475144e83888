// The scalar operations on int64, by BigInt. Storing into a BigInt64Array wraps around as int64 does.
import { bytesPerElement, type DType, hostArrayOver } from '../dtype.ts';
import type { ScalarOp } from '../scalar.ts';
import {
  castBigint,
  castNumber,
  type Element,
  greaterBigint,
  lesserBigint,
  loadElement,
  storeElement,
} from './element.ts';
import type { Register } from './registers.ts';
import type { Step } from './step.ts';

type Binary = (x: bigint, y: bigint) => bigint;

const binaries: { readonly [O in ScalarOp]?: Binary } = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => (y === 0n ? 0n : x / y),
  rem: (x, y) => (y === 0n ? 0n : x % y),
  min: lesserBigint,
  max: greaterBigint,
  and: (x, y) => x & y,
  or: (x, y) => x | y,
  xor: (x, y) => x ^ y,
  shiftLeft: (x, y) => x << (y & 63n),
  shiftRight: (x, y) => x >> (y & 63n),
  shiftRightUnsigned: (x, y) => BigInt.asUintN(64, x) >> (y & 63n),
};

const compares: { readonly [O in ScalarOp]?: (x: bigint, y: bigint) => boolean } = {
  eq: (x, y) => x === y,
  ne: (x, y) => x !== y,
  lt: (x, y) => x < y,
  le: (x, y) => x <= y,
};

const unaries: { readonly [O in ScalarOp]?: (x: bigint) => bigint } = {
  neg: (x) => -x,
  abs: (x) => (x < 0n ? -x : x),
  not: (x) => ~x,
};

/** The step that computes `out = op(...args)` where the operands are int64; null if there is none. */
export function bigintStep(op: ScalarOp, out: Register, args: readonly Register[]): Step | null {
  const compare = compares[op];
  if (compare !== undefined) return compareStep(out as Float64Array, args, compare);
  const target = out as BigInt64Array;
  const [a, b, c] = args as BigInt64Array[];
  if (op === 'where') {
    const condition = args[0] as Float64Array;
    return (count) => {
      for (let i = 0; i < count; i++) target[i] = condition[i] !== 0 ? b[i] : c[i];
    };
  }
  if (op === 'fma') {
    return (count) => {
      for (let i = 0; i < count; i++) target[i] = a[i] * b[i] + c[i];
    };
  }
  const unary = unaries[op];
  if (unary !== undefined) {
    return (count) => {
      for (let i = 0; i < count; i++) target[i] = unary(a[i]);
    };
  }
  const binary = binaries[op];
  if (binary === undefined) return null;
  return (count) => {
    for (let i = 0; i < count; i++) target[i] = binary(a[i], b[i]);
  };
}

function compareStep(
  out: Float64Array,
  args: readonly Register[],
  compare: (x: bigint, y: bigint) => boolean,
): Step {
  const [a, b] = args as BigInt64Array[];
  return (count) => {
    for (let i = 0; i < count; i++) out[i] = compare(a[i], b[i]) ? 1 : 0;
  };
}

/** Value conversion between any two dtypes. */
export function castStep(from: DType, to: DType, out: Register, source: Register): Step {
  const target = out as { [lane: number]: Element };
  if (from === 'int64') {
    const values = source as BigInt64Array;
    return (count) => {
      for (let i = 0; i < count; i++) target[i] = castBigint(to, values[i]);
    };
  }
  const values = source as Float64Array;
  return (count) => {
    for (let i = 0; i < count; i++) target[i] = castNumber(from, to, values[i]);
  };
}

/** The same bits as another dtype of the same width. */
export function bitcastStep(from: DType, to: DType, out: Register, source: Register): Step {
  const bytes = new ArrayBuffer(bytesPerElement(from));
  const written = hostArrayOver(from, bytes);
  const read = hostArrayOver(to, bytes);
  const target = out as { [lane: number]: Element };
  return (count) => {
    for (let i = 0; i < count; i++) {
      storeElement(from, written, 0, source[i]);
      target[i] = loadElement(to, read, 0);
    }
  };
}
