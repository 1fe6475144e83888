// Every case in a small size: this project on threads and on the interpreter, and all peers that are there, agree.
import { interpreter } from '@nn/core';
import { cpu } from '@nn/cpu';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { smallSizes } from '../src/cases/data.ts';
import { benchmarks } from '../src/cases/index.ts';
import { type Contender, contender, openPeers } from '../src/contenders.ts';
import { namedBackend } from '../src/libraries/named-backend.ts';
import { Nn } from '../src/libraries/nn.ts';
import { check } from '../src/measure.ts';

/** What peers are known not to do: the case, the peer, the reason. Anything else is an error of ours. */
const gaps: readonly (readonly [RegExp, string, RegExp])[] = [
  [/^conv .* by (input|weight)$/, 'tfjs-wasm', /Backprop(Filter|Input)' not registered/],
  [/^(CNN|ResNet-18) .* step$/, 'tfjs-wasm', /Conv2DBackpropFilter' not registered/],
  [/^(embedding .* by weight|scatter-add|GPT)/, 'tfjs-wasm', /UnsortedSegmentSum' not registered/],
  [/^max pool .* by input$/, 'tfjs-wasm', /^gives 0 at/],
  [/^AdamW/, 'tfjs-(wasm|cpu)', /no such operation/],
];

const isKnown = (name: string, peer: string, reason: string): boolean =>
  gaps.some(
    ([cases, peers, reasons]) =>
      cases.test(name) && new RegExp(`^${peers}$`).test(peer) && reasons.test(reason),
  );

// Two thousand operations one by one on all of them take as long as all else.
const chosen = benchmarks(smallSizes).filter(
  ({ group, name }) => group !== 'webgpu' && !name.startsWith('one of 2000 adds'),
);
const subjects = [...new Set(chosen.map(({ subject }) => subject))];
const contenders: Contender[] = [];

beforeAll(async () => {
  for (const [backend, device] of [
    [cpu({ threads: 2 }), 'cpu'],
    [interpreter(), 'interpreter'],
  ] as const)
    contenders.push(
      contender(new Nn({ backend: namedBackend(backend, `bench ${device}`), device, threads: 1 })),
    );
  const python = process.env['BENCH_PYTHON'] ?? 'python3';
  contenders.push(...(await openPeers(undefined, { threads: 1, python })).contenders);
});

afterAll(async () => {
  for (const each of contenders) await each.dispose();
});

test('no two cases of a group have the same name', () => {
  const names = chosen.map(({ group, name }) => `${group} ${name}`);
  expect(new Set(names).size).toBe(names.length);
});

describe.each(subjects)('%s', (subject) => {
  test('results agree', async () => {
    const failures: string[] = [];
    for (const benchmark of chosen.filter((each) => each.subject === subject)) {
      const measurements = await check(benchmark, contenders);
      // Both of ours, at least.
      if (benchmark.name !== 'recording an add')
        expect(measurements.slice(0, 2).map(({ checked }) => checked)).toEqual([true, true]);
      for (const { contender: who, error } of measurements) {
        if (error === undefined || isKnown(benchmark.name, who.name, error)) continue;
        failures.push(`${benchmark.name}: ${who.name} ${who.device} ${error}`);
      }
    }
    expect(failures).toEqual([]);
  });
});
