// What long trainings share: going on after Ctrl-C, to the last digit.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dropout, mseLoss } from '@nn/functional';
import { Linear } from '@nn/modules';
import { Adam, StepLR } from '@nn/optim';
import { interpreter, manualSeed, randn, use } from '@nn/tensor';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Interrupted, Training } from '../src/support/training.ts';

let out = '';
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'nn-training-'));
  use(interpreter());
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});
afterAll(async () => {
  vi.restoreAllMocks();
  await rm(out, { recursive: true, force: true });
});

/** Trains for ten steps, or until it is interrupted in the given one. */
async function train(name: string, resume: boolean, interruptIn?: number): Promise<Training> {
  const model = new Linear(3, 2);
  const optimizer = new Adam(model.parameters(), { lr: 0.1 });
  const schedule = new StepLR(optimizer, 4);
  const parts = { model, optimizer, schedule };
  const training = await Training.start({ name, steps: 10, out, resume, parts });
  for await (const step of training) {
    const x = randn([4, 3]);
    const loss = mseLoss(dropout(model(x)), x.narrow(1, 0, 2));
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    schedule.step();
    training.record({ loss: await loss.item() });
    if (step === interruptIn) process.emit('SIGINT', 'SIGINT');
  }
  return training;
}

describe('a training', () => {
  it('goes on after Ctrl-C to the last digit', async () => {
    manualSeed(1);
    const whole = await train('whole', false);
    expect(whole.curve('loss').map(([step]) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const listeners = process.listenerCount('SIGINT');
    manualSeed(1);
    await expect(train('parts', false, 5)).rejects.toThrow(Interrupted);
    expect(process.listenerCount('SIGINT')).toBe(listeners);
    manualSeed(2); // Of no account: the random state is in the checkpoint.
    const resumed = await train('parts', true);
    expect(resumed.curve('loss')).toEqual(whole.curve('loss'));
  });

  it('says where the checkpoint is, and refuses one of another model', async () => {
    await expect(train('again', false, 0)).rejects.toThrow(/--resume .*again\.safetensors/);
    const parts = { model: new Linear(5, 2) };
    await expect(Training.start({ name: 'again', steps: 1, out, resume: true, parts })).rejects.toThrow(
      /weight/,
    );
    await expect(Training.start({ name: 'none', steps: 1, out, resume: true, parts })).rejects.toThrow(
      /--resume: cannot read .*none\.safetensors/,
    );
  });
});
