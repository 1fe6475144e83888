// What an engine lacks, the library does without: operations and training on every tier, on one thread and on several, and
// where memory cannot be shared, against the interpreter.
import { grad } from '@nn/autograd';
import { type Backend, removeBackend } from '@nn/core';
import type { CpuOptions } from '@nn/cpu';
import * as F from '@nn/functional';
import { interpreter, manualSeed, randn, type Tensor, use } from '@nn/tensor';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { expectedLosses, expectLosses, train } from './support/training.ts';

interface Case {
  readonly shapes: readonly (readonly number[])[];
  readonly compute: (...inputs: Tensor[]) => readonly Tensor[];
}

/** The result of an operation, and its derivatives by the inputs. */
function withDerivatives(operation: (...inputs: Tensor[]) => Tensor): Case['compute'] {
  return (...inputs) => {
    const leaves = inputs.map((x) => x.detach().requiresGrad_());
    const result = operation(...leaves);
    return [result, ...grad(result.mul(result.detach().cos()).sum(), leaves)];
  };
}

const cases: Readonly<Record<string, Case>> = {
  matmul: {
    shapes: [
      [67, 45],
      [45, 83],
    ],
    compute: withDerivatives((a, b) => a.matmul(b)),
  },
  'matmul of transposed batches': {
    shapes: [
      [3, 40, 33],
      [3, 25, 40],
    ],
    compute: withDerivatives((a, b) => a.mT.matmul(b.mT)),
  },
  'matrix by vector': { shapes: [[130, 70], [70]], compute: withDerivatives((a, b) => a.matmul(b)) },
  'linear with GELU': {
    shapes: [[32, 40], [24, 40], [24]],
    compute: withDerivatives((x, weight, bias) => F.gelu(F.linear(x, weight, bias))),
  },
  convolution: {
    shapes: [[2, 5, 13, 11], [7, 5, 3, 3], [7]],
    compute: withDerivatives((x, weight, bias) => F.conv2d(x, weight, bias, { stride: 2, padding: 1 })),
  },
  'depthwise convolution': {
    shapes: [
      [2, 6, 12, 12],
      [6, 1, 3, 3],
    ],
    compute: withDerivatives((x, weight) => F.conv2d(x, weight, null, { padding: 1, groups: 6 })),
  },
  'max pooling': { shapes: [[2, 3, 14, 14]], compute: withDerivatives((x) => F.maxPool2d(x, 2)) },
  softmax: { shapes: [[37, 53]], compute: withDerivatives((x) => x.softmax(1)) },
  'log-softmax of columns': { shapes: [[37, 53]], compute: withDerivatives((x) => x.logSoftmax(0)) },
  'layer norm': { shapes: [[19, 45]], compute: withDerivatives((x) => F.layerNorm(x, 45)) },
  'causal attention': {
    shapes: [
      [2, 3, 35, 16],
      [2, 3, 35, 16],
      [2, 3, 35, 16],
    ],
    compute: withDerivatives((q, k, v) => F.scaledDotProductAttention(q, k, v, { isCausal: true })),
  },
  reductions: {
    shapes: [[61, 47]],
    compute: (x) => [
      x.sum(),
      x.sum(0),
      x.mean(1),
      x.amax(0),
      x.argmax(1),
      x.var(1),
      x.prod(1),
      x.logsumexp(0),
    ],
  },
  sorting: {
    shapes: [[9, 141]],
    compute: (x) => {
      const { values: sorted, indices: order } = x.sort(1);
      const { values: top } = x.topk(5, 1);
      return [sorted, order, top, x.cumsum(1)];
    },
  },
  functions: {
    shapes: [[1003]],
    compute: (x) => [x.exp(), x.abs().log(), x.tanh(), x.sin(), x.erf(), x.sigmoid(), x.square().sqrt()],
  },
};

async function computed({ shapes, compute }: Case): Promise<readonly Float64Array[]> {
  manualSeed(3);
  const results = compute(...shapes.map((shape) => randn([...shape])));
  return Promise.all(results.map(async (x) => Float64Array.from(await x.data(), Number)));
}

/** A backend as it is where `SharedArrayBuffer` does not exist: what an engine has is found out only once. */
async function withoutSharedMemory(options: CpuOptions): Promise<Backend> {
  vi.resetModules();
  vi.stubGlobal('SharedArrayBuffer', undefined);
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  const { cpu } = await import('@nn/cpu');
  const backend = cpu(options);
  expect(warn.mock.calls).toEqual([[expect.stringContaining('running on one thread')]]);
  warn.mockRestore();
  vi.unstubAllGlobals();
  vi.resetModules();
  return backend;
}

async function withSharedMemory(options: CpuOptions): Promise<Backend> {
  const { cpu } = await import('@nn/cpu');
  return cpu(options);
}

const expected = new Map<string, readonly Float64Array[]>();

beforeAll(async () => {
  use(interpreter());
  for (const [name, each] of Object.entries(cases)) expected.set(name, await computed(each));
  removeBackend('interpreter');
});

const tiers = (['relaxed', 'simd', 'scalar'] as const).flatMap((tier) => [
  { name: `${tier}, one thread`, make: () => withSharedMemory({ tier, threads: 1 }) },
  { name: `${tier}, three threads`, make: () => withSharedMemory({ tier, threads: 3 }) },
  { name: `${tier}, no shared memory`, make: () => withoutSharedMemory({ tier, threads: 3 }) },
]);

describe.each(tiers)('$name', ({ make }) => {
  beforeAll(async () => void use(await make()));
  afterAll(() => removeBackend('cpu'));

  test.each(Object.keys(cases))('%s', async (name) => {
    const results = await computed(cases[name]);
    for (const [at, wanted] of expected.get(name)!.entries()) {
      // Sums of up to some hundred terms in another order, of values up to some tens.
      const scale = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
      const furthest = wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - results[at][i])), 0);
      expect(results[at]).toHaveLength(wanted.length);
      expect(furthest, `result ${at}`).toBeLessThanOrEqual(2e-5 * scale);
    }
  });

  test('training', async () => expectLosses(await train(expectedLosses.length)));
});
