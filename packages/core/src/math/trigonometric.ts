// sin, cos and tan.
import type { Value } from '../scalar.ts';
import type { Float32Code } from './float32.ts';
import { reduceHuge } from './huge-angle.ts';

/** Beyond it a multiple of π no longer has the 12 bits that `piParts` allow. */
const moderate = 6000;
/**
 * π in parts of 9, 12, 11 and 24 bits: the first two leave a difference that is exact. None is negative, so that
 * the multiple 0 leaves -0 alone.
 */
const piParts = [3.140625, 0.00096750259399414062, 1.5099067240953445e-7];
const piRest = 5.1266881365141792e-12;
/** Minimax for (1 - sin r / r) / r² in r², |r| <= π/2, to a relative error of 2^-27 in sin r. */
const sinCoefficients = [0.166666597, -0.00833306927, 0.000198097667, -2.60604702e-6];

/**
 * sin or cos of x from n next to x / π, half-odd for cos, and turns, odd where the sign changes. The last part of
 * n π is added to the small terms: taken from r it would round r twice, which is too much where sin r is below a
 * power of two and r above.
 */
function sinFromTurns(c: Float32Code, x: Value, n: Value, turns: Value, offset: number): Value {
  const near = c.reduce(x, n, piParts);
  const nearRest = c.mul(n, c.constant(piRest));
  const isHuge = c.compare('lt', c.constant(moderate), c.abs(x));
  let r: Value;
  if (c.wide) {
    // Only such lanes need the second reduction, so that an emitter may skip it when there are none.
    const far = reduceHuge(c, x, 2, offset);
    const sign = c.shiftLeft(c.xor(far.turns, turns), 31);
    r = c.where(isHuge, c.floatOf(c.xor(c.bitsOf(far.angle), sign)), near);
  } else {
    // Without float64, what is left of so large an angle is noise: keep it where the polynomial is bounded.
    r = c.atLeast(c.atMost(near, Math.PI / 2), -Math.PI / 2);
  }
  const rest = c.where(isHuge, c.constant(0), nearRest);
  const square = c.mul(r, r);
  const small = c.fma(c.polynomial(square, sinCoefficients), c.mul(square, r), rest);
  return c.floatOf(c.xor(c.bitsOf(c.sub(r, small)), c.shiftLeft(turns, 31)));
}

export function sin(c: Float32Code, x: Value): Value {
  const n = c.roundScaled(x, 1 / Math.PI, 0);
  return sinFromTurns(c, x, n.float, n.bits, 0);
}

/** By odd multiples of π/2, where cos is (-1)^(n + 1) sin: relative accuracy at its zeros. */
export function cos(c: Float32Code, x: Value): Value {
  const shifted = c.fma(x, c.constant(1 / Math.PI), c.constant(-0.5));
  const n = c.roundScaled(shifted, 1, 1);
  return sinFromTurns(c, x, c.add(n.float, c.constant(0.5)), n.bits, 0.5);
}
