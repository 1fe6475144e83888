// Loops over the same rows: any layout of rows and of what is in them, any sizes, against the interpreter.
import {
  type BufferSpec,
  type HostArray,
  type Instruction,
  interpretProgram,
  type LoopKernel,
  type Program,
  type RowsKernel,
  sizeOf,
} from '@nn/core';
import { afterAll, describe, expect, test } from 'vitest';
import { Binding } from '../src/commands/binding.ts';
import type { Command, CommandContext } from '../src/commands/command.ts';
import { pairedCommand, rowsCommand } from '../src/commands/rows.ts';
import { SharedOperands } from '../src/commands/shared-operands.ts';
import { Device } from '../src/device.ts';
import { backends } from './support/backends.ts';
import {
  at,
  expectAgreement,
  generator,
  input,
  load,
  loop,
  output,
  program,
  randomArray,
} from './support/programs.ts';

const dtype = 'float32';

/** Strides of a dense buffer whose dimensions lie in memory in the order given, outermost first. */
function stridesIn(order: readonly number[], extents: readonly number[]): number[] {
  const strides = new Array<number>(extents.length).fill(0);
  let length = 1;
  for (const d of [...order].reverse()) {
    strides[d] = length;
    length *= extents[d];
  }
  return strides;
}

const temporaryAt = (length: number, offset: number): BufferSpec => ({
  dtype,
  length,
  role: 'temporary',
  offset,
});

/**
 * Softmax over `inside`, in five steps: the maximum, exponentials (stored in the layout `to`), their sum, the quotient
 * in place, and one number for each row of its own.
 */
function softmax(
  rows: readonly number[],
  inside: readonly number[],
  from: readonly number[],
  to: readonly number[],
): ReturnType<typeof program> {
  const extents = [...rows, ...inside];
  const [x, y] = [stridesIn(from, extents), stridesIn(to, extents)];
  const perRow = stridesIn(
    rows.map((_, d) => d),
    rows,
  );
  const inRow = [...perRow, ...inside.map(() => 0)];
  const [size, count] = [sizeOf(extents), sizeOf(rows)];
  const reduce = (op: 'max' | 'sum', body: readonly Instruction[], to: number): LoopKernel =>
    loop({
      extents: rows,
      producer: {
        kind: 'reduce',
        extents: inside,
        body,
        accumulators: [{ op, value: body.length - 1, dtype }],
      },
      epilogue: [{ op: 'result', dtype, index: 0 }],
      stores: [{ access: at(to, perRow), value: 0 }],
    });
  const alignedBytes = Math.ceil((count * 4) / 256) * 256;
  const buffers = [
    input(dtype, size),
    temporaryAt(count, 0),
    temporaryAt(count, alignedBytes),
    output(dtype, size),
    output(dtype, count),
  ];
  const steps = [
    reduce('max', [load(0, dtype, x)], 1),
    loop({
      extents,
      epilogue: [
        load(0, dtype, x),
        load(1, dtype, inRow),
        { op: 'sub', dtype, args: [0, 1] },
        { op: 'exp', dtype, args: [2] },
      ],
      stores: [{ access: at(3, y), value: 3 }],
    }),
    reduce('sum', [load(3, dtype, y)], 2),
    loop({
      extents,
      epilogue: [load(3, dtype, y), load(2, dtype, inRow), { op: 'div', dtype, args: [0, 1] }],
      stores: [{ access: at(3, y), value: 2 }],
    }),
    loop({
      extents: rows,
      epilogue: [
        load(1, dtype, perRow),
        load(2, dtype, perRow),
        { op: 'log', dtype, args: [1] },
        { op: 'add', dtype, args: [0, 2] },
      ],
      stores: [{ access: at(4, perRow), value: 3 }],
    }),
  ];
  return program(buffers, [{ kind: 'rows', name: 'softmax', extents: rows, steps }], [], 2 * alignedBytes);
}

