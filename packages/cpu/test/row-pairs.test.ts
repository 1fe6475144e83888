// Reductions that go through a row together, against the interpreter: rows of all kinds, and steps that are no such pair.
import { type Instruction, interpretProgram, type LoopKernel, type Program, type RowsKernel } from '@nn/core';
import { describe, expect, test } from 'vitest';
import { pairedCommand, rowsCommand } from '../src/commands/rows.ts';
import { Device } from '../src/device.ts';
import { at, generator, input, load, loop, output, program } from './support/programs.ts';
import { expectNear, runCommand, softmax } from './support/row-programs.ts';

const dtype = 'float32';

/** Rows of all kinds: numbers, many of them infinite, steps up and down, a NaN, and far from 0. */
function rowsOf(width: number, random: () => number): Float32Array {
  const kinds: ((at: number) => number)[] = [
    () => (random() - 0.5) * 20,
    () => Number.NEGATIVE_INFINITY,
    (at) => (at < width * 0.7 ? Number.NEGATIVE_INFINITY : random()),
    (at) => (at > width * 0.3 ? Number.NEGATIVE_INFINITY : -90 * random()),
    (at) => (at === Math.floor(width / 2) ? Number.NaN : random()),
    (at) => (at === Math.floor(width / 3) ? Number.POSITIVE_INFINITY : random()),
    (at) => (at % 7 === 3 ? Number.NaN : Number.POSITIVE_INFINITY),
    (at) => (at / width) * 300,
    (at) => (at / width) * -300,
    () => 300 + random(),
    () => -7,
  ];
  return Float32Array.from(kinds.flatMap((kind) => Array.from({ length: width }, (_, at) => kind(at))));
}
const kindsOfRows = 11;

/** Of each row, a statistic, a second that needs it, and the sum of both; then what the row has besides the first. */
function pairProgram(
  width: number,
  kind: 'exponentials' | 'squares' | 'moments',
  divisor: number = width + 0.5,
): Program {
  const isMaximum = kind === 'exponentials';
  const reduce = (
    op: 'max' | 'sum',
    body: readonly Instruction[],
    values: readonly number[] = [body.length - 1],
  ): LoopKernel['producer'] => ({
    kind: 'reduce',
    extents: [width],
    body,
    accumulators: values.map((value) => ({ op, value, dtype })),
  });
  const x = load(0, dtype, [width, 1]);
  const difference: readonly Instruction[] = [
    x,
    load(1, dtype, [1, 0]),
    { op: 'sub', dtype, args: [0, 1] },
    isMaximum ? { op: 'exp', dtype, args: [2] } : { op: 'mul', dtype, args: [2, 2] },
  ];
  // Distances from something next to the mean, or from the mean.
  const mean: readonly Instruction[] = [
    { op: 'result', dtype, index: 0 },
    { op: 'const', dtype, value: divisor },
    { op: 'div', dtype, args: [0, 1] },
  ];
  const result: readonly Instruction[] = [{ op: 'result', dtype, index: 0 }];
  const steps = [
    loop({
      extents: [kindsOfRows],
      producer: reduce(isMaximum ? 'max' : 'sum', [x]),
      epilogue: isMaximum ? result : mean,
      stores: [{ access: at(1, [1]), value: isMaximum ? 0 : 2 }],
    }),
    loop({
      extents: [kindsOfRows],
      producer: reduce('sum', difference, kind === 'moments' ? [2, 3] : [3]),
      epilogue: [
        { op: 'result', dtype, index: kind === 'moments' ? 1 : 0 },
        kind === 'moments' ? { op: 'result', dtype, index: 0 } : load(1, dtype, [1]),
        { op: 'add', dtype, args: [0, 1] },
      ],
      stores: [
        { access: at(2, [1]), value: 0 },
        { access: at(3, [1]), value: 2 },
      ],
    }),
  ];
  const rest = loop({
    extents: [kindsOfRows, width],
    epilogue: [x, load(1, dtype, [1, 0]), { op: 'sub', dtype, args: [0, 1] }],
    stores: [{ access: at(4, [width, 1]), value: 2 }],
  });
  const size = kindsOfRows * width;
  const results = [kindsOfRows, kindsOfRows, kindsOfRows, size].map((length) => output(dtype, length));
  const kernel = { kind: 'rows', name: kind, extents: [kindsOfRows], steps: [...steps, rest] } as const;
  return program([input(dtype, size), ...results], [kernel]);
}

