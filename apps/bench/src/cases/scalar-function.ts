// Functions of numbers: versions of each implementation, and in plain float64.
import type { Tolerance, Versions } from '../benchmark.ts';

export interface ScalarFunction {
  readonly name: string;
  /** Default 1. */
  readonly operands?: number;
  /** The range of inputs. Default -3 to 3. */
  readonly low?: number;
  readonly high?: number;
  readonly reference: (...values: number[]) => number;
  readonly versions: Versions;
}

/** Peers approximate: jax-js powers and softplus to 2e-5 of the value, TensorFlow.js tanh to 1e-6. */
export const approximate: Tolerance = { absolute: 1e-5, relative: 3e-5 };

/** The error function by its Maclaurin series: exact to 1e-12 within ±3. */
export function erf(x: number): number {
  let power = x;
  let sum = x;
  for (let n = 1; n < 60; n++) {
    power *= -(x ** 2) / n;
    sum += power / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
export const softplus = (x: number): number => Math.log1p(Math.exp(x));
export const clamp = (x: number, low: number, high: number): number => Math.min(high, Math.max(low, x));
