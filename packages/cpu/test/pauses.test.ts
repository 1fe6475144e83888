// A device that does not block: how much a thread computes in one turn while results are awaited. In processor time, which
// does not depend on what else the machine does.
import { removeBackend } from '@nn/core';
import { cpu } from '@nn/cpu';
import { use } from '@nn/tensor';
import { describe, expect, test } from 'vitest';
import { frame, longestTurn, longWork } from './support/main-thread.ts';

const threadTime = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

describe.each([1, 2])('with %i threads', (threads) => {
  test.each(Object.keys(longWork))('%s takes no turn longer than a frame', async (name) => {
    use(cpu({ threads, blocking: false }));
    const work = await longWork[name]();
    // Once for the code; then some more, as garbage may have to be collected in one of them.
    await work();
    const turns: number[] = [];
    while (turns.length < 4 && !(Math.min(...turns) < frame)) turns.push(await longestTurn(work, threadTime));
    removeBackend('cpu');
    expect(Math.min(...turns)).toBeLessThan(frame);
  });
});