/** Rows, what is inside them, and some orders in memory. */
const cases: readonly (readonly [readonly number[], readonly number[], readonly (readonly number[])[]])[] = [
  [
    [7],
    [10],
    [
      [0, 1],
      [1, 0],
    ],
  ],
  [[1], [1], [[0, 1]]],
  [[5], [0], [[0, 1]]],
  [[0], [5], [[0, 1]]],
  [
    [33],
    [3],
    [
      [0, 1],
      [1, 0],
    ],
  ],
  [
    [3],
    [33],
    [
      [0, 1],
      [1, 0],
    ],
  ],
  [
    [300],
    [257],
    [
      [0, 1],
      [1, 0],
    ],
  ],
  [
    [64],
    [1000],
    [
      [0, 1],
      [1, 0],
    ],
  ],
  [
    [2, 19],
    [13],
    [
      [0, 1, 2],
      [0, 2, 1],
      [2, 0, 1],
      [1, 0, 2],
    ],
  ],
  [
    [6, 50],
    [40],
    [
      [0, 1, 2],
      [0, 2, 1],
      [1, 2, 0],
    ],
  ],
  [
    [16],
    [9, 50],
    [
      [0, 1, 2],
      [1, 0, 2],
      [1, 2, 0],
    ],
  ],
  [[3], [40, 500], [[1, 0, 2]]],
  [
    [2, 3, 40],
    [5, 30],
    [
      [0, 1, 2, 3, 4],
      [0, 3, 1, 2, 4],
      [3, 4, 0, 1, 2],
    ],
  ],
  [[], [1000], [[0]]],
];

for (const { name, make } of backends) {
  describe(name, () => {
    const backend = make();
    afterAll(() => backend.dispose());

    for (const [rows, inside, orders] of cases) {
      test(`softmax of rows [${rows.join(', ')}] of [${inside.join(', ')}]`, () => {
        const random = generator(rows.length + 1);
        for (const from of orders) {
          for (const to of orders) {
            const tested = softmax(rows, inside, from, to);
            const x = randomArray(dtype, sizeOf([...rows, ...inside]), random);
            // An exponential's difference of 2 units, and sums in another order.
            expectAgreement(backend, tested, [x], [], 8);
          }
        }
      });
    }
  });
}

/** What all buffers hold after a command of the program's only kernel has run. */
function runOn(
  device: Device,
  tested: Program,
  x: Float32Array,
  make: (context: CommandContext) => Command | undefined,
): Float32Array[] {
  const { buffers } = tested;
  const binding = new Binding(device.heap, buffers.length, 0);
  const { tier } = device;
  const sharedOperands = new SharedOperands(tested);
  const context = { device, binding, tier, buffers, borders: new Map(), sharedOperands, programParams: 0 };
  const command = make(context);
  if (command === undefined) throw new Error('There is no such command.');
  const addresses = buffers.map(({ length }) => device.heap.allocate(length * 4));
  const scratch = device.heap.allocate(command.scratchBytes);
  for (const [buffer, address] of [...addresses, scratch].entries()) binding.bindAddress(buffer, address);
  const arrays = addresses.map(
    (address, at) => new Float32Array(device.heap.memory.buffer, address, buffers[at].length),
  );
  arrays[0].set(x);
  command.run();
  const copies = arrays.map((array) => array.slice());
  command.dispose();
  for (const address of [...addresses, scratch]) device.heap.free(address);
  return copies;
}

/** The same numbers but for the rounding of sums and exponentials. */
function expectNear(found: Float32Array, expected: Float32Array, where: string): void {
  for (const [i, value] of expected.entries())
    if (!Object.is(found[i], value) && !(Math.abs(found[i] - value) <= 2e-5 * Math.max(1, Math.abs(value))))
      throw new Error(`${where}: ${found[i]} is not ${value}`);
}

