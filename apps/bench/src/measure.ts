// Timing: warm, interleaved, medians.
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Benchmark, Expected, Prepared } from './benchmark.ts';
import type { Contender } from './contenders.ts';

export interface Measurement {
  readonly contender: Contender;
  /** Milliseconds of one run (of one part, where a run has parts). Undefined where it failed. */
  readonly times: { readonly median: number; readonly min: number; readonly max: number } | undefined;
  /** Runs that were timed. */
  readonly runs: number;
  /** Whether results agreed with the reference; null where there is nothing to compare. */
  readonly checked: boolean | null;
  readonly error: string | undefined;
}

/** Milliseconds. */
const budget = { warmUp: 150, sample: 20, total: 500 };
const samples = { most: 15, least: 3 };
/** Runs that take longer than this are timed once. */
const slowRun = 1000;

interface Entrant {
  readonly contender: Contender;
  readonly prepared: Prepared | undefined;
  readonly checked: boolean | null;
  error: string | undefined;
  /** Runs a sample, and samples to take. */
  iterations: number;
  remaining: number;
  estimate: number;
  readonly times: number[];
}

/** Measures a case for all contenders: each is checked, warmed up, and then they take turns. */
export async function measure(
  benchmark: Benchmark,
  contenders: readonly Contender[],
): Promise<Measurement[]> {
  collectGarbage();
  const entrants: Entrant[] = [];
  for (const contender of contenders.filter((each) => each.suits(benchmark)))
    entrants.push(await enter(benchmark, contender));
  while (entrants.some(({ remaining }) => remaining > 0)) {
    for (const entrant of entrants) {
      if (entrant.remaining === 0) continue;
      try {
        await takeSample(entrant);
      } catch (cause) {
        entrant.error = messageOf(cause);
        entrant.remaining = 0;
        entrant.times.length = 0;
      }
    }
  }
  for (const { prepared, contender } of entrants) {
    await contender.activate();
    prepared?.dispose();
  }
  return entrants.map((entrant) => summarize(entrant, benchmark.parts ?? 1));
}

async function enter(benchmark: Benchmark, contender: Contender): Promise<Entrant> {
  const entrant = { contender, iterations: 1, remaining: 0, estimate: 0, times: [] as number[] };
  let prepared: Prepared | undefined;
  try {
    await contender.activate();
    prepared = contender.prepare(benchmark);
    const start = performance.now();
    const results = await prepared.results();
    const checkTime = performance.now() - start;
    const expected = benchmark.expected();
    const error = expected === null ? undefined : disagreement(results, expected);
    if (error !== undefined) return { ...entrant, prepared, checked: false, error };
    const ready: Entrant = { ...entrant, prepared, checked: expected === null ? null : true, error };
    await warmUp(ready, prepared, checkTime);
    return ready;
  } catch (cause) {
    return { ...entrant, prepared, checked: false, error: messageOf(cause) };
  }
}

function messageOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split('\n')[0];
}

/** What is wrong with the results, if anything. */
function disagreement(results: ArrayLike<number>, expected: Expected): string | undefined {
  for (const [at, position] of expected.positions.entries()) {
    const [found, wanted] = [results[position], expected.values[at]];
    if (!(Math.abs(found - wanted) <= expected.tolerance))
      return `gives ${found} at ${position}, where ${wanted} ± ${expected.tolerance} is right`;
  }
  return undefined;
}

/** What took long to check has run often enough to be warm. */
async function warmUp(entrant: Entrant, prepared: Prepared, checkTime: number): Promise<void> {
  if (checkTime > 4 * slowRun) {
    entrant.remaining = 1;
    entrant.estimate = checkTime;
    return;
  }
  const start = performance.now();
  let elapsed = 0;
  let runs = 0;
  let best = Number.POSITIVE_INFINITY;
  do {
    await prepared.run();
    const now = performance.now() - start;
    best = Math.min(best, now - elapsed);
    elapsed = now;
    runs++;
  } while (elapsed < budget.warmUp || (runs < samples.least && elapsed < slowRun));
  entrant.estimate = best;
  entrant.iterations = Math.max(1, Math.round(budget.sample / best));
  const wanted = Math.floor(budget.total / (entrant.iterations * best));
  entrant.remaining = best > slowRun ? 1 : Math.min(samples.most, Math.max(samples.least, wanted));
}

async function takeSample(entrant: Entrant): Promise<void> {
  const { contender, iterations } = entrant;
  const prepared = entrant.prepared!;
  // What the garbage collector has to tell is told here, and not in the middle of the next sample.
  await setImmediate();
  await contender.activate();
  // The others have used the caches since, and let this one's threads fall asleep.
  if (entrant.estimate < slowRun / 50) await prepared.run();
  const start = performance.now();
  for (let run = 0; run < iterations; run++) {
    const done = prepared.run();
    if (done !== undefined) await done;
  }
  entrant.times.push((performance.now() - start) / iterations);
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
