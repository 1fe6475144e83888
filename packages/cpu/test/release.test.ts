// What compiled programs hold, and that it is given back.
import { contiguousStrides, type Kernel, type Program } from '@nn/core';
import { expect, test } from 'vitest';
import { Device } from '../src/device.ts';
import { CpuExecutable } from '../src/executable.ts';
import { at, input, load, loop, output, program } from './support/programs.ts';

const dtype = 'float32';

/** A kernel of every kind; `steps` additions make a structure of its own. */
function everyKind(steps: number): Program {
  const shape = [64, 40];
  const size = 64 * 40;
  const dense = contiguousStrides(shape);
  const square = loop({
    extents: shape,
    epilogue: [
      load(0, dtype, dense),
      ...Array.from({ length: steps }, (_, step) => ({ op: 'add', dtype, args: [step, step] }) as const),
    ],
    stores: [{ access: at(1, dense), value: steps }],
  });
  const total = loop({
    extents: [64],
    producer: {
      kind: 'reduce',
      extents: [40],
      body: [load(1, dtype, dense)],
      accumulators: [{ op: 'sum', value: 0, dtype }],
    },
    epilogue: [{ op: 'result', dtype, index: 0 }],
    stores: [{ access: at(2, [1]), value: 0 }],
  });
  const dot = loop({
    extents: [64, 64],
    producer: {
      kind: 'dot',
      dtype,
      batchRank: 0,
      rowRank: 1,
      inner: [40],
      left: { buffer: 0, offset: 0, strides: [40, 0, 1] },
      right: { buffer: 0, offset: 0, strides: [0, 40, 1] },
    },
    epilogue: [
      { op: 'result', dtype, index: 0 },
      { op: 'neg', dtype, args: [0] },
    ],
    stores: [{ access: at(3, [64, 1]), value: 1 }],
  });
  const line = { outer: 64, length: 40, inner: 1, source: 0 } as const;
  const kernels: Kernel[] = [
    { kind: 'rows', name: 'rows', extents: [64], steps: [square, total] },
    { kind: 'parallel', name: 'parallel', parts: [square, total] },
    dot,
    { kind: 'copy', name: 'copy', source: 0, target: 1 },
    { kind: 'scan', name: 'scan', op: 'sum', ...line, target: 1 },
    { kind: 'argsort', name: 'argsort', descending: false, ...line, count: line.length, target: 4 },
  ];
  const buffers = [
    input(dtype, size),
    output(dtype, size),
    output(dtype, 64),
    output(dtype, 64 * 64),
    output('int32', size),
  ];
  return program(buffers, kernels);
}

for (const [threads, rounds] of [
  [1, 10_000],
  [2, 1000],
]) {
  test(`${rounds} programs compiled and released leave no trace, ${threads} threads`, () => {
    const device = new Device({ threads });
    const tested = everyKind(1);
    const round = (): void => new CpuExecutable(device, tested).disposer();
    round();
    const [live, modules] = [device.heap.liveBytes, device.kernels.size];
    for (let at = 0; at < rounds; at++) round();
    expect(device.heap.liveBytes).toBe(live);
    expect(device.kernels.size).toBe(modules);
    device.dispose();
  });
}

test('what a program holds stays as long as another one holds it', () => {
  const device = new Device({ threads: 1 });
  const [first, second] = [new CpuExecutable(device, everyKind(2)), new CpuExecutable(device, everyKind(2))];
  const { size } = device.kernels;
  first.disposer();
  expect(device.kernels.size).toBe(size);
  second.disposer();
  device.dispose();
});

test('structures that nobody uses are forgotten', () => {
  const device = new Device({ threads: 1 });
  for (let steps = 1; steps <= 400; steps++) new CpuExecutable(device, everyKind(steps)).disposer();
  expect(device.kernels.size).toBeLessThanOrEqual(256);
  device.dispose();
});
