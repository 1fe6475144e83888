// Whether two runs of a program saw the same.
import type { Configuration, Observation, Trace, Values } from './run.ts';
import { staleCode } from './run.ts';

export interface Difference {
  /** The instruction that differs. */
  readonly at: number;
  readonly message: string;
  /** Other values, or an error where there is none in the reference. */
  readonly kind: 'values' | 'error';
}

/** The runs that others are compared with: every op computed by itself, in float32 and, where need be, in float64. */
export interface Reference {
  readonly single: Trace;
  double(): Promise<Trace>;
}

/**
 * What rounding may do to a float32 value that is made of values up to `scale`: some hundreds of operations, each
 * off by half a unit in the last place (2^-24), amplified by what the function does with its inputs. How much that
 * is shows in how far float32 and float64 lie apart; one such sample may be lucky, hence the factor.
 */
const roundings = 2 ** -17;
const amplification = 64;
/** float32 ends at 3.4e38, and its intermediate values with it. */
const largestCompared = 1e30;

const formatValue = (value: number | bigint): string => (Object.is(value, -0) ? '0' : String(value));

/** How far apart float values may lie that are not exact; null where they say nothing. */
function toleranceOf(single: Values, double: Values): number | null {
  if (double.scale > largestCompared) return null;
  let apart = 0;
  for (let i = 0; i < single.values.length; i++) {
    const distance = Math.abs(Number(single.values[i]) - Number(double.values[i]));
    if (Number.isFinite(distance)) apart = Math.max(apart, distance);
  }
  return roundings * double.scale + amplification * apart;
}

function differenceOf(values: Values, single: Values, tolerance: number): string | null {
  if (values.dtype !== single.dtype) return `dtype ${values.dtype}, expected ${single.dtype}`;
  if (values.shape.join() !== single.shape.join())
    return `shape [${values.shape.join(', ')}], expected [${single.shape.join(', ')}]`;
  for (let i = 0; i < single.values.length; i++) {
    const [found, expected] = [values.values[i], single.values[i]];
    // Zeros of either sign are equal, and so is NaN.
    if (found === expected || Object.is(found, expected)) continue;
    if (Math.abs(Number(found) - Number(expected)) <= tolerance) continue;
    const within = tolerance > 0 ? ` within ${tolerance.toExponential(1)}` : '';
    return `element ${i} is ${formatValue(found)}, expected ${formatValue(expected)}${within}`;
  }
  return null;
}

/** @param exact whether the values seen at an instruction have no rounding in them. */
export async function compareTraces(
  trace: Trace,
  { single, double }: Reference,
  exact: (at: number) => boolean,
  configuration: Configuration,
): Promise<Difference | null> {
  for (let at = 0; at < trace.length; at++) {
    const [found, expected] = [trace[at], single[at]];
    const error = compareKinds(found, expected, configuration);
    if (error !== null) return { at, message: error, kind: 'error' };
    if (found.kind !== 'values' || expected.kind !== 'values') continue;
    let message = differenceOf(found, expected, 0);
    if (message !== null && !exact(at)) {
      const wide = (await double())[at];
      const tolerance = wide.kind === 'values' ? toleranceOf(expected, wide) : null;
      message = tolerance === null ? null : differenceOf(found, expected, tolerance);
    }
    if (message !== null) return { at, message, kind: 'values' };
  }
  return null;
}

function compareKinds(
  found: Observation,
  expected: Observation,
  { mayBeStale = false }: Configuration,
): string | null {
  if (found.kind === 'error' && found.code === 'CRASH') return found.message;
  if (expected.kind === 'error' && expected.code === 'CRASH') return `reference: ${expected.message}`;
  if (found.kind === 'error' && found.code === staleCode && mayBeStale) {
    const namesCure = /realize|memoryPolicy/.test(found.message);
    return namesCure ? null : `the error does not name the cure: ${found.message}`;
  }
  const same =
    found.kind === 'error' && expected.kind === 'error'
      ? found.code === expected.code
      : found.kind === expected.kind;
  return same ? null : `${describe(found)}, expected ${describe(expected)}`;
}

function describe(observation: Observation): string {
  if (observation.kind !== 'error') return observation.kind === 'missing' ? 'no value' : observation.kind;
  return `${observation.code}: ${observation.message}`;
}
