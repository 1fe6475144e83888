// The arena: as small as what lives at once, and results in the place of what they are computed from.
import { bytesPerElement, type Node, type Program } from '@nn/core';
import { describe, expect, test } from 'vitest';
import { type Explanation, explain, PlanCache } from '../src/index.ts';
import { randomGraph } from './support/graphs.ts';
import { add, check, dot, exp, mul, node, permute, random, scalar, sum } from './support/run.ts';

const fused = { fusion: true, bytesPerElement };
const unfused = { fusion: false, bytesPerElement };

function compile(roots: readonly Node[], fusion: boolean): Program {
  return new PlanCache({ fusion, bytesPerElement }).prepare(roots).program;
}

describe('in place', () => {
  test('a chain of kernels works in its result', () => {
    let x = random([100]);
    for (let i = 0; i < 10; i++) x = exp(mul(x, scalar(0.5)));
    const program = compile([x], false);
    expect(program.kernels).toHaveLength(20);
    expect(program.buffers.map(({ role }) => role)).toEqual(['input', 'output']);
    expect(program.arenaBytes).toBe(0);
    check(x);
  });

  test('a value that is read again later keeps its place', () => {
    const a = exp(random([256]));
    const b = exp(a);
    const root = add(b, mul(b, a));
    const { arenaBytes } = compile([root], false);
    expect(arenaBytes).toBe(1024);
    check(root);
  });

  test('products, reductions and moved reads need a place of their own', () => {
    const x = exp(random([16, 16]));
    for (const root of [dot(x, x), exp(permute(x, [1, 0])), sum(x, [1])]) {
      expect(compile([root], false).arenaBytes).toBe(1024);
      check(root);
    }
  });

  test('layers and their gradients take two activations at a time, and what the backward pass needs', () => {
    const layers = 6;
    const weights = Array.from({ length: layers }, (_, i) => random([32, 32], i + 2));
    const activations = [random([32, 32])];
    for (const weight of weights)
      activations.push(node('tanh', [mul(dot(activations[activations.length - 1], weight), scalar(0.1))]));
    let gradient = mul(activations[layers], scalar(0.5));
    const results: Node[] = [];
    for (let i = layers - 1; i >= 0; i--) {
      const inner = mul(gradient, activations[i + 1]);
      results.push(dot(permute(activations[i], [1, 0]), inner));
      gradient = dot(inner, permute(weights[i], [1, 0]));
    }
    // Every activation lives until its gradient; besides them, the gradient on its way.
    expect(compile(results, true).arenaBytes).toBeLessThanOrEqual((layers + 2) * 32 * 32 * 4);
    check(...results);
  });
});

/** The most bytes of temporaries that live at once, each rounded up to the alignment of 256. */
function bytesAtOnce({ buffers, kernels }: Explanation): number {
  const live = kernels.map((_, at) =>
    buffers
      .filter(
        ({ role, lifetime }) =>
          role === 'temporary' && lifetime !== null && lifetime[0] <= at && at <= lifetime[1],
      )
      .reduce((total, { bytes }) => total + Math.ceil(bytes / 256) * 256, 0),
  );
  return Math.max(0, ...live);
}

test('arenas take hardly more than what must be there at once', () => {
  let arena = 0;
  let required = 0;
  for (let seed = 0; seed < 100; seed++) {
    for (const options of [fused, unfused]) {
      const plan = explain(randomGraph(seed, 32), options);
      arena += plan.arenaBytes;
      required += bytesAtOnce(plan);
      expect(plan.arenaBytes).toBeGreaterThanOrEqual(bytesAtOnce(plan));
    }
  }
  expect(arena / required).toBeLessThan(1.01);
});
