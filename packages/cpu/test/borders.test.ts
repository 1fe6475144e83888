// Products with padded images: what is known to be zero is left out, and the rest stays what it was.
import type { Dot, LoopKernel, Program } from '@nn/core';
import { afterAll, describe, expect, test } from 'vitest';
import { cutByBorders, findBorders } from '../src/commands/borders.ts';
import { backends } from './support/backends.ts';
import { at, expectAgreement, generator, input, loop, output, program } from './support/programs.ts';

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
