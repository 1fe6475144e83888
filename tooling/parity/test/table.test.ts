import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type ModuleCase, type OperatorCase, readLines, type SchedulerCase } from '../src/case-file.ts';
import { moduleRows } from '../src/table/modules.ts';
import { rowOf } from '../src/table/operators.ts';
import { schedulerRows } from '../src/table/schedules.ts';

const cases = async <T>(kind: string): Promise<T[]> =>
  (await readLines(join(import.meta.dirname, `../cases/${kind}-public.jsonl.gz`))).map((line) =>
    JSON.parse(line),
  );

test('every public operator has a row', async () => {
  const operators = new Set((await cases<OperatorCase>('ops')).map(({ op }) => op));
  expect([...operators].filter((name) => rowOf(name) === undefined)).toEqual([]);
});

test('every public module and scheduler has a row', async () => {
  const modules = new Set((await cases<ModuleCase>('modules')).map(({ module }) => module));
  expect([...modules].filter((name) => !(name in moduleRows))).toEqual([]);
  const schedulers = (await cases<SchedulerCase>('sched')).map(({ scheduler }) => scheduler);
  expect(schedulers.filter((name) => !(name in schedulerRows))).toEqual([]);
});
