// Random programs: every device, with fusion on and off, agrees with the interpreter running op by op.
// A longer run: pnpm fuzz --programs 100000 --seed 7 --device cpu
import { expect, test } from 'vitest';
import { report, shrunk } from '../src/check.ts';
import { type FuzzOptions, fuzz, sizesFor } from '../src/fuzz.ts';

type Settings = Omit<FuzzOptions, 'onFailure'>;

async function expectAgreement(settings: Settings): Promise<void> {
  const count = await fuzz({
    ...settings,
    async onFailure(failure) {
      throw new Error(report(await shrunk(failure, sizesFor(settings).device)));
    },
  });
  expect(count).toBe(settings.programs);
}

test('small programs agree', async () => {
  const settings = {
    programs: 1800,
    seed: 1,
    devices: ['interpreter', 'cpu'],
    length: 20,
    large: false,
    each: 1,
  };
  await expectAgreement(settings);
}, 300_000);

test('long programs agree', async () => {
  const settings = {
    programs: 40,
    seed: 100_000,
    devices: ['interpreter', 'cpu'],
    length: 80,
    large: false,
    each: 1,
  };
  await expectAgreement(settings);
}, 300_000);

test('programs on values that threads share agree', async () => {
  const settings = { programs: 30, seed: 200_000, devices: ['cpu'], length: 16, large: true, each: 1 };
  await expectAgreement(settings);
}, 300_000);
