// Timing: results first, then warm, interleaved, medians.
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Benchmark, Expected, Prepared, Tolerance } from './benchmark.ts';
import { samplePositions } from './cases/data.ts';
import type { Contender } from './contenders.ts';

export interface Measurement {
  readonly contender: Contender;
  /** Milliseconds of one run (of one part, where a run has parts). Undefined where it failed. */
  readonly times: { readonly median: number; readonly min: number; readonly max: number } | undefined;
  /** Runs that were timed. */
  readonly runs: number;
  /** Whether results agreed with what was expected; null where there was nothing to compare. */
  readonly checked: boolean | null;
  readonly error: string | undefined;
}

/** Milliseconds, and numbers of samples. */
export interface Budget {
  /** After a first run, which may compile. */
  readonly warmUp: number;
  readonly sample: number;
  readonly total: number;
  readonly mostSamples: number;
  readonly leastSamples: number;
  /** Of runs that take longer than this there are two, of which the first may have paid for fresh memory. The better counts. */
  readonly slowRun: number;
  /** Of runs that take longer than this there is one, after that which was checked. */
  readonly slowestRun: number;
  /** Where checking the results took longer than this, that run counts, and there is no other. */
  readonly slowCheck: number;
}

const operationBudget: Budget = {
  warmUp: 40,
  sample: 10,
  total: 100,
  mostSamples: 9,
  leastSamples: 3,
  slowRun: 400,
  slowestRun: 800,
  slowCheck: 3000,
};

/**
 * Steps are taken by the thousand: what counts is how fast they are then. Engines have optimized the JavaScript around a
 * step's kernels after some hundred steps, and a sample must be long enough not to begin and end with the same step.
 */
const stepBudget: Budget = {
  warmUp: 1000,
  sample: 60,
  total: 600,
  mostSamples: 11,
  leastSamples: 3,
  slowRun: 400,
  // Checking took several steps.
  slowestRun: Number.POSITIVE_INFINITY,
  slowCheck: Number.POSITIVE_INFINITY,
};

function budgetOf({ kind }: Benchmark): Budget {
  return kind === 'operation' ? operationBudget : stepBudget;
}

interface Entrant {
  readonly contender: Contender;
  prepared: Prepared | undefined;
  checked: boolean | null;
  error: string | undefined;
  /** Results at the positions that are compared. */
  found: Expected | undefined;
  /** Milliseconds that the compared results took: the first run, all that it compiles, and reading. */
  checkTime: number;
  /** Runs a sample, and samples to take. */
  iterations: number;
  remaining: number;
  estimate: number;
  readonly times: number[];
}

/** Measures a case for all contenders: all are checked, warmed up, and then they take turns. */
export async function measure(
  benchmark: Benchmark,
  contenders: readonly Contender[],
  budget: Budget = budgetOf(benchmark),
): Promise<Measurement[]> {
  collectGarbage();
  const entrants = await checkedEntrants(benchmark, contenders);
  for (const entrant of entrants) {
    if (entrant.error !== undefined) continue;
    if (entrant.checkTime > budget.slowCheck) entrant.times.push(entrant.checkTime);
    else await attempt(entrant, () => warmUp(entrant, budget));
  }
  while (entrants.some(({ remaining }) => remaining > 0)) {
    for (const entrant of entrants) {
      if (entrant.remaining > 0) await attempt(entrant, () => takeSample(entrant, budget));
    }
  }
  return leave(entrants, benchmark);
}

/** Compares the results of all contenders, without measuring any. */
export async function check(benchmark: Benchmark, contenders: readonly Contender[]): Promise<Measurement[]> {
  return leave(await checkedEntrants(benchmark, contenders), benchmark);
}

async function checkedEntrants(benchmark: Benchmark, contenders: readonly Contender[]): Promise<Entrant[]> {
  const entrants = contenders.filter((each) => each.suits(benchmark)).map(entrantOf);
  const wanted = benchmark.expected?.() ?? null;
  for (const entrant of entrants) await attempt(entrant, () => compute(entrant, benchmark, wanted));
  compare(entrants, wanted, benchmark.tolerance);
  return entrants;
}

async function leave(entrants: readonly Entrant[], benchmark: Benchmark): Promise<Measurement[]> {
  for (const entrant of entrants) {
    await attempt(entrant, async () => {
      await entrant.contender.activate();
      await entrant.prepared?.dispose();
    });
  }
  return entrants.map((entrant) => summarize(entrant, benchmark.parts ?? 1));
}

