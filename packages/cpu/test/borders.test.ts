// Products with padded images: what is known to be zero is left out, and the rest stays what it was.
import type { BufferSpec, Dot, DType, LoopKernel, Program } from '@nn/core';
import { afterAll, describe, expect, test } from 'vitest';
import { cutByBorders, findBorders, zerosThenBox } from '../src/commands/borders.ts';
import { backends } from './support/backends.ts';
import {
  at,
  expectAgreement,
  generator,
  input,
  loop,
  output,
  program,
  randomArray,
} from './support/programs.ts';

interface Convolution {
  readonly images: number;
  readonly channels: number;
  readonly filters: number;
  readonly size: number;
  readonly kernel: number;
  readonly before: number;
  readonly after: number;
  readonly stride?: number;
  readonly dilation?: number;
  readonly last?: Partial<LoopKernel>;
}

/** Copies images into larger ones, with zeros around, then multiplies by flipped filters. */
function convolution(options: Convolution): Program {
  const { images, channels, filters, size, kernel, before, after } = options;
  const { stride = 1, dilation = 1, last = {} } = options;
  const padded = size + before + after;
  const out = Math.floor((padded - dilation * (kernel - 1) - 1) / stride) + 1;
  const plane = padded * padded;
  const copy = loop({
    extents: [images * channels, padded, padded],
    epilogue: [
      {
        op: 'load',
        dtype: 'float32',
        access: at(0, [size * size, size, 1], -before * (size + 1), [
          { offset: -before, strides: [0, 1, 0], size },
          { offset: -before, strides: [0, 0, 1], size },
        ]),
      },
    ],
    stores: [{ access: at(3, [plane, padded, 1]), value: 0 }],
  });
  const taps = kernel * kernel;
  const multiply = loop({
    extents: [filters, images, out, out],
    producer: {
      kind: 'dot',
      dtype: 'float32',
      batchRank: 0,
      rowRank: 1,
      inner: [channels, kernel, kernel],
      left: { buffer: 1, offset: taps - 1, strides: [channels * taps, 0, 0, 0, taps, -kernel, -1] },
      right: {
        buffer: 3,
        offset: 0,
        strides: [0, channels * plane, stride * padded, stride, plane, dilation * padded, dilation],
      },
    },
    epilogue: [{ op: 'result', dtype: 'float32', index: 0 }],
    stores: [{ access: at(2, [out * out, filters * out * out, out, 1]), value: 0 }],
    ...last,
  });
  const length = images * channels * plane;
  return program(
    [
      input('float32', images * channels * size * size),
      input('float32', filters * channels * taps),
      output('float32', images * filters * out * out),
      { dtype: 'float32', length, role: 'temporary', offset: 0 },
    ],
    [copy, multiply],
    [],
    length * 4,
  );
}

const cases: Readonly<Record<string, Convolution>> = {
  'gradient by the input': {
    images: 20,
    channels: 12,
    filters: 9,
    size: 8,
    kernel: 5,
    before: 4,
    after: 4,
  },
  'more padding than windows': {
    images: 40,
    channels: 12,
    filters: 8,
    size: 3,
    kernel: 3,
    before: 5,
    after: 4,
  },
  'steps and dilation': {
    images: 40,
    channels: 8,
    filters: 13,
    size: 9,
    kernel: 4,
    before: 7,
    after: 6,
    stride: 2,
    dilation: 3,
  },
};

const partsOf = (tested: Program): readonly LoopKernel[] => {
  const kernel = tested.kernels[1] as LoopKernel;
  return cutByBorders(kernel, kernel.producer as Dot, findBorders(tested));
};

interface Padding {
  readonly dtype?: DType;
  readonly planes?: number;
  /** Rows and columns inside, and before and behind them; negative ones cut. */
  readonly size: readonly [number, number];
  readonly before: readonly [number, number];
  readonly after: readonly [number, number];
}

/** Copies planes into larger ones, with zeros around. */
function padding({ dtype = 'float32', planes = 3, size, before, after }: Padding): {
  readonly kernel: LoopKernel;
  readonly buffers: readonly BufferSpec[];
} {
  const [rows, columns] = size.map((extent, i) => before[i] + extent + after[i]);
  const access = at(
    0,
    [size[0] * size[1], size[1], 1],
    -before[0] * size[1] - before[1],
    [0, 1].map((i) => ({ offset: -before[i], strides: [0, 1 - i, i], size: size[i] })),
  );
  const kernel = loop({
    extents: [planes, rows, columns],
    epilogue: [{ op: 'load', dtype, access }],
    stores: [{ access: at(1, [rows * columns, columns, 1]), value: 0 }],
  });
  return {
    kernel,
    buffers: [input(dtype, planes * size[0] * size[1]), output(dtype, planes * rows * columns)],
  };
}

