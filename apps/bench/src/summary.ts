// What a run's rows say together: each implementation beside ours, subject by subject.
import type { Benchmark } from './benchmark.ts';
import type { Row } from './results.ts';

export const columnOf = ({ impl, threads }: Row): string =>
  `${impl}, ${threads} thread${threads === 1 ? '' : 's'}`;

/** The implementations, ours first, and on most threads. */
export function columnsOf(rows: readonly Row[]): string[] {
  const columns = new Map(rows.map((row) => [columnOf(row), row]));
  const isPeer = ({ impl }: Row): number => (impl.startsWith('nn') ? 0 : 1);
  return [...columns.values()]
    .sort((a, b) => isPeer(a) - isPeer(b) || a.impl.localeCompare(b.impl) || b.threads - a.threads)
    .map(columnOf);
}

/** The rows of each subject, in the order of the cases. */
export function bySubject(rows: readonly Row[], cases: readonly Benchmark[]): Map<string, Row[]> {
  const subjects = new Map(cases.map(({ group, name, subject }) => [`${group} ${name}`, subject]));
  return Map.groupBy(rows, (row) => {
    const subject = subjects.get(`${row.group} ${row.case}`) ?? row.group;
    return row.group === 'webgpu' ? `${subject} on WebGPU` : subject;
  });
}

export interface Ratio {
  readonly row: Row;
  /** Its time as a multiple of ours; null where either is missing. */
  readonly ratio: number | null;
}

/** Each other time as a multiple of ours: of the first column. */
export function ratiosOf(rows: readonly Row[]): Ratio[] {
  const [first] = columnsOf(rows);
  const own = new Map(rows.filter((row) => columnOf(row) === first).map((row) => [row.case, row.medianMs]));
  return rows
    .filter((row) => columnOf(row) !== first)
    .map((row) => {
      const ours = own.get(row.case);
      return { row, ratio: row.medianMs === null || !ours ? null : row.medianMs / ours };
    });
}

export interface Summary {
  readonly subject: string;
  readonly column: string;
  /** Cases with a time. */
  readonly cases: number;
  /** Its time as a multiple of ours, in the geometric mean of the cases that both did; null where there is none. */
  readonly ratio: number | null;
  /** Cases that both did, and those of them in which it was faster. */
  readonly compared: number;
  readonly faster: number;
  /** The part of the limit in the middle of its cases. */
  readonly limitRatio: number | null;
}

/** Each implementation in each subject. */
export function summarize(subjects: ReadonlyMap<string, readonly Row[]>): Summary[] {
  return [...subjects].flatMap(([subject, rows]) =>
    columnsOf(rows).map((column): Summary => {
      const own = rows.filter((row) => columnOf(row) === column && row.medianMs !== null);
      const ratios = ratiosOf(rows).flatMap(({ row, ratio }) =>
        ratio === null || columnOf(row) !== column ? [] : [ratio],
      );
      const limits = own.flatMap(({ limitRatio }) => (limitRatio === null ? [] : [limitRatio]));
      return {
        subject,
        column,
        cases: own.length,
        ratio: ratios.length === 0 ? null : geometricMean(ratios),
        compared: ratios.length,
        faster: ratios.filter((ratio) => ratio < 1).length,
        limitRatio: limits.sort((a, b) => a - b).at(limits.length >> 1) ?? null,
      };
    }),
  );
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
