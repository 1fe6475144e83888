// sin, cos and tan.
import type { Value } from '../scalar.ts';
import type { MathCode, Rounded } from './code.ts';
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

/** What is left of an angle, r - rest, after multiples of π or π/2; and how many, in the low bits of `turns`. */
interface Reduced {
  readonly r: Value;
  readonly rest: Value;
  readonly turns: Value;
}

/**
 * x - (n + offset) 2π / perTurn for moderate x. The last part of the constant is apart, to be added to the small
 * terms: taken from r it would round r twice.
 */
function reduceModerate(c: MathCode, x: Value, n: Rounded, perTurn: 2 | 4, offset: number): Reduced {
  const multiple = offset === 0 ? n.float : c.add(n.float, c.constant(offset));
  const parts = piParts.map((part) => (part * 2) / perTurn);
  const rest = c.mul(multiple, c.constant((piRest * 2) / perTurn));
  return { r: c.reduce(x, multiple, parts), rest, turns: n.bits };
}

const isHuge = (c: MathCode, x: Value): Value => c.compare('lt', c.constant(moderate), c.abs(x));

/**
 * The reduction of any x from that of a moderate one and the angle of a huge one. Only huge lanes need the latter,
 * so that an emitter may skip it where there are none.
 */
function settle(c: MathCode, x: Value, near: Reduced, farAngle: Value, farRest: Value): Reduced {
  return {
    r: c.where(isHuge(c, x), farAngle, near.r),
    rest: c.where(isHuge(c, x), farRest, near.rest),
    turns: near.turns,
  };
}

/** Without float64, what is left of a huge angle is noise: keeps it where the polynomials are bounded. */
function settleNarrow(c: MathCode, x: Value, near: Reduced, perTurn: 2 | 4): Reduced {
  const bound = Math.PI / perTurn;
  return settle(c, x, near, c.atLeast(c.atMost(near.r, bound), -bound), c.constant(0));
}

/** (-1)^turns sin(r - rest), |r| <= π/2, r being near's or, with its own turns, that of a huge x. */
function sinOfReduced(c: MathCode, x: Value, near: Reduced, offset: number): Value {
  let angle: Reduced;
  if (c.wide) {
    const far = reduceHuge(c, x, 2, offset);
    const sign = c.shiftLeft(c.xor(far.turns, near.turns), 31);
    angle = settle(c, x, near, c.floatOf(c.xor(c.bitsOf(c.narrow(far.angle)), sign)), c.constant(0));
  } else {
    angle = settleNarrow(c, x, near, 2);
  }
  const square = c.mul(angle.r, angle.r);
  const small = c.fma(c.polynomial(square, sinCoefficients), c.mul(square, angle.r), angle.rest);
  return c.floatOf(c.xor(c.bitsOf(c.sub(angle.r, small)), c.shiftLeft(near.turns, 31)));
}

export function sin(c: MathCode, x: Value): Value {
  const n = c.roundScaled(x, 1 / Math.PI, 0);
  return sinOfReduced(c, x, reduceModerate(c, x, n, 2, 0), 0);
}

/** By odd multiples of π/2, where cos is (-1)^(n + 1) sin: relative accuracy at its zeros. */
export function cos(c: MathCode, x: Value): Value {
  const shifted = c.fma(x, c.constant(1 / Math.PI), c.constant(-0.5));
  const n = c.roundScaled(shifted, 1, 1);
  return sinOfReduced(c, x, reduceModerate(c, x, n, 2, 0.5), 0.5);
}

/** Minimax for (1 - tan r / r) / r² in r², |r| <= π/4, to a relative error of 2^-25.7 in tan r. */
const tanCoefficients = [
  -0.333331555, -0.13338846, -0.0534068793, -0.0244471505, -0.00309078838, -0.00940370187,
];

/**
 * As `reduceModerate`, and `rest` has what rounding r lost too (Dekker 1971): tan is up to twice as steep as its
 * argument.
 */
function reduceForTan(c: MathCode, x: Value): Reduced {
  const n = c.roundScaled(x, 2 / Math.PI, 0);
  const [first, second, third] = piParts.map((part) => part / 2);
  const exact = c.reduce(x, n.float, [first, second]);
  const taken = c.mul(n.float, c.constant(third));
  const r = c.sub(exact, taken);
  const lost = c.sub(c.sub(exact, r), taken);
  return { r, rest: c.sub(c.mul(n.float, c.constant(piRest / 2)), lost), turns: n.bits };
}

/** tan of what is left, or after an odd number of right angles its negated reciprocal. */
export function tan(c: MathCode, x: Value): Value {
  const near = reduceForTan(c, x);
  let angle: Reduced;
  if (c.wide) {
    const far = reduceHuge(c, x, 4, 0);
    const r = c.narrow(far.angle);
    const turns = c.where(isHuge(c, x), far.turns, near.turns);
    angle = { ...settle(c, x, near, r, c.narrow(c.sub(c.widen(r), far.angle))), turns };
  } else {
    angle = settleNarrow(c, x, near, 4);
  }
  const square = c.mul(angle.r, angle.r);
  const rest = c.fma(angle.rest, square, angle.rest);
  const small = c.fma(c.polynomial(square, tanCoefficients), c.mul(square, angle.r), rest);
  const tangent = c.sub(angle.r, small);
  const isEven = c.compare('eq', c.and(angle.turns, c.integer(1)), c.integer(0));
  return c.where(isEven, tangent, c.div(c.constant(-1), tangent));
}
