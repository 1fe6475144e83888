// Training that is killed and goes on in another process, from state that went through JSON, ends bit for bit where
// training without a break does: model, average, optimizer, scheduler, scaler and random numbers.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'resume-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Trains with each kind of optimizer; writes `name-kind.json`. */
function run(from: number, until: number, name: string, ending = ''): void {
  const script = new URL('resume-child.ts', import.meta.url).pathname;
  const options = ['--conditions=@nn/source', '--disable-warning=ExperimentalWarning'];
  const given = [String(from), String(until), join(folder, name), ending];
  const { status, signal, stderr } = spawnSync(process.execPath, [...options, script, ...given]);
  expect([status, signal], String(stderr)).toEqual(ending === 'killed' ? [null, 'SIGKILL'] : [0, null]);
}

function read(name: string, kind: string): unknown {
  return JSON.parse(readFileSync(join(folder, `${name}-${kind}.json`), 'utf8'));
}

describe('after a kill', () => {
  beforeAll(() => {
    run(0, 9, 'whole');
    run(0, 5, 'broken', 'killed');
    run(5, 9, 'broken');
  }, 120_000);

  it.each(['AdamW', 'SGD', 'NAdam', 'Adafactor', 'Lion', 'AdamWScheduleFree', 'LBFGS'])(
    '%s goes on',
    (kind) => {
      expect(read('broken', kind)).toEqual(read('whole', kind));
    },
  );
});
