// The scalar instruction set: what one element of a kernel can compute. Every backend's emitter and the
// interpreter cover exactly this list; whatever else exists is an expression over it (see ops/).
import type { DType } from './dtype.ts';

/** Arithmetic on two values of one dtype; the result has that dtype. Narrow integers wrap around. */
export type ArithmeticOp =
  | 'add'
  | 'sub'
  | 'mul'
  /** Floats: IEEE division. Integers: truncating; division by zero gives 0. */
  | 'div'
  /** Remainder with the dividend's sign (C's fmod and %); integers by zero give 0. */
  | 'rem'
  /** NaN if either is NaN; -0 < +0 is not promised. */
  | 'min'
  | 'max'
  /** Floats only: C's pow and atan2. */
  | 'pow'
  | 'atan2';

/** Bitwise on integers, logical on bool. Shift counts are taken in [0, bits). */
export type BitOp = 'and' | 'or' | 'xor' | 'shiftLeft' | 'shiftRight' | 'shiftRightUnsigned';

/** Two values of one dtype to bool. */
export type CompareOp = 'eq' | 'ne' | 'lt' | 'le';

export type UnaryOp =
  | 'neg'
  | 'abs'
  /** Bitwise on integers, logical on bool. */
  | 'not'
  | 'floor'
  | 'ceil'
  | 'trunc'
  /** To nearest, halves to even. */
  | 'round'
  | 'sqrt'
  | MathOp;

/** Transcendental functions of floats. A backend emits those it has and calls `expandMath` for the others. */
export type MathOp =
  | 'exp'
  | 'log'
  | 'expm1'
  | 'log1p'
  | 'exp2'
  | 'log2'
  | 'log10'
  | 'sin'
  | 'cos'
  | 'tan'
  | 'asin'
  | 'acos'
  | 'atan'
  | 'sinh'
  | 'cosh'
  | 'tanh'
  | 'asinh'
  | 'acosh'
  | 'atanh'
  | 'erf'
  | 'erfc';

export const mathOps: readonly MathOp[] = [
  'exp',
  'log',
  'expm1',
  'log1p',
  'exp2',
  'log2',
  'log10',
  'sin',
  'cos',
  'tan',
  'asin',
  'acos',
  'atan',
  'sinh',
  'cosh',
  'tanh',
  'asinh',
  'acosh',
  'atanh',
  'erf',
  'erfc',
];

/** Everything that takes only values: the instruction's dtype is its result's. */
export type ScalarOp =
  | ArithmeticOp
  | BitOp
  | CompareOp
  | UnaryOp
  /** (condition: bool, a, b): both sides are evaluated. */
  | 'where'
  /** (a, b, c): a * b + c, with one rounding where the device has it. */
  | 'fma'
  /** Value conversion. Float to integer truncates and saturates, NaN to 0; integer to narrower wraps; to bool is != 0. */
  | 'cast'
  /** Same bits, other dtype of the same width (float32 and int32, float64 and int64). */
  | 'bitcast'
  /** (index, offset, key0, key1) of int32 to int32: word 0 of Philox 4x32-10 at counter (index, offset, 0, 0). Salmon et al. 2011. */
  | 'philox';

/** References to earlier instructions of the same list. */
export type Value = number;

/**
 * A linear function of a kernel's loop coordinates: `offset + Σ strides[d] * coordinate[d]`, in elements. The
 * coordinates are the kernel's extents followed by its reduction's extents (epilogues see only the former).
 */
export interface Affine {
  readonly offset: number;
  readonly strides: readonly number[];
}

/** `0 <= affine < size` must hold. */
export interface Bound extends Affine {
  readonly size: number;
}

/** Where an element of a buffer lies, and when it may be touched: where a guard fails, a load gives 0. */
export interface Access extends Affine {
  /** Index into the program's buffers. */
  readonly buffer: number;
  readonly guards: readonly Bound[];
}

export type Instruction =
  | { readonly op: 'const'; readonly dtype: DType; readonly value: number | bigint }
  /** A number given at each run (a learning rate, a seed): index into the program's params. */
  | { readonly op: 'param'; readonly dtype: DType; readonly index: number }
  /** The value of an affine function of the loop coordinates. */
  | { readonly op: 'index'; readonly dtype: DType; readonly affine: Affine }
  /** An element of a buffer. */
  | { readonly op: 'load'; readonly dtype: DType; readonly access: Access }
  /** An element of a buffer at `access + clamp(args[0], 0, size - 1)`: an index that depends on data. */
  | {
      readonly op: 'gather';
      readonly dtype: DType;
      readonly access: Access;
      readonly size: number;
      readonly args: readonly [Value];
    }
  /** Whether all guards hold here. */
  | { readonly op: 'inside'; readonly dtype: 'bool'; readonly guards: readonly Bound[] }
  /** In an epilogue: the producer's result number `index` at this coordinate. */
  | { readonly op: 'result'; readonly dtype: DType; readonly index: number }
  | { readonly op: ScalarOp; readonly dtype: DType; readonly args: readonly Value[] };
