// Convolutions by minimal filtering: which ones, and that they are those of sums.
import type { Access, BufferSpec, Dot, HostArray, LoopKernel, Program } from '@nn/core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cpu } from '../src/index.ts';
import { backends } from './support/backends.ts';
import { at, generator, input, loop, output, program, runOn } from './support/programs.ts';

interface Convolution {
  readonly images?: number;
  readonly channels?: number;
  readonly outputs?: number;
  readonly height?: number;
  readonly width?: number;
  /** Filters are turned round, and their channels are the outputs: as in the gradient by the input. */
  readonly turned?: boolean;
  readonly stride?: number;
  readonly dtype?: 'float32' | 'float64';
  /** What is done with a result, beside storing it. */
  readonly last?: 'bias and relu' | 'addition in place' | 'twice';
}

const sizesOf = ({ images = 2, channels = 32, outputs = 32, height = 16, width = 16 }: Convolution) => ({
  images,
  channels,
  outputs,
  height,
  width,
});

/** Of images that have their borders already. */
function convolution(options: Convolution): Program {
  const { images, channels, outputs, height, width } = sizesOf(options);
  const { stride = 1, dtype = 'float32', last, turned = false } = options;
  const [rows, columns] = [(height - 1) * stride + 3, (width - 1) * stride + 3];
  const plane = rows * columns;
  const size = height * width;
  const dot: Dot = {
    kind: 'dot',
    dtype,
    batchRank: 0,
    rowRank: 1,
    inner: [channels, 3, 3],
    left: turned
      ? { buffer: 1, offset: 8, strides: [9, 0, 0, 0, 9 * outputs, -3, -1] }
      : { buffer: 1, offset: 0, strides: [9 * channels, 0, 0, 0, 9, 3, 1] },
    right: {
      buffer: 0,
      offset: 0,
      strides: [0, channels * plane, stride * columns, stride, plane, columns, 1],
    },
  };
  const to = (buffer: number): Access => at(buffer, [size, outputs * size, width, 1]);
  const kernels: Record<string, Partial<LoopKernel>> = {
    none: { epilogue: [{ op: 'result', dtype, index: 0 }], stores: [{ access: to(2), value: 0 }] },
    'bias and relu': {
      epilogue: [
        { op: 'result', dtype, index: 0 },
        { op: 'load', dtype, access: at(3, [1, 0, 0, 0]) },
        { op: 'add', dtype, args: [0, 1] },
        { op: 'const', dtype, value: 0 },
        { op: 'max', dtype, args: [2, 3] },
      ],
      stores: [{ access: to(2), value: 4 }],
    },
    'addition in place': {
      epilogue: [
        { op: 'result', dtype, index: 0 },
        { op: 'load', dtype, access: to(2) },
        { op: 'add', dtype, args: [0, 1] },
      ],
      stores: [{ access: to(2), value: 2 }],
    },
    twice: {
      epilogue: [
        { op: 'result', dtype, index: 0 },
        { op: 'mul', dtype, args: [0, 0] },
      ],
      stores: [
        { access: to(2), value: 1 },
        { access: to(3), value: 0 },
      ],
    },
  };
  const results: BufferSpec =
    last === 'addition in place'
      ? { ...input(dtype, images * outputs * size), role: 'updated' }
      : output(dtype, images * outputs * size);
  const buffers = [
    input(dtype, images * channels * plane),
    input(dtype, outputs * channels * 9),
    results,
    ...(last === 'bias and relu' ? [input(dtype, outputs)] : []),
    ...(last === 'twice' ? [output(dtype, images * outputs * size)] : []),
  ];
  const kernel = loop({
    extents: [outputs, images, height, width],
    producer: dot,
    ...kernels[last ?? 'none'],
  });
  return program(buffers, [kernel]);
}

/** Uniform numbers from -1 to 1. */
function inputsOf({ buffers }: Program): HostArray[] {
  const random = generator(61);
  return buffers
    .filter(({ role }) => role !== 'output')
    .map(({ dtype, length }) => {
      const array = dtype === 'float64' ? new Float64Array(length) : new Float32Array(length);
      return array.map(() => 2 * random() - 1);
    });
}

/** The greatest difference of two results, as a part of their size. */
function difference(got: HostArray, wanted: HostArray): number {
  const [a, b] = [got, wanted].map((array) => Array.from(array as Iterable<number>));
  const size = Math.sqrt(b.reduce((sum, value) => sum + value ** 2, 0) / b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0) / size;
}

function run(options: Convolution, winograd: boolean, given?: HostArray[]): HostArray[] {
  const backend = cpu({ threads: 1, winograd });
  const tested = convolution(options);
  try {
    return runOn(backend, tested, given ?? inputsOf(tested));
  } finally {
    backend.dispose();
  }
}

const cases: readonly (readonly [string, Convolution])[] = [
  ['whole tiles', {}],
  ['one image', { images: 1, height: 24, width: 28 }],
  [
    'tiles that are cut off below and on the right',
    { images: 8, height: 13, width: 22, channels: 49, outputs: 47 },
  ],
  ['fewer tiles in a row than a vector has', { height: 7, width: 7, images: 16, channels: 64, outputs: 64 }],
  ['images of few rows', { images: 6, height: 3, width: 70, channels: 64, outputs: 64 }],
  ['filters that are turned round', { turned: true, outputs: 40 }],
  ['a bias and relu', { last: 'bias and relu', width: 18 }],
  ['an addition to what is there', { last: 'addition in place', height: 15 }],
  ['two stores', { last: 'twice' }],
  ['several blocks of images', { images: 50, channels: 32, outputs: 64 }],
  ['several blocks of rows', { images: 2, channels: 24, outputs: 24, height: 170, width: 130 }],
];

describe('which convolutions', () => {
  const isTiled = (options: Convolution): boolean => {
    const [byTiles] = run(options, true);
    const [bySums] = run(options, false);
    // They round differently.
    return difference(byTiles, bySums) > 0;
  };

  test('large ones', () => {
    for (const [, options] of cases) expect(isTiled(options), JSON.stringify(options)).toBe(true);
  });

  test('not small ones, few channels, steps, or other dtypes', () => {
    for (const others of [
      { images: 1, height: 8, width: 8 },
      { images: 10, channels: 8 },
      { images: 10, outputs: 8 },
      { stride: 2 },
      { dtype: 'float64' } as const,
      // Transforming so many filters takes longer than what it saves.
      { images: 1, channels: 256, outputs: 256, height: 4, width: 4 },
    ])
      expect(isTiled(others), JSON.stringify(others)).toBe(false);
  });
});

for (const { name, make } of backends)
  describe(name, () => {
    for (const [subject, options] of cases)
      test(subject, () => {
        const backend = make();
        onTestFinished(() => backend.dispose());
        const tested = convolution(options);
        const given = inputsOf(tested);
        const got = runOn(backend, tested, given);
        const wanted = run(options, false, given);
        // The option's documentation promises it. Squares are off by twice as much.
        for (const [i, result] of got.entries())
          expect(difference(result, wanted[i])).toBeLessThan(options.last === 'twice' ? 6e-5 : 2e-5);
      });
  });

test('it can be switched off', () => {
  expect(() => cpu({ winograd: 'no' as never })).toThrow(
    expect.objectContaining({ message: expect.stringContaining('true or false') }),
  );
});
