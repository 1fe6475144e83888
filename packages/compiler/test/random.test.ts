// Random graphs: fusion on and off must both agree with the reference.
import { test } from 'vitest';
import { randomGraph } from './support/graphs.ts';
import { check } from './support/run.ts';

for (const scale of [1, 32]) {
  for (let block = 0; block < 10; block++) {
    test(`seeds from ${block * 20}, sizes times ${scale}`, () => {
      for (let seed = block * 20; seed < block * 20 + 20; seed++) {
        try {
          check(...randomGraph(seed, scale));
        } catch (error) {
          throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
        }
      }
    });
  }
}
