// Late reads: what is kept in a training loop and read at a random later moment is what an early read gives, or the
// error that names the cure. A longer run: pnpm fuzz --training --programs 10000 --seed 7
import { expect, test } from 'vitest';
import { report, shrunk } from '../src/check.ts';
import { shapes, useDevices } from '../src/configurations.ts';
import { fuzz } from '../src/fuzz.ts';
import { run, staleCode, type Trace } from '../src/run.ts';
import { trainingLoop } from '../src/training.ts';

test('late reads give what early ones do, also in compiled steps', async () => {
  const settings = { programs: 100, seed: 1, devices: ['interpreter', 'cpu'], length: 0, large: false };
  const count = await fuzz({
    ...settings,
    training: true,
    each: 1,
    async onFailure(failure) {
      throw new Error(report(await shrunk(failure, shapes)));
    },
  });
  expect(count).toBe(settings.programs);
}, 300_000);

test('values get lost where the budget for old versions is small, and only there', async () => {
  await useDevices(['interpreter']);
  const isStale = (trace: Trace): number =>
    trace.filter((each) => each.kind === 'error' && each.code === staleCode).length;
  const seen = { reads: 0, roomy: 0, tight: 0 };
  for (let seed = 1; seed <= 40; seed++) {
    const program = trainingLoop(seed);
    const ways = { name: 'interpreter', device: 'interpreter', fusion: true };
    seen.reads += program.instructions.filter(({ kind }) => kind === 'read').length;
    seen.roomy += isStale(await run(program, ways));
    seen.tight += isStale(await run(program, { ...ways, policy: { keptBytes: 64 } }));
  }
  expect(seen.roomy).toBe(0);
  expect(seen.tight).toBeGreaterThan(0);
  expect(seen.tight).toBeLessThan(seen.reads / 2);
}, 120_000);
