// A contender that sleeps, for tests of measuring.
import { timeRuns } from '../src/benchmark.ts';
import type { Contender } from '../src/contenders.ts';

export interface Sleeper {
  readonly name: string;
  readonly results: () => number[];
  /** Gets the name whenever its turn comes. */
  readonly turns?: string[];
  /** How long the next run takes. Default: always 2. */
  readonly milliseconds?: () => number;
}

export function sleeper({ name, results, turns = [], milliseconds = () => 2 }: Sleeper): Contender {
  const sleep = (): void => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds());
  };
  return {
    name,
    version: '1',
    device: 'none',
    threads: 1,
    activate: () => void turns.push(name),
    suits: (benchmark) => benchmark.suits?.(name) ?? true,
    prepare: () => ({
      time: (count) => timeRuns(sleep, count),
      results: async () => results(),
      dispose() {},
    }),
    dispose() {},
  };
}
