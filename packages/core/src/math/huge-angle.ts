// Reduction of angles of any size by a fraction of a turn, in float64.
import type { Value } from '../scalar.ts';
import type { MathCode } from './code.ts';

/** An angle (float64), and in the low bits of `turns` how many fractions of a turn were taken from it. */
export interface Turned {
  readonly angle: Value;
  readonly turns: Value;
}

/** 1 / 2π in contiguous parts of 29 bits: a float32 times each is exact in float64. */
const reciprocalParts = [
  0.15915494319051504, -9.8619706151437114e-11, 5.6900251841488254e-19, -1.452834461901058e-28,
  -4.2254835729080851e-37, -4.6593797695264385e-45, 9.3011871962943476e-54,
];

/**
 * The angle x - (n + offset) 2π / perTurn next to 0, with the low bits of n (+ 1 if there is an offset).
 *
 * The idea is Payne and Hanek's (1983): only some bits of 1 / 2π matter to the fraction of x / 2π, those above make
 * whole turns. Here every part is multiplied and loses its whole turns, which costs little more than choosing, and
 * the rest is summed from the leading part on after the subtraction, so that what cancels cancels exactly.
 */
export function reduceHuge(c: MathCode, x: Value, perTurn: number, offset: number): Turned {
  const wide = c.widen(x);
  const fractions = reciprocalParts.map((part) => {
    const turns = c.mul(wide, c.wideConstant(part));
    return c.sub(turns, c.round(turns));
  });
  const sum = fractions.reduce((total, fraction) => c.add(total, fraction));
  const steps = c.fma(sum, c.wideConstant(perTurn), c.wideConstant(-offset));
  const n = c.roundScaledWide(steps, 1, Math.ceil(offset));
  const taken = c.fma(n.float, c.wideConstant(-1 / perTurn), c.wideConstant(-offset / perTurn));
  const rest = fractions.reduce((total, fraction) => c.add(total, fraction), taken);
  return { angle: c.mul(rest, c.wideConstant(2 * Math.PI)), turns: c.lowBits(n.bits) };
}