describe('reductions that go through a row together', () => {
  const limits = { shortestRow: 2, longestBlock: 32, leastBytes: 0 };
  const order = [
    [0, 1],
    [0, 1],
  ] as const;
  const programs: Record<string, (width: number) => Program> = {
    'a maximum and exponentials': (width) => pairProgram(width, 'exponentials'),
    'exponentials that are stored': (width) => softmax([kindsOfRows], [width], ...order),
    'a mean and squares': (width) => pairProgram(width, 'squares'),
    'a mean, distances and squares': (width) => pairProgram(width, 'moments'),
  };
  for (const [name, make] of Object.entries(programs)) {
    test.each(['scalar', 'simd', 'relaxed'] as const)(`${name}, %s`, (tier) => {
      const device = new Device({ threads: tier === 'relaxed' ? 2 : 1, tier });
      const random = generator(9);
      for (const width of [5, 15, 16, 33, 64, 100, 129, 1000]) {
        const tested = make(width);
        const [kernel] = tested.kernels as readonly RowsKernel[];
        const x = rowsOf(width, random);
        const expected = tested.buffers.map(({ length }) => new Float32Array(length));
        expected[0].set(x);
        interpretProgram(tested, expected);
        const arrays = runCommand(device, tested, x, (context) => pairedCommand(context, kernel, limits));
        for (const [at, { role }] of tested.buffers.entries())
          if (role === 'output') expectNear(arrays[at], expected[at], `${width} columns, buffer ${at}`);
      }
      device.dispose();
    });
  }
});

test.each(['scalar', 'simd', 'relaxed'] as const)(
  'probabilities of what is far above a block, and far below another, %s',
  (tier) => {
    const width = 96;
    const tested = softmax([kindsOfRows], [width], [0, 1], [0, 1]);
    const [kernel] = tested.kernels as readonly RowsKernel[];
    const limits = { shortestRow: 2, longestBlock: 32, leastBytes: 0 };
    const random = generator(8);
    // From 0, a block rises by less than what has it begin again; the next one by more.
    const x = Float32Array.from(
      { length: kindsOfRows * width },
      (_, at) => 59 * Math.floor((at % width) / 32) - random(),
    );
    const device = new Device({ threads: 1, tier });
    const arrays = runCommand(device, tested, x, (context) => pairedCommand(context, kernel, limits));
    device.dispose();
    for (let row = 0; row < kindsOfRows; row++) {
      const values = x.slice(row * width, (row + 1) * width);
      const most = Math.max(...values);
      const total = values.reduce((sum, each) => sum + Math.exp(each - most), 0);
      for (let at = 32; at < width; at++) {
        const expected = Math.exp(values[at] - most) / total;
        expect(Math.abs(arrays[3][row * width + at] / expected - 1)).toBeLessThan(1e-5);
      }
    }
  },
);

/** Softmax of rows that are written over, by steps that may be something else. */
function softmaxInPlace(
  width: number,
  change: (steps: readonly LoopKernel[]) => readonly LoopKernel[] = (steps) => steps,
): Program {
  const tested = softmax([kindsOfRows], [width], [0, 1], [0, 1]);
  const [kernel] = tested.kernels as readonly RowsKernel[];
  const inPlace = JSON.parse(JSON.stringify(kernel), (key, value) =>
    key === 'buffer' && value === 3 ? 0 : value,
  );
  const [x, ...others] = tested.buffers;
  return {
    ...tested,
    buffers: [{ ...x, role: 'updated' }, ...others],
    kernels: [{ ...inPlace, steps: change(inPlace.steps) }],
  };
}

