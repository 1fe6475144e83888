// The vocabulary that the expansions share: one method a line of a formula.
import type { ExpressionBuilder } from '../expression.ts';
import type { CompareOp, Value } from '../scalar.ts';
import type { MathOptions } from './options.ts';

/** Adding it to |y| < 2^22 leaves y, rounded to an integer, in the low bits of the mantissa. */
const roundingShift = 1.5 * 2 ** 23;
/** The same for float64. */
const wideRoundingShift = 1.5 * 2 ** 52;

/** An integer as a float, and in the low bits of an integer as wide, whose other bits are unspecified. */
export interface Rounded {
  readonly float: Value;
  readonly bits: Value;
}

export class MathCode {
  readonly builder: ExpressionBuilder;
  readonly wide: boolean;
  readonly atMostZero: boolean;
  readonly fused: boolean;

  constructor(builder: ExpressionBuilder, options: MathOptions) {
    this.builder = builder;
    this.wide = options.wide ?? true;
    this.atMostZero = options.atMostZero ?? false;
    this.fused = options.fused ?? false;
  }

  constant(value: number): Value {
    return this.builder.constant(value, 'float32');
  }

  integer(value: number): Value {
    return this.builder.constant(value | 0, 'int32');
  }

  add(a: Value, b: Value): Value {
    return this.builder.binary('add', a, b);
  }

  sub(a: Value, b: Value): Value {
    return this.builder.binary('sub', a, b);
  }

  mul(a: Value, b: Value): Value {
    return this.builder.binary('mul', a, b);
  }

  div(a: Value, b: Value): Value {
    return this.builder.binary('div', a, b);
  }

  fma(a: Value, b: Value, c: Value): Value {
    return this.builder.fma(a, b, c);
  }

  abs(a: Value): Value {
    return this.builder.unary('abs', a);
  }

  sqrt(a: Value): Value {
    return this.builder.unary('sqrt', a);
  }

  and(a: Value, b: Value): Value {
    return this.builder.binary('and', a, b);
  }

  or(a: Value, b: Value): Value {
    return this.builder.binary('or', a, b);
  }

  xor(a: Value, b: Value): Value {
    return this.builder.binary('xor', a, b);
  }

  shiftLeft(a: Value, count: number): Value {
    return this.builder.binary('shiftLeft', a, this.integer(count));
  }

  /** A float64 constant. */
  wideConstant(value: number): Value {
    return this.builder.constant(value, 'float64');
  }

  /** The value as float64. */
  widen(a: Value): Value {
    return this.builder.cast(a, 'float64');
  }

  /** The value as float32. */
  narrow(a: Value): Value {
    return this.builder.cast(a, 'float32');
  }

  round(a: Value): Value {
    return this.builder.unary('round', a);
  }

  neg(a: Value): Value {
    return this.builder.unary('neg', a);
  }

  /** The bits of a float32 as an int32. */
  bitsOf(a: Value): Value {
    return this.builder.bitcast(a, 'int32');
  }

  /** The float32 with these bits. */
  floatOf(bits: Value): Value {
    return this.builder.bitcast(bits, 'float32');
  }

  compare(op: CompareOp, a: Value, b: Value): Value {
    return this.builder.compare(op, a, b);
  }

  where(condition: Value, a: Value, b: Value): Value {
    return this.builder.where(condition, a, b);
  }

  /** min(a, limit), NaN if a is; written as the compare and select that x86 has as one instruction (pmin). */
  atMost(a: Value, limit: number): Value {
    const bound = this.builder.constantLike(limit, a);
    return this.where(this.compare('lt', bound, a), bound, a);
  }

  /** max(a, limit), NaN if a is: pmax. */
  atLeast(a: Value, limit: number): Value {
    const bound = this.builder.constantLike(limit, a);
    return this.where(this.compare('lt', a, bound), bound, a);
  }

  /** c[0] + c[1] x + ..., by Horner's rule. */
  polynomial(x: Value, coefficients: readonly number[]): Value {
    const last = coefficients.length - 1;
    let sum = this.builder.constantLike(coefficients[last], x);
    for (let i = last - 1; i >= 0; i--) {
      sum = this.fma(sum, x, this.builder.constantLike(coefficients[i], x));
    }
    return sum;
  }

  /** The same by two shorter sums, of even and of odd powers, which need not wait for each other. */
  polynomialInHalves(x: Value, square: Value, coefficients: readonly number[]): Value {
    const even = coefficients.filter((_, power) => power % 2 === 0);
    const odd = coefficients.filter((_, power) => power % 2 === 1);
    return this.fma(this.polynomial(square, odd), x, this.polynomial(square, even));
  }

  /** x * factor rounded to an integer n, |n| < 2^22, with n + bias in `bits`. */
  roundScaled(x: Value, factor: number, bias: number): Rounded {
    if (this.wide) {
      const shift = this.constant(roundingShift + bias);
      const shifted = this.fma(x, this.constant(factor), shift);
      return { float: this.sub(shifted, shift), bits: this.bitsOf(shifted) };
    }
    const float = this.builder.unary('round', this.mul(x, this.constant(factor)));
    const integer = this.builder.cast(float, 'int32');
    return { float, bits: bias === 0 ? integer : this.add(integer, this.integer(bias)) };
  }

  /** The same of a float64 x, |x * factor| < 2^51. */
  roundScaledWide(x: Value, factor: number, bias: number): Rounded {
    const shift = this.wideConstant(wideRoundingShift + bias);
    const shifted = this.fma(x, this.wideConstant(factor), shift);
    return { float: this.sub(shifted, shift), bits: this.builder.bitcast(shifted, 'int64') };
  }

  /** The low half of an int64. */
  lowBits(wide: Value): Value {
    return this.builder.cast(wide, 'int32');
  }

  /** x - n * Σ parts: a reduction by a constant in parts so short that n times each but the last is exact (Cody and Waite 1980). */
  reduce(x: Value, n: Value, parts: readonly number[]): Value {
    return parts.reduce((rest, part) => this.fma(n, this.constant(-part), rest), x);
  }

  /** 2^(low bits - 127 of `exponent`). */
  powerOfTwo(exponent: Value): Value {
    return this.floatOf(this.shiftLeft(exponent, 23));
  }

  /** Whether the bits of a float32, taken as unsigned, lie outside of [low, high): by one sum and one comparison. */
  isOutside(x: Value, low: number, high: number): Value {
    const fromLeast = this.add(this.bitsOf(x), this.integer(0x80000000 - low));
    return this.compare('lt', this.integer(high - low - 1 - 0x80000000), fromLeast);
  }

  signOf(x: Value): Value {
    return this.and(this.bitsOf(x), this.integer(0x80000000));
  }

  /** A value without sign bit, with that of x. */
  withSignOf(magnitude: Value, x: Value): Value {
    return this.floatOf(this.or(this.bitsOf(magnitude), this.signOf(x)));
  }
}
