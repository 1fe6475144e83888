// Orthogonal polynomials of an order that each element brings along.
//
// Orders are cut to integers; below 0 the polynomial is 0. Low orders come from the recurrence (DLMF 18.9), unrolled.
// Chebyshev's of higher ones come from their closed forms (DLMF 18.5). The others have none: from there on the recurrence
// goes on step by step, up to the highest order there is.
import { ArgumentError, backendOf } from '@nn/core';
import { activeCall } from '../active.ts';
import { where } from '../blending.ts';
import { asOperand, castTo } from '../dispatch.ts';
import { isTransforming } from '../op-transform.ts';
import type { BinaryOperands, Operand } from '../operands.ts';
import { deliverOnly, elementwise } from '../out.ts';
import { dataSync } from '../reading.ts';
import { Tensor } from '../tensor.ts';
import { binaryFormula, choose, type Formula, formulaWithConstants } from './formula.ts';

/** Of orders in a tensor: a kernel computes all of them. */
const highestUnrolled = 64;
/** Of a number as the order. */
const highestFixed = 512;
/** A step is a few operations to record. */
const highestOrder = 10_000;

/** What formulas and tensors have in common. */
interface Arithmetic<T> {
  add(other: T | number): T;
  sub(other: T | number): T;
  mul(other: T | number): T;
  div(other: T | number): T;
}

interface Recurrence {
  /** Of order 1; that of order 0 is 1. */
  readonly first: <T extends Arithmetic<T>>(x: T) => T;
  /** Of order k, from those of orders k - 1 and k - 2. */
  readonly next: <T extends Arithmetic<T>>(x: T, k: number, last: T, beforeLast: T) => T;
}

/** Orders 0, 1, …, `highest`. */
function sequence(x: Formula, { first, next }: Recurrence, highest: number): Formula[] {
  const values = [x.constant(1), first(x)];
  for (let k = 2; k <= highest; k++) values.push(next(x, k, values[k - 1], values[k - 2]));
  return values.slice(0, highest + 1);
}

function byOrder(x: Formula, n: Formula, recurrence: Recurrence, highest: number, beyond: Formula): Formula {
  const values = sequence(x, recurrence, highest);
  const cases = values.map((value, k) => [n.eq(k), value] as const);
  return choose([[n.ge(0).not(), 0], ...cases], beyond);
}

const isOdd = (n: Formula): Formula => n.mul(0.5).floor().mul(2).lt(n);

type ChebyshevKind = 'T' | 'U' | 'V' | 'W';

const chebyshevRecurrences: { readonly [K in ChebyshevKind]: Recurrence } = {
  T: { first: (x) => x, next: (x, _, last, beforeLast) => x.add(x).mul(last).sub(beforeLast) },
  U: { first: (x) => x.add(x), next: (x, _, last, beforeLast) => x.add(x).mul(last).sub(beforeLast) },
  V: { first: (x) => x.add(x).sub(1), next: (x, _, last, beforeLast) => x.add(x).mul(last).sub(beforeLast) },
  W: { first: (x) => x.add(x).add(1), next: (x, _, last, beforeLast) => x.add(x).mul(last).sub(beforeLast) },
};
/** Up to here the recurrence is as exact as the closed form. */
const chebyshevRecurrenceOrder = 8;

