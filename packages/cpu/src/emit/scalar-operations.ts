// Scalar instructions of the language, one element at a time.
import { type MathOp, mathOps, type ScalarOp, UnsupportedError } from '@nn/core';
import {
  choose,
  type Expression,
  f32,
  f32x4,
  f64,
  f64x2,
  i32,
  i64,
  type Local,
  select,
} from '../wasm/index.ts';
import type { EmitContext } from './context.ts';
import { scalarPhilox } from './philox.ts';
import { numberType, type RegisterDType } from './registers.ts';
import { castScalar, narrowScalar } from './scalar-casts.ts';

type I32 = Expression<'i32'>;
type I64 = Expression<'i64'>;
type F32 = Expression<'f32'>;
type F64 = Expression<'f64'>;

const importedBinary: ReadonlySet<string> = new Set(['pow', 'atan2', 'rem']);
const importedUnary: ReadonlySet<string> = new Set<MathOp>(mathOps);

/** The import that an instruction needs, or undefined. */
export function importOf(op: string, dtype: RegisterDType): string | undefined {
  if (dtype !== 'float32' && dtype !== 'float64') return undefined;
  return importedBinary.has(op) || importedUnary.has(op) ? op : undefined;
}

/**
 * An instruction on values held in locals (they may be read several times). `from` is the dtype of the last operand:
 * what a comparison compares, and a cast converts.
 */
export function scalarOperation(
  context: EmitContext,
  op: ScalarOp,
  dtype: RegisterDType,
  from: RegisterDType,
  operands: readonly Local[],
): Expression {
  switch (op) {
    case 'where':
      return select(operands[0] as I32, operands[1], operands[2]);
    case 'cast':
      return castScalar(from, dtype, operands[0]);
    case 'bitcast':
      return bitcastScalar(from, dtype, operands[0]);
    case 'philox':
      return scalarPhilox(context.builder, operands as readonly Local<'i32'>[]);
    case 'eq':
    case 'ne':
    case 'lt':
    case 'le':
      return compareScalar(op, from, operands[0], operands[1]);
    default:
  }
  const imported = importOf(op, dtype);
  if (imported !== undefined) return callOnFloats(context, imported, dtype, operands);
  switch (numberType(dtype)) {
    case 'f32':
      return float32Operation(context, op, operands as readonly Local<'f32'>[]);
    case 'f64':
      return float64Operation(context, op, operands as readonly Local<'f64'>[]);
    case 'i64':
      return int64Operation(op, operands as readonly Local<'i64'>[]);
    case 'i32':
      return dtype === 'bool'
        ? boolOperation(op, operands as readonly Local<'i32'>[])
        : int32Operation(op, dtype, operands as readonly Local<'i32'>[]);
  }
}

function unknown(op: string, dtype: string): never {
  throw new UnsupportedError(`there is no instruction '${op}' on ${dtype}`);
}

function callOnFloats(
  context: EmitContext,
  name: string,
  dtype: RegisterDType,
  operands: readonly Local[],
): Expression {
  if (dtype === 'float64') return context.callImport(name, ...(operands as readonly F64[]));
  return f32.demoteF64(
    context.callImport(name, ...(operands as readonly F32[]).map((value) => f64.promoteF32(value))),
  );
}

function float32Operation(context: EmitContext, op: ScalarOp, [a, b, c]: readonly F32[]): F32 {
  switch (op) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
    case 'min':
    case 'max':
      return f32[op](a, b);
    case 'neg':
    case 'abs':
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'sqrt':
      return f32[op](a);
    case 'round':
      return f32.nearest(a);
    case 'fma':
      // The remainder of a vectorised loop rounds like its vectors.
      return context.tier.relaxedSimd
        ? f32x4.extractLane(f32x4.relaxedMadd(f32x4.splat(a), f32x4.splat(b), f32x4.splat(c)), 0)
        : f32.add(f32.mul(a, b), c);
    default:
      return unknown(op, 'float32');
  }
}

function float64Operation(context: EmitContext, op: ScalarOp, [a, b, c]: readonly F64[]): F64 {
  switch (op) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
    case 'min':
    case 'max':
      return f64[op](a, b);
    case 'neg':
    case 'abs':
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'sqrt':
      return f64[op](a);
    case 'round':
      return f64.nearest(a);
    case 'fma':
      return context.tier.relaxedSimd
        ? f64x2.extractLane(f64x2.relaxedMadd(f64x2.splat(a), f64x2.splat(b), f64x2.splat(c)), 0)
        : f64.add(f64.mul(a, b), c);
    default:
      return unknown(op, 'float64');
  }
}