test('blocks of any number of rows, with vectors along the rows too, give what the loops give', () => {
  const device = new Device({ threads: 2 });
  const random = generator(77);
  for (const [rows, inside, orders] of cases) {
    for (const order of orders) {
      const tested = softmax(rows, inside, order, order);
      const [kernel] = tested.kernels as readonly RowsKernel[];
      const x = randomArray(dtype, sizeOf([...rows, ...inside]), random) as Float32Array;
      const expected = tested.buffers.map(({ length }) => new Float32Array(length));
      expected[0].set(x);
      interpretProgram(tested, expected);
      for (const block of [1, 7, 16, 100]) {
        const arrays = runOn(device, tested, x, (context) => rowsCommand(context, kernel, () => block));
        for (const at of [3, 4]) expectNear(arrays[at], expected[at], `[${order}], blocks of ${block}`);
      }
    }
  }
  device.dispose();
});

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
function pairProgram(width: number, kind: 'exponentials' | 'squares'): Program {
  const isMaximum = kind === 'exponentials';
  const reduce = (op: 'max' | 'sum', body: readonly Instruction[]): LoopKernel['producer'] => ({
    kind: 'reduce',
    extents: [width],
    body,
    accumulators: [{ op, value: body.length - 1, dtype }],
  });
  const x = load(0, dtype, [width, 1]);
  const difference: readonly Instruction[] = [
    x,
    load(1, dtype, [1, 0]),
    { op: 'sub', dtype, args: [0, 1] },
    isMaximum ? { op: 'exp', dtype, args: [2] } : { op: 'mul', dtype, args: [2, 2] },
  ];
  // Distances from something next to the mean.
  const mean: readonly Instruction[] = [
    { op: 'result', dtype, index: 0 },
    { op: 'const', dtype, value: width + 0.5 },
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
      producer: reduce('sum', difference),
      epilogue: [...result, load(1, dtype, [1]), { op: 'add', dtype, args: [0, 1] }],
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
        const arrays = runOn(device, tested, x, (context) => pairedCommand(context, kernel, limits));
        for (const [at, { role }] of tested.buffers.entries())
          if (role === 'output') expectNear(arrays[at], expected[at], `${width} columns, buffer ${at}`);
      }
      device.dispose();
    });
  }
});

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
    const arrays = runOn(device, tested, x, (context) => {
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

test('the variance of what is too large to be added up is infinite', () => {
  const width = 300;
  const tested = pairProgram(width, 'squares');
  const [kernel] = tested.kernels as readonly RowsKernel[];
  const random = generator(3);
  const x = Float32Array.from({ length: kindsOfRows * width }, () => 3e38 * (0.5 + random() / 2));
  const device = new Device({ threads: 1 });
  const limits = { shortestRow: 2, longestBlock: 32, leastBytes: 0 };
  const arrays = runOn(device, tested, x, (context) => pairedCommand(context, kernel, limits));
  device.dispose();
  expect([...arrays[2]]).toEqual(new Array(kindsOfRows).fill(Number.POSITIVE_INFINITY));
});

test('a row that trains on its own state: what a step wrote is what the next reads', () => {
  const extents = [50, 300];
  const strides = [300, 1];
  const double = (from: number, to: number): LoopKernel =>
    loop({
      extents,
      epilogue: [load(from, 'int32', strides), { op: 'add', dtype: 'int32', args: [0, 0] }],
      stores: [{ access: at(to, strides), value: 1 }],
    });
  const steps = Array.from({ length: 12 }, (_, step) => double(step === 0 ? 0 : 1, 1));
  const tested = program(
    [input('int32', 15_000), output('int32', 15_000)],
    [{ kind: 'rows', name: 'doubling', extents: [50], steps }],
  );
  const inputs: HostArray[] = [randomArray('int32', 15_000, generator(4))];
  for (const { make } of backends) {
    const backend = make();
    expectAgreement(backend, tested, inputs);
    backend.dispose();
  }
});
