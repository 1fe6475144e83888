// Memory by device and by tensor: sums that agree, places in this file, peaks that can be forgotten.
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Backend, backendOf, removeBackend } from '@nn/core';
import {
  compile,
  interpreter,
  memory,
  memoryPolicy,
  ones,
  resetPeakMemory,
  runtimeOf,
  type Tensor,
  tensor,
  trackMemory,
  use,
} from '@nn/tensor';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

beforeEach(() => use(interpreter()));
afterEach(() => {
  trackMemory(false);
  removeBackend('interpreter');
});

const source = readFileSync(new URL(import.meta.url), 'utf8').split('\n');
const lineOf = (mark: string): number => 1 + source.findIndex((line) => line.endsWith(`// ${mark}`));

describe('memory', () => {
  test('reports live bytes by how they are held', async () => {
    const x = ones([256]).realize();
    const y = x.exp();
    await y.data();
    const host = tensor(new Float32Array(64));
    await host.add(1).data();
    await host.add(2).data();
    const [report] = memory('interpreter').devices;
    expect(report.held).toMatchObject({ value: 1024, output: 1024 + 2 * 256, upload: 256 });
    expect(report.values).toBe(5);
    expect(report.liveBytes).toBe(backendOf('interpreter').memory().liveBytes);
    const { value, output, transient, upload } = report.held;
    expect(value + output + transient + upload + report.arenaBytes).toBe(report.liveBytes);
    expect(memory().liveBytes).toBe(report.liveBytes);
    expect(String(memory())).toMatch(/interpreter +\d/);
    y.dispose();
    expect(memory().devices[0].held.output).toBe(512);
  });

  test('a view that was computed is freed with its memory', () => {
    const before = memory().devices[0].values;
    const y = ones([8, 4]).exp().t().realize();
    expect(memory().devices[0].values).toBeGreaterThan(before);
    y.dispose();
    expect(memory().devices[0].values).toBe(before);
    expect(() => y.dataSync()).toThrow('disposed');
  });

  test('forgets the peak', () => {
    const x = ones([1024]).realize();
    ones([4096]).realize().dispose();
    expect(memory().devices[0].peakBytes).toBeGreaterThanOrEqual(5 * 4096);
    resetPeakMemory();
    const [{ liveBytes, peakBytes }] = memory().devices;
    expect(peakBytes).toBe(liveBytes);
    x.exp().realize();
    expect(memory().devices[0].peakBytes).toBe(liveBytes + 4096);
    const { resetPeak, ...without } = interpreter({ name: 'without' });
    expect(resetPeak).toBeTypeOf('function');
    use(without as Backend);
    expect(() => resetPeakMemory('without')).toThrow(
      "device 'without' cannot forget its peak. Use profile()",
    );
    removeBackend('without');
  });

  test('lists live tensors with the place where each was made', async () => {
    const before = ones([2]).realize();
    expect(memory().tensors).toBe(null);
    trackMemory(true);
    const x = ones([64]).realize(); // x
    const view = x.reshape(8, 8);
    const late = x.exp(); // late
    const data = tensor([1, 2, 3]); // data
    const { tensors, devices } = memory();
    expect(
      tensors!.map(({ shape, bytes, hostBytes, keeping, handles }) => [
        shape,
        bytes,
        hostBytes,
        keeping,
        handles,
      ]),
    ).toEqual([
      [[64], 256, 0, 'value', 2],
      [[3], 0, 12, undefined, 1],
      [[64], 0, 0, undefined, 1],
    ]);
    expect(tensors!.map(({ madeAt }) => /memory\.test\.ts:(\d+):/.exec(madeAt[0])?.[1]).map(Number)).toEqual(
      ['x', 'data', 'late'].map(lineOf),
    );
    const listed = tensors!.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(listed + 8).toBe(devices[0].held.value);
    expect(String(memory())).toContain(`memory.test.ts:${lineOf('x')}:`);
    expect(String(memory())).toContain('… and 1 that are not computed');
    expect([before, view, late, data]).toHaveLength(4);
    trackMemory(false);
    expect(memory().tensors).toBe(null);
  });

  test('keeps nothing alive, and counts what a compiled function made', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    trackMemory(true);
    const make = (): void => {
      for (let i = 0; i < 100; i++) ones([16]).realize();
    };
    make();
    expect(memory().tensors!.length).toBeGreaterThanOrEqual(100);
    const step = compile((x: Tensor) => x.mul(2));
    const result = step(ones([4]).realize());
    for (let i = 0; i < 10 && memory().tensors!.length > 4; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      gc();
    }
    expect(memory().tensors!.length).toBeLessThanOrEqual(4);
    expect([...(await result.data())]).toEqual([2, 2, 2, 2]);
  });
});

test('a value that a step was asked for stays a current one, though another result goes on from it', async () => {
  let x = ones([2]);
  // Long enough for a step to keep all that leads out of what it computes again.
  for (let i = 0; i < 70; i++) x = x.add(1);
  await x.mul(3).data();
  const y = x.mul(2);
  const runtime = runtimeOf('interpreter');
  runtime.step([y.node, x.node]);
  expect(runtime.keepingOf(x.node.state!)).toBe('value');
  expect(runtime.keepingOf(y.node.state!)).toBe('value');
});

describe('pending operations', () => {
  const { pendingBytes } = memoryPolicy();
  afterEach(() => void memoryPolicy({ pendingBytes }));
  const held = (): number => memory().devices[0].values;

  test('run by themselves when they keep too much from being freed', () => {
    memoryPolicy({ pendingBytes: 4096 });
    const sums: Tensor[] = [];
    for (let i = 0; i < 12; i++) sums.push(tensor(new Float32Array(256)).sum());
    expect(held()).toBeGreaterThanOrEqual(8);
    expect(sums[0].itemSync()).toBe(0);
  });

  test('wait however large their results would be, since most are never made', () => {
    memoryPolicy({ pendingBytes: 4096 });
    const x = ones([64]).realize();
    const before = held();
    const y = x.expand([64, 64]).exp().add(1).log().sum();
    expect(held()).toBe(before);
    expect(y.itemSync()).toBeCloseTo(4096 * Math.log(Math.E + 1), 1);
  });

  test('of loops that read what they compute are forgotten', () => {
    memoryPolicy({ pendingBytes: 4096 });
    for (let i = 0; i < 20; i++) {
      const unread = tensor(new Float32Array(256)).add(i).mul(2);
      expect(unread.sum().itemSync()).toBe(512 * i);
    }
    expect(held()).toBeLessThanOrEqual(40);
  });
});
