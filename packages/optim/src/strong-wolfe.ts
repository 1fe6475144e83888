// A line search for a step that satisfies the strong Wolfe conditions (Nocedal and Wright, Numerical Optimization,
// algorithms 3.5 and 3.6), by cubic interpolation, with the safeguards of PyTorch's.
import type { Tensor } from '@nn/tensor';
import type { Reading } from './host-course.ts';

/** The function along the direction, at one step. */
export interface Trial {
  readonly step: number;
  readonly loss: number;
  /** The derivative along the direction. */
  readonly slope: number;
  /** [elements] */
  readonly gradient: Tensor;
  /** The gradient's largest magnitude. */
  readonly largest: number;
}

/** Asks for readings while it goes on. */
type Search<T> = Generator<Reading, T, readonly number[]>;

/** Evaluates at a step; `kept` are the trials that are still needed. */
export type Evaluate = (step: number, kept: readonly Trial[]) => Search<Trial>;

export interface SearchOptions {
  /** The direction's largest magnitude: what a unit of step changes. */
  readonly reach: number;
  /** Steps that change less are not told apart. */
  readonly tolerance: number;
}

/** Sufficient decrease, curvature, and evaluations at most. */
const decrease = 1e-4;
const curvature = 0.9;
const mostTrials = 25;

/** The lowest point between two, by the cubic through values and slopes; within bounds. */
function cubicMinimum(
  a: Trial,
  b: Trial,
  [low, high]: readonly [number, number] = a.step <= b.step ? [a.step, b.step] : [b.step, a.step],
): number {
  const mean = a.slope + b.slope - (3 * (a.loss - b.loss)) / (a.step - b.step);
  const square = mean ** 2 - a.slope * b.slope;
  // Without a minimum, or with values that are no numbers, the middle.
  if (!(square >= 0)) return (low + high) / 2;
  const root = Math.sqrt(square);
  const [near, far] = a.step <= b.step ? [a, b] : [b, a];
  const part = (far.slope + root - mean) / (far.slope - near.slope + 2 * root);
  return Math.min(Math.max(far.step - (far.step - near.step) * part, low), high);
}

/** The trial that was found best, and how many were evaluated. */
export interface Found {
  readonly trial: Trial;
  readonly trials: number;
}

/** Searches from `start` (step 0) on; the first trial is at `firstStep`. */
export function* strongWolfe(
  evaluate: Evaluate,
  start: Trial,
  firstStep: number,
  options: SearchOptions,
): Search<Found> {
  const decreases = ({ step, loss }: Trial): boolean => loss <= start.loss + decrease * step * start.slope;
  const isFlat = ({ slope }: Trial): boolean => Math.abs(slope) <= -curvature * start.slope;
  let former = start;
  let latest = yield* evaluate(firstStep, [start]);
  let trials = 1;
  let bracket: [Trial, Trial] | null = null;
  // Goes on further until a minimum is bracketed.
  while (trials <= mostTrials) {
    if (!decreases(latest) || (trials > 2 && latest.loss >= former.loss)) {
      bracket = [former, latest];
      break;
    }
    if (isFlat(latest)) return { trial: latest, trials };
    if (latest.slope >= 0) {
      bracket = [former, latest];
      break;
    }
    const bounds = [latest.step + 0.01 * (latest.step - former.step), latest.step * 10] as const;
    const step = cubicMinimum(former, latest, bounds);
    former = latest;
    latest = yield* evaluate(step, [start, former]);
    trials++;
  }
  if (bracket === null) return { trial: start.loss <= latest.loss ? start : latest, trials };
  return yield* narrow(evaluate, start, bracket, trials, { ...options, decreases, isFlat });
}

interface NarrowOptions extends SearchOptions {
  decreases(trial: Trial): boolean;
  isFlat(trial: Trial): boolean;
}

/** Narrows a bracket down to a step that satisfies the conditions. */
function* narrow(
  evaluate: Evaluate,
  start: Trial,
  [first, second]: readonly [Trial, Trial],
  before: number,
  { reach, tolerance, decreases, isFlat }: NarrowOptions,
): Search<Found> {
  let trials = before;
  // Which of two equal ones counts as the lower follows their order in time, as in PyTorch.
  let [low, high] = first.loss <= second.loss ? [first, second] : [second, first];
  let lowIsFirst = low === first;
  let stalled = false;
  while (trials <= mostTrials) {
    if (Math.abs(high.step - low.step) * reach < tolerance) break;
    const [least, most] = low.step <= high.step ? [low.step, high.step] : [high.step, low.step];
    const guess = lowIsFirst ? cubicMinimum(low, high) : cubicMinimum(high, low);
    const margin = 0.1 * (most - least);
    let step = guess;
    if (Math.min(most - guess, guess - least) < margin) {
      // Too near to an end, twice in a row or just there: away from it by a tenth.
      if (stalled || guess >= most || guess <= least) {
        step = Math.abs(guess - most) < Math.abs(guess - least) ? most - margin : least + margin;
        stalled = false;
      } else stalled = true;
    } else stalled = false;
    const trial = yield* evaluate(step, [start, low, high]);
    trials++;
    if (!decreases(trial) || trial.loss >= low.loss) {
      const wasFirst = lowIsFirst;
      high = trial;
      const [a, b] = wasFirst ? [low, high] : [high, low];
      lowIsFirst = a.loss <= b.loss;
      [low, high] = lowIsFirst ? [a, b] : [b, a];
      continue;
    }
    if (isFlat(trial)) return { trial, trials };
    if (trial.slope * (high.step - low.step) >= 0) high = low;
    low = trial;
  }
  return { trial: low, trials };
}
