import { interpreter, use } from '@nn/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Case, TensorValue } from '../src/case-file.ts';
import { cpuTolerances } from '../src/compare.ts';
import { type Outcome, runCase } from '../src/run-case.ts';

beforeAll(() => use(interpreter()));

const device = { tolerances: cpuTolerances, lacks: new Set<string>() };
const run = (test: object): Promise<Outcome> => runCase(test as Case, device);
const vector = (data: number[], grad?: number): TensorValue => ({
  tensor: 'float32',
  shape: [data.length],
  data,
  ...(grad === undefined ? {} : { grad }),
});

const product = {
  op: 'mul',
  args: [vector([2, 3], 0), vector([4, 5], 1)],
  kwargs: {},
  out: [vector([8, 15])],
  cotangents: [vector([1, 10])],
  cotangent_of: [0],
  grads: [vector([4, 50]), vector([2, 30])],
};

describe('operators', () => {
  test('pass with the right outputs and gradients', async () => {
    expect(await run(product)).toEqual({ operator: 'mul', status: 'passed' });
  });

  test('fail with a wrong output, and with a wrong or superfluous gradient', async () => {
    const wrongOutput = await run({ ...product, out: [vector([8, 16])] });
    expect(wrongOutput.message).toBe('output at [1]: expected 16, got 15');
    const wrongGradient = await run({ ...product, grads: [vector([4, 50]), vector([2, 31])] });
    expect(wrongGradient.message).toBe('gradient 1 at [1]: expected 31, got 30');
    const superfluous = await run({ ...product, grads: [vector([4, 50]), null] });
    expect(superfluous.message).toBe('gradient 1: expected none, got float32 [2]');
  });

  test('fail, never skip, without a row or an API', async () => {
    expect(await run({ ...product, op: 'no_such_operator' })).toEqual({
      operator: 'no_such_operator',
      status: 'failed',
      message: 'the table has no row for no_such_operator',
    });
  });

  test('fail with what was thrown', async () => {
    const { status, message } = await run({ ...product, args: [vector([1, 2]), vector([1, 2, 3])] });
    expect([status, message]).toEqual(['failed', expect.stringMatching(/^ShapeError: mul/)]);
  });

  test('are skipped only where the device has no such dtype', async () => {
    const lacking = { ...device, lacks: new Set(['float32']) };
    expect((await runCase(product as Case, lacking)).status).toBe('skipped');
  });
});

describe('calls that must be refused', () => {
  const refused = {
    op: 'mul',
    args: [vector([1, 2]), vector([1, 2, 3])],
    kwargs: {},
    error: ['RuntimeError', 'size'],
  };

  test('pass when a typed error is thrown', async () => {
    expect(await run(refused)).toEqual({ operator: 'mul (errors)', status: 'passed' });
  });

  test('fail when the call succeeds, and with any other error', async () => {
    const accepted = await run({ ...refused, args: [vector([1]), vector([1])] });
    expect(accepted.message).toBe('must be refused (size), but gave float32 [1]');
    expect((await run({ ...refused, op: 'no_such_operator' })).status).toBe('failed');
  });
});