/** Closed forms in θ: x = cos θ where |x| < 1, |x| = cosh θ beyond. */
function closedChebyshev(kind: ChebyshevKind, x: Formula, n: Formula): Formula {
  const size = x.abs();
  const angle = x.max(-1).min(1).acos();
  const growth = size.max(1).acosh();
  const signed = (value: Formula): Formula => x.lt(0).and(isOdd(n)).select(value.neg(), value);
  const half = n.add(0.5);
  const sineRatio = (t: Formula): Formula => half.mul(t).sin().div(t.mul(0.5).sin());
  const cosineRatio = (t: Formula): Formula => half.mul(t).cos().div(t.mul(0.5).cos());
  const sinhRatio = half.mul(growth).sinh().div(growth.mul(0.5).sinh());
  const coshRatio = half.mul(growth).cosh().div(growth.mul(0.5).cosh());
  const twiceAndOne = n.add(n).add(1);
  const isLeft = x.lt(0);
  let inside: Formula;
  let outside: Formula;
  let atOne: Formula;
  let atMinusOne: Formula;
  switch (kind) {
    case 'T':
      inside = n.mul(angle).cos();
      outside = n.mul(growth).cosh();
      atOne = x.constant(1);
      atMinusOne = atOne;
      break;
    case 'U':
      inside = n.add(1).mul(angle).sin().div(angle.sin());
      outside = n.add(1).mul(growth).sinh().div(growth.sinh());
      atOne = n.add(1);
      atMinusOne = atOne;
      break;
    case 'V':
      inside = cosineRatio(angle);
      outside = isLeft.select(sinhRatio, coshRatio);
      atOne = x.constant(1);
      atMinusOne = twiceAndOne;
      break;
    case 'W':
      inside = sineRatio(angle);
      outside = isLeft.select(coshRatio, sinhRatio);
      atOne = twiceAndOne;
      atMinusOne = x.constant(1);
      break;
  }
  return choose(
    [
      [x.isNaN(), x],
      [size.lt(1), inside],
      [size.eq(1), signed(isLeft.select(atMinusOne, atOne))],
    ],
    signed(outside),
  );
}

function chebyshevPolynomial(kind: ChebyshevKind, shifted: boolean): BinaryOperands {
  const name = `${shifted ? 'shiftedChebyshev' : 'chebyshev'}Polynomial${kind}`;
  return binaryFormula(name, (given, order) => {
    const n = order.trunc();
    const x = shifted ? given.add(given).sub(1) : given;
    const closed = closedChebyshev(kind, x, n);
    return byOrder(x, n, chebyshevRecurrences[kind], chebyshevRecurrenceOrder, closed);
  });
}

/** The highest of orders that are at hand, or on a device that can be read at once; else 0. */
function highestOf(name: string, orders: Tensor): number {
  const isHalf = orders.dtype.endsWith('float16');
  let host = isHalf ? undefined : orders.node.state?.host;
  if (host === undefined && activeCall === null && !isTransforming()) {
    const { synchronousRead } = backendOf(orders.device).capabilities;
    if (synchronousRead) host = dataSync(isHalf ? castTo(orders, 'float32') : orders);
  }
  let highest = 0;
  for (const each of host ?? []) if (each > highest) highest = Number(each);
  if (highest < highestOrder + 1) return Math.trunc(highest);
  throw new ArgumentError(`${name}: n must be at most ${highestOrder}, got ${highest}`);
}

/** `edge`: the value for any order where it is known, with the condition. */
function polynomialByRecurrence(
  name: string,
  recurrence: Recurrence,
  edge?: (x: Formula, n: Formula) => readonly [Formula, Formula],
): BinaryOperands {
  const ofTensor = binaryFormula(name, (x, order) => {
    const n = order.trunc();
    const value = byOrder(x, n, recurrence, highestUnrolled, x.constant(Number.NaN));
    if (edge === undefined) return value;
    const [condition, known] = edge(x, n);
    return condition.and(n.ge(0)).select(known, value);
  });
  const ofNumber = formulaWithConstants(`${name} of order`, (x, [n]) => {
    if (n < 0) return x.constant(0);
    const value = sequence(x, recurrence, n)[n];
    if (edge === undefined) return value;
    const [condition, known] = edge(x, x.constant(n));
    return condition.select(known, value);
  });
  const value = (x: Operand, n: Operand): Tensor => {
    if (x instanceof Tensor && !(n instanceof Tensor)) {
      const order = Math.trunc(Number(n));
      if (!(order <= highestOrder))
        throw new ArgumentError(`${name}: n must be at most ${highestOrder}, got ${String(n)}`);
      if (order <= highestFixed) return ofNumber(x, [Math.max(order, -1)]);
    }
    const values = ofTensor(x, n);
    const highest = n instanceof Tensor ? highestOf(name, n) : Number(n);
    if (highest <= highestUnrolled) return values;
    // Halves are computed in float32, as in the kernels.
    const dtype = values.dtype === 'float64' ? 'float64' : 'float32';
    const given = asOperand(name, x, dtype);
    const order = asOperand(name, n, dtype).trunc();
    let beforeLast = ofNumber(given, [highestUnrolled - 1]);
    let last = ofNumber(given, [highestUnrolled]);
    let result = castTo(values, dtype);
    for (let k = highestUnrolled + 1; k <= highest; k++) {
      [beforeLast, last] = [last, recurrence.next(given, k, last, beforeLast)];
      result = where(order.eq(k), last, result);
    }
    return castTo(result, values.dtype);
  };
  return (x, n, options) => deliverOnly(name, value(x, n), options, [x, n], elementwise);
}