function entrantOf(contender: Contender): Entrant {
  return {
    contender,
    prepared: undefined,
    checked: null,
    error: undefined,
    found: undefined,
    checkTime: 0,
    iterations: 1,
    remaining: 0,
    estimate: 0,
    times: [],
  };
}

/** Whatever goes wrong is the entrant's own trouble. */
async function attempt(entrant: Entrant, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    entrant.error ??= (cause instanceof Error ? cause.message : String(cause)).split('\n')[0];
    entrant.checked = false;
    entrant.remaining = 0;
    entrant.times.length = 0;
  }
}

/** Has the results computed, and keeps those at the positions that are compared. */
async function compute(entrant: Entrant, benchmark: Benchmark, wanted: Expected | null): Promise<void> {
  const { contender } = entrant;
  await contender.activate();
  const prepared = await contender.prepare(benchmark);
  entrant.prepared = prepared;
  const start = performance.now();
  const results = await prepared.results(wanted?.positions);
  entrant.checkTime = performance.now() - start;
  if (results.length === 0) return;
  entrant.found =
    wanted === null ? sampled(results) : { positions: wanted.positions, values: Array.from(results) };
}

function sampled(results: ArrayLike<number>): Expected {
  const positions = samplePositions(results.length);
  return { positions, values: positions.map((at) => results[at]) };
}

/** Compares with what is expected; without that with PyTorch, where it takes part, or with the first one. */
function compare(entrants: readonly Entrant[], wanted: Expected | null, tolerance: Tolerance): void {
  const computed = entrants.filter(({ found }) => found !== undefined);
  const judge = computed.find(({ contender }) => contender.name === 'torch') ?? computed[0];
  const expected = wanted ?? judge?.found;
  if (expected === undefined || (wanted === null && computed.length === 1)) return;
  for (const entrant of computed) {
    entrant.error = disagreement(entrant.found!, expected, tolerance);
    entrant.checked = entrant.error === undefined;
  }
}

/** What is wrong with the results, if anything. */
function disagreement(
  found: Expected,
  expected: Expected,
  { absolute, relative = 0 }: Tolerance,
): string | undefined {
  for (const [at, position] of expected.positions.entries()) {
    const [value, wanted] = [found.values[at], expected.values[at]];
    const allowed = absolute + relative * Math.abs(wanted);
    if (!(Math.abs(value - wanted) <= allowed))
      return `gives ${value} at ${position}, where ${wanted} ± ${allowed.toPrecision(2)} is right`;
  }
  return undefined;
}

async function warmUp(entrant: Entrant, budget: Budget): Promise<void> {
  const prepared = entrant.prepared!;
  await entrant.contender.activate();
  let last = await prepared.time(1);
  let best = last;
  let elapsed = 0;
  while (best <= budget.slowestRun && elapsed < budget.warmUp) {
    last = await prepared.time(1);
    best = Math.min(best, last);
    elapsed += best > budget.slowRun ? budget.warmUp : last;
  }
  if (best > budget.slowRun) {
    entrant.times.push(best);
    return;
  }
  entrant.estimate = best;
  entrant.iterations = Math.max(1, Math.round(budget.sample / best));
  const wanted = Math.floor(budget.total / (entrant.iterations * best));
  entrant.remaining = Math.min(budget.mostSamples, Math.max(budget.leastSamples, wanted));
  if (entrant.iterations > 1) return;
  // By now a run is as good as a sample.
  entrant.times.push(last);
  entrant.remaining--;
}

async function takeSample(entrant: Entrant, budget: Budget): Promise<void> {
  const { contender, iterations } = entrant;
  const prepared = entrant.prepared!;
  // What the garbage collector has to tell is told here, and not in the middle of the next sample.
  await setImmediate();
  await contender.activate();
  // The others have used the caches since, and let this one's threads fall asleep.
  if (entrant.estimate < budget.slowRun / 25) await prepared.time(1);
  entrant.times.push((await prepared.time(iterations)) / iterations);
  entrant.remaining--;
}

function summarize({ contender, times, iterations, checked, error }: Entrant, parts: number): Measurement {
  const sorted = times.map((time) => time / parts).sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
  return {
    contender,
    times: sorted.length === 0 ? undefined : { median, min: sorted[0], max: sorted[sorted.length - 1] },
    runs: times.length * iterations,
    checked,
    error,
  };
}

let collect: (() => void) | undefined;

/** So that one case's garbage is not collected at the next one's cost. */
function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}
