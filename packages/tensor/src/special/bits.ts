// Functions of a float's representation: its neighbours, its mantissa and exponent.
import { checkOptions, DTypeError, isFloat } from '@nn/core';
import { castTo, promote, requireTensor } from '../dispatch.ts';
import { deliverEach, type OutOptions, type OutsOptions } from '../out.ts';
import type { Tensor } from '../tensor.ts';
import { binaryFormula, choose, type Formula, unaryFormula } from './formula.ts';

/** Where the numbers that are normal begin, and what makes the others so. */
interface Layout {
  readonly integer: 'int32' | 'int64';
  readonly mantissaBits: number;
  readonly bias: number;
}
const layoutOf = (x: Formula): Layout =>
  x.isDouble
    ? { integer: 'int64', mantissaBits: 52, bias: 1023 }
    : { integer: 'int32', mantissaBits: 23, bias: 127 };

function nextafterFormula(x: Formula, y: Formula): Formula {
  const { integer, mantissaBits, bias } = layoutOf(x);
  const bits = x.bitcast(integer);
  // Magnitudes grow with their bits.
  const outward = x
    .lt(y)
    .and(x.gt(0))
    .or(y.lt(x).and(x.lt(0)));
  const moved = outward.select(bits.add(1), bits.sub(1)).bitcast(x.dtype);
  const least = x.constant(2 ** (1 - bias - mantissaBits));
  return choose(
    [
      [x.isNaN(), x],
      [y.isNaN().or(x.eq(y)), y],
      [x.eq(0), y.lt(0).select(least.neg(), least)],
    ],
    moved,
  );
}

const nextafterOp = binaryFormula('nextafter', nextafterFormula);

/**
 * `torch.nextafter`: the next representable number after x toward y.
 *
 * @throws {DTypeError} unless both promote to float32 or float64.
 */
export function nextafter(x: Tensor, y: Tensor, options?: OutOptions): Tensor {
  const dtype = promote(requireTensor('nextafter', x), requireTensor('nextafter', y));
  if (dtype !== 'float32' && dtype !== 'float64')
    throw new DTypeError(`nextafter: takes float32 and float64 tensors, got ${x.dtype} and ${y.dtype}`);
  return nextafterOp(x, y, options);
}

/** The e of x = m 2^e, 1/2 <= |m| < 1; 0 for zeros, infinities and NaN. */
function exponentOf(x: Formula): Formula {
  const { integer, mantissaBits, bias } = layoutOf(x);
  const a = x.abs();
  const subnormal = a.lt(2 ** (1 - bias));
  const normal = subnormal.select(a.mul(2 ** (mantissaBits + 1)), a);
  const field = normal.bitcast(integer).shiftRight(mantissaBits).cast(x.dtype);
  const exponent = field.sub(subnormal.select(x.constant(bias + mantissaBits), bias - 1));
  return a.gt(0).and(a.lt(Infinity)).select(exponent, 0);
}

/** 2^n for n within the normal exponents. */
function powerOfTwo(n: Formula): Formula {
  const { integer, mantissaBits, bias } = layoutOf(n);
  return n.add(bias).cast(integer).shiftLeft(mantissaBits).bitcast(n.dtype);
}

const frexpExponent = unaryFormula('frexpExponent', exponentOf, (g) => g.mul(0));

const frexpMantissa = unaryFormula(
  'frexpMantissa',
  (x) => {
    const exponent = exponentOf(x);
    const half = exponent.mul(0.5).trunc();
    return x.mul(powerOfTwo(half.neg())).mul(powerOfTwo(half.sub(exponent)));
  },
  (g, x) => g.div(frexpExponent(x).exp2()),
);

/** x = mantissa · 2^exponent. */
export interface Frexp {
  readonly mantissa: Tensor;
  readonly exponent: Tensor;
}

/**
 * `torch.frexp`: x as mantissa · 2^exponent with 1/2 <= |mantissa| < 1 and an int32 exponent. Zeros, infinities and
 * NaN are their own mantissa, with exponent 0. The mantissa is differentiable.
 *
 * @example
 * ```ts
 * import { frexp, interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const { mantissa, exponent } = frexp(tensor([3, 0.125]));
 * console.log(await mantissa.toArray(), await exponent.toArray()); // => [0.75, 0.5] [2, -2]
 * ```
 *
 * @throws {DTypeError} for integer and bool tensors.
 */
export function frexp(x: Tensor, options?: OutsOptions<Frexp>): Frexp {
  checkOptions('frexp', options, ['out']);
  if (!isFloat(requireTensor('frexp', x).dtype))
    throw new DTypeError(`frexp: takes float tensors, got ${x.dtype}. Cast it with to()`);
  const parts = { mantissa: frexpMantissa(x), exponent: castTo(frexpExponent(x), 'int32') };
  return deliverEach('frexp', parts, options, [x]);
}