/**
 * `torch.special.chebyshev_polynomial_t`: cos(n acos x). Broadcasts; one of the two may be a number.
 *
 * @example
 * ```ts
 * import { interpreter, special, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await special.chebyshevPolynomialT(tensor([0.5, 2]), 3).toArray()); // => [-1, 26]
 * ```
 */
export const chebyshevPolynomialT: BinaryOperands = chebyshevPolynomial('T', false);
/** `torch.special.chebyshev_polynomial_u`: of the second kind. */
export const chebyshevPolynomialU: BinaryOperands = chebyshevPolynomial('U', false);
/** `torch.special.chebyshev_polynomial_v`: of the third kind. */
export const chebyshevPolynomialV: BinaryOperands = chebyshevPolynomial('V', false);
/** `torch.special.chebyshev_polynomial_w`: of the fourth kind. */
export const chebyshevPolynomialW: BinaryOperands = chebyshevPolynomial('W', false);
/** `torch.special.shifted_chebyshev_polynomial_t`: T of 2x - 1. */
export const shiftedChebyshevPolynomialT: BinaryOperands = chebyshevPolynomial('T', true);
/** `torch.special.shifted_chebyshev_polynomial_u`: U of 2x - 1. */
export const shiftedChebyshevPolynomialU: BinaryOperands = chebyshevPolynomial('U', true);
/** `torch.special.shifted_chebyshev_polynomial_v`: V of 2x - 1. */
export const shiftedChebyshevPolynomialV: BinaryOperands = chebyshevPolynomial('V', true);
/** `torch.special.shifted_chebyshev_polynomial_w`: W of 2x - 1. */
export const shiftedChebyshevPolynomialW: BinaryOperands = chebyshevPolynomial('W', true);

/**
 * `torch.special.hermite_polynomial_h`: the physicist's. Orders may be up to 10,000; in a tensor that cannot be read
 * at once (on WebGPU, in `vmap` or a compiled function) those beyond 64 give NaN.
 *
 * @throws {ArgumentError} for higher orders.
 */
export const hermitePolynomialH: BinaryOperands = polynomialByRecurrence('hermitePolynomialH', {
  first: (x) => x.add(x),
  next: (x, k, last, beforeLast) =>
    x
      .add(x)
      .mul(last)
      .sub(beforeLast.mul(2 * k - 2)),
});

/** `torch.special.hermite_polynomial_he`: the probabilist's. Orders as for `hermitePolynomialH`. */
export const hermitePolynomialHe: BinaryOperands = polynomialByRecurrence('hermitePolynomialHe', {
  first: (x) => x,
  next: (x, k, last, beforeLast) => x.mul(last).sub(beforeLast.mul(k - 1)),
});

/** `torch.special.laguerre_polynomial_l`. Orders as for `hermitePolynomialH`. */
export const laguerrePolynomialL: BinaryOperands = polynomialByRecurrence(
  'laguerrePolynomialL',
  {
    first: (x) => x.mul(-1).add(1),
    next: (x, k, last, beforeLast) =>
      last
        .mul(2 * k - 1)
        .sub(x.mul(last))
        .sub(beforeLast.mul(k - 1))
        .div(k),
  },
  (x) => [x.eq(0), x.constant(1)],
);

/** `torch.special.legendre_polynomial_p`. Orders as for `hermitePolynomialH`. */
export const legendrePolynomialP: BinaryOperands = polynomialByRecurrence(
  'legendrePolynomialP',
  {
    first: (x) => x,
    next: (x, k, last, beforeLast) =>
      x
        .mul(2 * k - 1)
        .mul(last)
        .sub(beforeLast.mul(k - 1))
        .div(k),
  },
  (x, n) => [x.abs().eq(1), x.lt(0).and(isOdd(n)).select(x.constant(-1), 1)],
);
