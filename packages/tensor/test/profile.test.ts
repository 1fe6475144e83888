// Profiles: numbers that agree with each other, a trace that nests, regions, devices without kernel times.
import { type Backend, removeBackend } from '@nn/core';
import { compile, interpreter, ones, profile, recordFunction, type Tensor, tensor, use } from '@nn/tensor';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ProgramRun } from '../src/profile-recorder.ts';
import { kernelRows } from '../src/profile-rows.ts';

beforeEach(() => use(interpreter()));
afterEach(() => removeBackend('interpreter'));

interface TraceEvent {
  readonly ph: string;
  readonly name: string;
  readonly cat: string;
  readonly ts: number;
  readonly dur: number;
  readonly tid: number;
  readonly args: Record<string, unknown>;
}

const work = (x: Tensor): Promise<unknown> => x.matmul(x).relu().sum(0).exp().data();

describe('profile', () => {
  test('counts runs, operations and bytes of each kernel', async () => {
    const x = ones([16, 16]).realize();
    const { kernels, programs, totals } = await profile(() => work(x), { warmUp: 1, runs: 4 });
    const product = kernels.find(({ kind }) => kind === 'dot')!;
    expect(product).toMatchObject({
      ops: ['dot', 'relu'],
      device: 'interpreter',
      count: 4,
      walk: '[16, 16] x [16]',
    });
    // relu selects: no arithmetic.
    expect(product.flops).toBe(2 * 16 ** 3);
    expect([product.bytesRead, product.bytesWritten]).toEqual([1024, 1024]);
    expect(totals).toMatchObject({ programs: 4, kernels: 8, plansFound: 4, plansMade: 0, ops: 16 });
    expect(totals.readBytes).toBe(4 * 64);
    expect(programs).toMatchObject([
      { count: 4, kernels: 2, inputBytes: 1024, outputBytes: 64, arenaBytes: 1024, requiredBytes: 2112 },
    ]);
    expect(programs[0].totalMs).toBeCloseTo(totals.kernelMs, 6);
    expect(totals.peakBytes.interpreter).toBeGreaterThanOrEqual(1024 + 1024 + 64);
  });

  test('has numbers that agree with each other', async () => {
    const x = ones([16, 16]).realize();
    const { kernels, totals } = await profile(() => work(x), { runs: 3 });
    for (const row of kernels) {
      expect(row.minMs).toBeLessThanOrEqual(row.medianMs);
      expect(row.totalMs).toBeGreaterThanOrEqual(row.minMs * row.count);
      expect(row.gflops).toBeCloseTo(row.flops / row.medianMs / 1e6, 6);
      expect(row.gigabytesPerSecond).toBeCloseTo((row.bytesRead + row.bytesWritten) / row.medianMs / 1e6, 6);
    }
    const sum = kernels.reduce((total, { totalMs }) => total + totalMs, 0);
    expect(sum).toBeCloseTo(totals.kernelMs, 6);
    expect(kernels.map(({ totalMs }) => totalMs)).toEqual(
      kernels.map(({ totalMs }) => totalMs).sort((a, b) => b - a),
    );
    expect(totals.plansMade).toBe(1);
    expect(totals.plansFound).toBe(2);
    expect(totals.kernelMs).toBeLessThanOrEqual(totals.runMs);
    const parts = ['recordMs', 'planMs', 'compileMs', 'uploadMs', 'runMs', 'readMs'] as const;
    expect(parts.reduce((total, part) => total + totals[part], 0)).toBeLessThanOrEqual(totals.wallMs);
  });

  test('takes more runs than a call takes arguments', () => {
    const program = {
      buffers: [],
      params: [],
      kernels: [],
      arenaBytes: 0,
    } as unknown as ProgramRun['program'];
    const times = Array.from({ length: 300_000 }, (_, i) => 1 + (i % 7));
    const run = {
      program,
      device: 'interpreter',
      bytesPerElement: () => 4,
      start: 0,
      times,
      byKernel: false,
    };
    const [row] = kernelRows([run]);
    expect(row).toMatchObject({ count: 300_000, minMs: 1, medianMs: 4 });
  });

  test('prints a table in the order asked for', async () => {
    const x = ones([16, 16]).realize();
    const result = await profile(() => work(x));
    const [head, first] = result.table({ sortBy: 'flops', rowLimit: 1 }).split('\n');
    expect(head).toMatch(/^kernel +walks +device +runs +total +% +median +bytes +GFLOP\/s +GB\/s +ops$/);
    expect(first).toMatch(/^dot.relu +dot \[16, 16\] x \[16\] +interpreter +1 /);
    expect(result.table({ rowLimit: 1 })).toContain('… and 1 more');
    expect(() => result.table({ sortBy: 'fops' as 'flops' })).toThrow("Did you mean 'flops'?");
  });

  test('gives a trace whose spans nest', async () => {
    const x = ones([8, 8]);
    const result = await profile(
      () =>
        recordFunction('step', async () => {
          const y = recordFunction('forward', () => recordFunction('layer', () => x.matmul(x)).exp());
          await y.sum().item();
        }),
      { runs: 2 },
    );
    const { traceEvents } = JSON.parse(result.toChromeTrace()) as { traceEvents: TraceEvent[] };
    const threads = traceEvents.filter(({ name }) => name === 'thread_name');
    expect(threads.map(({ args }) => args.name)).toEqual(['host', 'interpreter']);
    const spans = traceEvents.filter(({ ph }) => ph === 'X');
    for (const cat of ['record', 'make', 'plan', 'compile', 'run', 'read', 'region', 'kernel', 'flush'])
      expect(spans.map((span) => span.cat)).toContain(cat);
    // Within a nanosecond: microseconds are no exact numbers.
    const slack = 1e-3;
    for (const a of spans) {
      expect(a.ts).toBeGreaterThanOrEqual(0);
      expect(a.dur).toBeGreaterThanOrEqual(0);
      for (const b of spans) {
        if (a === b || a.tid !== b.tid || b.ts < a.ts) continue;
        const apart = b.ts >= a.ts + a.dur - slack;
        const inside = b.ts + b.dur <= a.ts + a.dur + slack;
        expect(apart || inside || a.ts === b.ts).toBe(true);
      }
    }
    const inner = spans.find(({ name }) => name === 'layer')!;
    const outer = spans.find(({ name }) => name === 'forward')!;
    expect(outer.ts).toBeLessThanOrEqual(inner.ts);
    expect(outer.ts + outer.dur + slack).toBeGreaterThanOrEqual(inner.ts + inner.dur);
    expect(result.regions.map(({ name, count }) => [name, count])).toEqual([
      ['step', 2],
      ['forward', 2],
      ['layer', 2],
    ]);
  });

  test('sees compiled functions', async () => {
    const step = compile((x: Tensor) => x.mul(2).sum());
    const x = ones([4]).realize();
    const { totals } = await profile(() => step(x).item(), { warmUp: 4, runs: 3 });
    expect(totals).toMatchObject({ programs: 3, kernels: 3, plansMade: 0 });
  });

  test('times whole programs where a device cannot time kernels', async () => {
    const { runTimed, ...rest } = interpreter({ name: 'plain' });
    expect(runTimed).toBeTypeOf('function');
    use(rest);
    const x = ones([16, 16], { device: 'plain' }).realize();
    const { kernels } = await profile(() => work(x));
    expect(kernels).toHaveLength(1);
    expect(kernels[0]).toMatchObject({ kind: 'program', name: '2 kernels', count: 1 });
    expect(kernels[0].totalMs).toBeGreaterThan(0);
    // One that computes behind the calls is waited for.
    const delayed: Backend = {
      ...rest,
      name: 'behind',
      capabilities: { ...rest.capabilities, synchronousRead: false },
      synchronize: () => new Promise((resolve) => setTimeout(resolve, 5)),
    };
    use(delayed);
    const waited = await profile(() => work(ones([16, 16], { device: 'behind' })));
    // Timers of Node may be early by a fraction of a millisecond.
    expect(waited.kernels[0].totalMs).toBeGreaterThan(4);
    removeBackend('behind');
    removeBackend('plain');
  });

  test('throws what the function or the device throws, and is over then', async () => {
    await expect(profile(() => tensor([1, 2]).matmul(tensor([1, 2, 3])))).rejects.toThrow('matmul');
    const failing: Backend = {
      ...interpreter({ name: 'failing' }),
      runTimed: () => Promise.reject(new Error('lost the device')),
    };
    use(failing);
    await expect(profile(() => void ones([2]).exp().realize())).rejects.toThrow('lost the device');
    removeBackend('failing');
    use(interpreter());
    await expect(profile(() => profile(() => 1))).rejects.toThrow('a profile is being taken already');
    expect((await profile(() => ones([2]).exp().data())).kernels).toHaveLength(1);
  });

  test('refuses unknown options', async () => {
    await expect(profile(() => 1, { run: 2 } as object)).rejects.toThrow("Did you mean 'runs'?");
    await expect(profile(() => 1, { runs: 0 })).rejects.toThrow('at least 1');
  });
});
