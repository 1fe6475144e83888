// Runs one loop in a process of its own, and tells its memory at some steps.

import { runtimeOf } from '@nn/tensor';
import { run, useDevice } from '../support/run.ts';
import { type Loop, loopOf } from './loops.ts';

export interface Course extends Loop {
  readonly device: string;
  readonly steps: number;
  /** Whether each result is awaited; else the loop never lets anything else run. */
  readonly awaits: boolean;
  /** The steps after which to tell. */
  readonly marks: readonly number[];
}

/** Bytes. */
export interface Mark {
  readonly step: number;
  readonly live: number;
  readonly resident: number;
  readonly heap: number;
}

export interface Told {
  readonly marks: readonly Mark[];
  readonly milliseconds: number;
  /** Of the JavaScript heap, once all garbage has been collected at the end. */
  readonly heapInUse: number;
}

async function follow(course: Course): Promise<Told> {
  const device = await useDevice(course.device, 1);
  const step = loopOf(course);
  const marks: Mark[] = [];
  const start = performance.now();
  for (let at = 1; at <= course.steps; at++) {
    const result = step();
    if (course.awaits) await result.data();
    else if (!course.trains) result.dataSync();
    if (!course.marks.includes(at)) continue;
    const { rss, heapUsed } = process.memoryUsage();
    marks.push({
      step: at,
      live: runtimeOf(device).backend.memory().liveBytes,
      resident: rss,
      heap: heapUsed,
    });
  }
  const milliseconds = performance.now() - start;
  globalThis.gc?.();
  return { marks, milliseconds, heapInUse: process.memoryUsage().heapUsed };
}

process.once('message', (course: Course) => {
  void run(async () => {
    const told = await follow(course);
    process.send?.(told);
  }).finally(() => process.disconnect());
});
