/** With the condition `@nn/lean`, tensors have only the methods that the library calls: enough to train a network. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const conditions = ['--conditions=@nn/lean', '--conditions=@nn/source'];

describe('a lean program', () => {
  it('trains a network', async () => {
    await run(process.execPath, [...conditions, join(import.meta.dirname, '../scenarios/train.ts')]);
  });

  it('has functions in the place of methods', async () => {
    const code = `
      import { interpreter, median, tensor, use } from '@nn/tensor';
      use(interpreter());
      const x = tensor([1, 5, 2]);
      console.log(typeof x.median, typeof x.add, await median(x).item());`;
    const argumentsOfNode = [...conditions, '--input-type=module', '--eval', code];
    const { stdout } = await run(process.execPath, argumentsOfNode, { cwd: import.meta.dirname });
    expect(stdout.trim()).toBe('undefined function 2');
  });
});
