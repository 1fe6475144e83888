// Whether two runs of a program saw the same.
import { isDType, isFloat } from '@nn/tensor';
import type { Configuration, Observation, Trace, Values } from './run.ts';
import { staleCode } from './run.ts';

export interface Difference {
  /** The instruction that differs. */
  readonly at: number;
  readonly message: string;
}

/** The runs that others are compared with: every op computed by itself, in float32 and in float64. */
export interface Reference {
  readonly single: Trace;
  readonly double: Trace;
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

function differenceOf(values: Values, single: Values, double: Values, exact: boolean): string | null {
  if (values.dtype !== single.dtype) return `dtype ${values.dtype}, expected ${single.dtype}`;
  if (values.shape.join() !== single.shape.join())
    return `shape [${values.shape.join(', ')}], expected [${single.shape.join(', ')}]`;
  const float = isDType(values.dtype) && isFloat(values.dtype);
  let tolerance = 0;
  if (float && !exact) {
    let apart = 0;
    for (let i = 0; i < single.values.length; i++) {
      const distance = Math.abs(Number(single.values[i]) - Number(double.values[i]));
      if (Number.isFinite(distance)) apart = Math.max(apart, distance);
    }
    if (double.scale > largestCompared) return null;
    tolerance = roundings * double.scale + amplification * apart;
  }
  for (let i = 0; i < single.values.length; i++) {
    const [found, expected] = [values.values[i], single.values[i]];
    if (found === expected || Object.is(found, expected)) continue;
    if (Math.abs(Number(found) - Number(expected)) <= tolerance) continue;
    return (
      `element ${i} is ${formatValue(found)}, expected ${formatValue(expected)}` +
      (tolerance > 0 ? ` within ${tolerance.toExponential(1)}` : '')
    );
  }
  return null;
}

/** @param exact whether the values seen at an instruction have no rounding in them. */
export function compareTraces(
  trace: Trace,
  { single, double }: Reference,
  exact: (at: number) => boolean,
  configuration: Configuration,
): Difference | null {
  for (let at = 0; at < trace.length; at++) {
    const message = compareObservations(trace[at], single[at], double[at], exact(at), configuration);
    if (message !== null) return { at, message };
  }
  return null;
}

function compareObservations(
  found: Observation,
  expected: Observation,
  double: Observation,
  exact: boolean,
  { mayBeStale = false }: Configuration,
): string | null {
  if (found.kind === 'error' && found.code === 'CRASH') return found.message;
  if (expected.kind === 'error' && expected.code === 'CRASH') return `reference: ${expected.message}`;
  if (found.kind === 'error' && found.code === staleCode && mayBeStale) {
    const namesCure = /realize|memoryPolicy/.test(found.message);
    return namesCure ? null : `the error does not name the cure: ${found.message}`;
  }
  if (
    found.kind !== expected.kind ||
    (found.kind === 'error' && found.code !== (expected as typeof found).code)
  )
    return `${describe(found)}, expected ${describe(expected)}`;
  if (found.kind !== 'values' || expected.kind !== 'values') return null;
  if (double.kind !== 'values') return null;
  return differenceOf(found, expected, double, exact);
}

function describe(observation: Observation): string {
  if (observation.kind !== 'error') return observation.kind === 'missing' ? 'no value' : observation.kind;
  return `${observation.code}: ${observation.message}`;
}