function boolOperation(op: ScalarOp, [a, b, c]: readonly I32[]): I32 {
  switch (op) {
    case 'and':
    case 'mul':
    case 'min':
      return i32.and(a, b);
    case 'or':
    case 'add':
    case 'max':
      return i32.or(a, b);
    case 'xor':
    case 'sub':
      return i32.xor(a, b);
    case 'not':
      return i32.eqz(a);
    case 'fma':
      return i32.or(i32.and(a, b), c);
    case 'neg':
    case 'abs':
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'round':
      return a;
    default:
      return unknown(op, 'bool');
  }
}

function int32Operation(op: ScalarOp, dtype: RegisterDType, [a, b, c]: readonly I32[]): I32 {
  const bits = dtype === 'int32' ? 32 : dtype === 'int16' ? 16 : 8;
  switch (op) {
    case 'add':
    case 'sub':
    case 'mul':
      return narrowScalar(dtype, i32[op](a, b));
    case 'and':
    case 'or':
    case 'xor':
      return i32[op](a, b);
    case 'div': {
      // Neither 0 nor -1 reaches the division: both can trap.
      const isSpecial = i32.leU(i32.add(b, 1), 1);
      const quotient = i32.divS(a, select(isSpecial, i32.constant(1), b));
      const negated = i32.mul(a, b);
      return narrowScalar(dtype, select(isSpecial, negated, quotient));
    }
    case 'rem': {
      const isZero = i32.eqz(b);
      return select(isZero, i32.constant(0), i32.remS(a, select(isZero, i32.constant(1), b)));
    }
    case 'min':
      return select(i32.ltS(a, b), a, b);
    case 'max':
      return select(i32.gtS(a, b), a, b);
    case 'neg':
      return narrowScalar(dtype, i32.sub(0, a));
    case 'abs':
      return narrowScalar(dtype, select(i32.ltS(a, 0), i32.sub(0, a), a));
    case 'not':
      return narrowScalar(dtype, i32.xor(a, -1));
    case 'shiftLeft':
      return narrowScalar(dtype, i32.shl(a, count(b, bits)));
    case 'shiftRight':
      return i32.shrS(a, count(b, bits));
    case 'shiftRightUnsigned':
      return bits === 32
        ? i32.shrU(a, b)
        : narrowScalar(dtype, i32.shrU(i32.and(a, 2 ** bits - 1), count(b, bits)));
    case 'fma':
      return narrowScalar(dtype, i32.add(i32.mul(a, b), c));
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'round':
      return a;
    default:
      return unknown(op, dtype);
  }
}

/** A shift count modulo the dtype's bits; the instruction itself takes it modulo 32. */
function count(value: I32, bits: number): I32 {
  return bits === 32 ? value : i32.and(value, bits - 1);
}

function int64Operation(op: ScalarOp, [a, b, c]: readonly I64[]): I64 {
  switch (op) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'and':
    case 'or':
    case 'xor':
      return i64[op](a, b);
    case 'div': {
      const isSpecial = i64.leU(i64.add(b, 1n), 1n);
      return choose(isSpecial, i64.mul(a, b), i64.divS(a, b));
    }
    case 'rem':
      return choose(i64.eqz(b), i64.constant(0n), i64.remS(a, b));
    case 'min':
      return select(i64.ltS(a, b), a, b);
    case 'max':
      return select(i64.gtS(a, b), a, b);
    case 'neg':
      return i64.sub(0n, a);
    case 'abs':
      return select(i64.ltS(a, 0n), i64.sub(0n, a), a);
    case 'not':
      return i64.xor(a, -1n);
    case 'shiftLeft':
      return i64.shl(a, b);
    case 'shiftRight':
      return i64.shrS(a, b);
    case 'shiftRightUnsigned':
      return i64.shrU(a, b);
    case 'fma':
      return i64.add(i64.mul(a, b), c);
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'round':
      return a;
    default:
      return unknown(op, 'int64');
  }
}

function compareScalar(
  op: 'eq' | 'ne' | 'lt' | 'le',
  dtype: RegisterDType,
  a: Expression,
  b: Expression,
): I32 {
  const signed = { eq: 'eq', ne: 'ne', lt: 'ltS', le: 'leS' } as const;
  switch (numberType(dtype)) {
    case 'f32':
      return f32[op](a as F32, b as F32);
    case 'f64':
      return f64[op](a as F64, b as F64);
    case 'i64':
      return i64[signed[op]](a as I64, b as I64);
    case 'i32':
      return i32[signed[op]](a as I32, b as I32);
  }
}

function bitcastScalar(from: RegisterDType, to: RegisterDType, value: Expression): Expression {
  const source = numberType(from);
  const target = numberType(to);
  if (source === target) return narrowScalar(to, value as I32);
  if (source === 'i32' && target === 'f32') return f32.reinterpretI32(value as I32);
  if (source === 'f32' && target === 'i32') return i32.reinterpretF32(value as F32);
  if (source === 'i64' && target === 'f64') return f64.reinterpretI64(value as I64);
  if (source === 'f64' && target === 'i64') return i64.reinterpretF64(value as F64);
  return unknown(`bitcast to ${to}`, from);
}
