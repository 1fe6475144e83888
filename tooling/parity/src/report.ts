// The results by operator: as text, as JSON, and against a baseline.
import type { Outcome, Status } from './run-case.ts';

export interface OperatorResult {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly total: number;
  /** Of the first case that failed. */
  readonly firstDifference?: string;
}

export type Results = Readonly<Record<string, OperatorResult>>;

/** Counts by operator, in alphabetical order. */
export function collect(outcomes: readonly Outcome[]): Results {
  const byOperator = Map.groupBy(outcomes, ({ operator }) => operator);
  const names = [...byOperator.keys()].sort();
  return Object.fromEntries(names.map((name) => [name, resultOf(byOperator.get(name) ?? [])]));
}

function resultOf(outcomes: readonly Outcome[]): OperatorResult {
  const count = (wanted: Status): number => outcomes.filter(({ status }) => status === wanted).length;
  const firstDifference = outcomes.find(({ status }) => status === 'failed')?.message;
  return {
    passed: count('passed'),
    failed: count('failed'),
    skipped: count('skipped'),
    total: outcomes.length,
    ...(firstDifference === undefined ? {} : { firstDifference }),
  };
}

export function totalOf(results: Results): { passed: number; failed: number; skipped: number } {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of Object.values(results)) {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  }
  return total;
}

/** A row for each operator that falls short: how many passed, and the first difference. */
export function rowsOf(results: Results): string[] {
  const short = Object.entries(results).filter(([, { failed }]) => failed > 0);
  const width = Math.max(0, ...short.map(([name]) => name.length));
  return short.map(([name, { passed, failed, firstDifference }]) => {
    const counts = `${passed}/${passed + failed}`.padStart(9);
    return `${name.padEnd(width)} ${counts}  ${firstDifference ?? ''}`;
  });
}

/** How many cases of each operator passed when the baseline was written. */
export type Baseline = Readonly<Record<string, number>>;

export function baselineOf(results: Results): Baseline {
  return Object.fromEntries(Object.entries(results).map(([name, { passed }]) => [name, passed]));
}

export interface Regression {
  readonly operator: string;
  readonly passed: number;
  readonly before: number;
  readonly firstDifference?: string;
}

/** Operators that were run and pass fewer cases than before. */
export function regressions(results: Results, baseline: Baseline): Regression[] {
  return Object.entries(results).flatMap(([operator, { passed, firstDifference }]) => {
    const before = baseline[operator] ?? 0;
    return passed < before ? [{ operator, passed, before, firstDifference }] : [];
  });
}
