// Memory over many steps. `apps/examples/src/memory.ts` is the long version of this.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('support/long-loops.ts', import.meta.url));

interface Reading {
  readonly live: number;
  readonly heap: number;
  readonly resident: number;
}

async function follow(loop: readonly string[]): Promise<[early: Reading, late: Reading]> {
  // A small young generation: by default V8 lets it grow to 128 MiB in a long loop.
  const flags = ['--expose-gc', '--max-semi-space-size=2', '--conditions=@nn/source'];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, script, ...loop]);
  return JSON.parse(stdout) as [Reading, Reading];
}

const mebibyte = 2 ** 20;

/** A handle or two of the last steps may be held a little longer; a scalar kept by every step would be 7,200 bytes. */
const lingeringBytes = 2 ** 12;

/** V8 reserves pages, and compiles on threads of its own, as it sees fit: 10 to 35 MiB while its heap stays flat. */
const reservedBytes = 64 * mebibyte;

describe('1800 further steps take no further memory', () => {
  const loops = ['mlp', 'cnn', 'transformer'].flatMap((model) => [
    [model, 'training', 'eager', 'synchronous'],
    [model, 'training', 'compiled', 'synchronous'],
  ]);
  for (const model of ['mlp', 'transformer']) loops.push([model, 'training', 'eager', 'awaited']);
  loops.push(['cnn', 'training', 'compiled', 'awaited'], ['cnn', 'inference', 'compiled', 'awaited']);

  for (const loop of loops) {
    it.concurrent(loop.join(', '), { timeout: 120_000 }, async () => {
      const [early, late] = await follow(loop);
      expect(late.live).toBeLessThanOrEqual(early.live + lingeringBytes);
      expect(late.heap - early.heap).toBeLessThan(mebibyte);
      expect(late.resident - early.resident).toBeLessThan(reservedBytes);
    });
  }
});