const paddings: readonly Padding[] = [
  { size: [7, 7], before: [1, 1], after: [1, 1] },
  { size: [5, 4], before: [0, 2], after: [3, 0] },
  { size: [6, 9], before: [-1, 1], after: [1, -2] },
  { size: [3, 33], before: [1, 0], after: [1, 0], dtype: 'float64' },
  { size: [4, 6], before: [1, 1], after: [1, 1], dtype: 'float16' },
  { size: [4, 6], before: [2, 1], after: [0, 1], dtype: 'int64' },
  { size: [4, 6], before: [0, 3], after: [0, 1], dtype: 'int8' },
  { size: [4, 3], before: [1, 1], after: [1, 1] },
  { size: [4, 5], before: [5, 0], after: [-5, 0] },
  { size: [4, 6], before: [1, 1], after: [1, 1], dtype: 'bool' },
];

describe('zeros and the box within', () => {
  test('a copy without guards', () => {
    const { kernel, buffers } = padding(paddings[0]);
    const [zeros, box, ...others] = zerosThenBox(kernel, buffers);
    expect(others).toEqual([]);
    expect(zeros.epilogue).toEqual([{ op: 'const', dtype: 'float32', value: 0 }]);
    expect(box.extents).toEqual([3, 7, 7]);
    expect(box.epilogue).toEqual([{ op: 'load', dtype: 'float32', access: at(0, [49, 7, 1]) }]);
    expect(box.stores[0].access).toEqual(at(1, [81, 9, 1], 10));
    expect(zerosThenBox(kernel, buffers, 1)).toHaveLength(2);
  });

  test('not along rows that are common to several loops, in memory that is read, or beyond the caches', () => {
    const { kernel, buffers } = padding(paddings[0]);
    expect(zerosThenBox(kernel, buffers, 2)).toEqual([kernel]);
    const shared = buffers.map((buffer): BufferSpec => ({ ...buffer, role: 'temporary', offset: 0 }));
    expect(zerosThenBox(kernel, shared)).toEqual([kernel]);
    const large = padding({ ...paddings[0], planes: 40_000 });
    expect(zerosThenBox(large.kernel, large.buffers)).toEqual([large.kernel]);
    const narrow = padding({ ...paddings[0], size: [7, 3] });
    expect(zerosThenBox(narrow.kernel, narrow.buffers)).toEqual([narrow.kernel]);
  });
});

describe('what is left out', () => {
  test('each row of windows has the part of the filters that it sees', () => {
    const inner = partsOf(convolution(cases['gradient by the input'])).map(({ extents, producer }) => [
      extents[2],
      (producer as Dot).inner[1],
    ]);
    expect(inner).toEqual([
      [1, 1],
      [1, 2],
      [1, 3],
      [1, 4],
      [4, 5],
      [1, 4],
      [1, 3],
      [1, 2],
      [1, 1],
    ]);
  });

  test('little padding is not worth it, and what is written twice is not known', () => {
    const little = { ...cases['gradient by the input'], size: 40, images: 1, before: 1, after: 1 };
    expect(partsOf(convolution(little))).toHaveLength(1);
    const tested = convolution(cases['gradient by the input']);
    const [copy] = tested.kernels;
    expect(findBorders(tested).size).toBe(1);
    expect(findBorders({ ...tested, kernels: [copy, ...tested.kernels] }).size).toBe(0);
  });
});

for (const { name, make } of backends) {
  describe(`${name}: padding`, () => {
    const backend = make();
    afterAll(() => backend.dispose());
    const random = generator(5);
    test.each(paddings)('%o', (given) => {
      const { kernel, buffers } = padding(given);
      const { dtype, length } = buffers[0];
      expectAgreement(backend, program([...buffers], [kernel]), [randomArray(dtype, length, random)]);
      const rows = { kind: 'rows', name: 'rows', extents: [kernel.extents[0]], steps: [kernel] } as const;
      expectAgreement(backend, program([...buffers], [rows]), [randomArray(dtype, length, random)]);
    });
  });

  describe(name, () => {
    const backend = make();
    afterAll(() => backend.dispose());
    for (const [what, options] of Object.entries(cases))
      test(what, () => {
        const random = generator(3);
        const tested = convolution(options);
        expect(partsOf(tested).length).toBeGreaterThan(2);
        // Whole numbers, so that every order of additions gives the same.
        const inputs = tested.buffers
          .slice(0, 2)
          .map(({ length }) => Float32Array.from({ length }, () => Math.floor(random() * 9) - 4));
        expectAgreement(backend, tested, inputs);
      });
  });
}