describe('exponentials that are written over what they are made of', () => {
  const limits = { shortestRow: 2, longestBlock: 32, leastBytes: 0 };
  const width = 150;
  /** What is written, as the loops would; gives whether a row is walked once. */
  const expectAsLoops = (tested: Program): boolean => {
    const device = new Device({ threads: 1 });
    const [kernel] = tested.kernels as readonly RowsKernel[];
    const x = rowsOf(width, generator(5));
    const expected = tested.buffers.map(({ length }) => new Float32Array(length));
    expected[0].set(x);
    interpretProgram(tested, expected);
    let isPaired = false;
    const arrays = runCommand(device, tested, x, (context) => {
      const paired = pairedCommand(context, kernel, limits);
      isPaired = paired !== undefined;
      return paired ?? rowsCommand(context, kernel, () => 3);
    });
    for (const at of expected.keys()) expectNear(arrays[at], expected[at], `buffer ${at}`);
    device.dispose();
    return isPaired;
  };

  test('the maximum of a row with an infinity is that', () => {
    expect(expectAsLoops(softmaxInPlace(width))).toBe(true);
  });

  test('a sum that takes one of them besides is a walk of its own', () => {
    const tested = softmaxInPlace(width, ([maximum, exponentials, sum, ...others]) => {
      const epilogue: readonly Instruction[] = [
        { op: 'result', dtype, index: 0 },
        load(0, dtype, [width]),
        { op: 'add', dtype, args: [0, 1] },
      ];
      const stores = [{ ...sum.stores[0], value: 2 }];
      return [maximum, exponentials, { ...sum, epilogue, stores }, ...others];
    });
    expect(expectAsLoops(tested)).toBe(false);
  });

  test('so is one before a quotient of which a part goes somewhere else too', () => {
    const tested = softmaxInPlace(width, ([maximum, exponentials, sum, quotient, last]) => {
      const [store] = quotient.stores;
      const guard = { offset: -20, strides: [0, 1], size: 50 };
      const other = { ...store, access: at(3, [width, 1], 0, [guard]) };
      return [maximum, exponentials, sum, { ...quotient, stores: [store, other] }, last];
    });
    expect(expectAsLoops(tested)).toBe(false);
  });
});

test.each(['scalar', 'simd', 'relaxed'] as const)('variances far from 0, %s', (tier) => {
  const width = 1000;
  const tested = pairProgram(width, 'moments', width);
  const [kernel] = tested.kernels as readonly RowsKernel[];
  const random = generator(4);
  const x = Float32Array.from({ length: kindsOfRows * width }, () => 1e6 + random());
  // A first element that is far from all others.
  x[width] = -1e6;
  const device = new Device({ threads: 1, tier });
  const limits = { shortestRow: 2, longestBlock: 32, leastBytes: 0 };
  const arrays = runCommand(device, tested, x, (context) => pairedCommand(context, kernel, limits));
  device.dispose();
  for (let row = 0; row < kindsOfRows; row++) {
    const values = x.slice(row * width, (row + 1) * width);
    const mean = values.reduce((total, each) => total + each, 0) / width;
    const squares = values.reduce((total, each) => total + (each - mean) ** 2, 0);
    const distances = arrays[3][row] - arrays[2][row];
    expect(Math.abs((arrays[2][row] - distances ** 2 / width) / squares - 1)).toBeLessThan(1e-6);
  }
});

test('the variance of what is too large to be added up is infinite', () => {
  const width = 300;
  const tested = pairProgram(width, 'squares');
  const [kernel] = tested.kernels as readonly RowsKernel[];
  const random = generator(3);
  const x = Float32Array.from({ length: kindsOfRows * width }, () => 3e38 * (0.5 + random() / 2));
  const device = new Device({ threads: 1 });
  const limits = { shortestRow: 2, longestBlock: 32, leastBytes: 0 };
  const arrays = runCommand(device, tested, x, (context) => pairedCommand(context, kernel, limits));
  device.dispose();
  expect([...arrays[2]]).toEqual(new Array(kindsOfRows).fill(Number.POSITIVE_INFINITY));
});
