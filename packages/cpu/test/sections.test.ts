// Loops cut where their guards change: what they give, and into what they are cut.
import type { LoopKernel } from '@nn/core';
import { afterAll, describe, expect, test } from 'vitest';
import { cutByGuards } from '../src/commands/sections.ts';
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

/** Rows of 512: the columns of four inputs side by side, as the gradients of slices add up. */
function concatenation(rows: number): LoopKernel {
  const part = (buffer: number) => {
    const offset = -128 * buffer;
    const guards = [{ offset, strides: [0, 1], size: 128 }];
    return { op: 'load', dtype: 'float32', access: at(buffer, [128, 1], offset, guards) } as const;
  };
  const add = (a: number, b: number) => ({ op: 'add', dtype: 'float32', args: [a, b] }) as const;
  return loop({
    extents: [rows, 512],
    epilogue: [part(3), part(2), add(0, 1), part(1), add(2, 3), part(0), add(4, 5)],
    stores: [{ access: at(4, [512, 1]), value: 6 }],
  });
}

/** Images of 20 x 20, their last dimension backwards, with a border of 2 and 3. */
function padding(images: number): LoopKernel {
  const guards = [
    { offset: -2, strides: [0, 1, 0], size: 20 },
    { offset: 22, strides: [0, 0, -1], size: 20 },
  ];
  return loop({
    extents: [images, 25, 25],
    epilogue: [
      { op: 'load', dtype: 'float32', access: at(0, [400, 20, -1], -2 * 20 + 22, guards) },
      { op: 'inside', dtype: 'bool', guards },
      { op: 'const', dtype: 'float32', value: 7 },
      { op: 'where', dtype: 'float32', args: [1, 0, 2] },
    ],
    stores: [{ access: at(1, [625, 25, 1]), value: 3 }],
  });
}

/** Adds up, of 40 numbers, those from which some distance along the rows is kept; writes only some of the rows. */
function guardedSum(rows: number): LoopKernel {
  const guards = [
    { offset: -60, strides: [1, 0], size: 60 },
    { offset: 0, strides: [0, 1], size: 33 },
  ];
  return loop({
    extents: [rows],
    producer: {
      kind: 'reduce',
      extents: [40],
      body: [{ op: 'load', dtype: 'float32', access: at(0, [40, 1], -60 * 40, guards) }],
      accumulators: [{ op: 'sum', value: 0, dtype: 'float32' }],
    },
    epilogue: [
      { op: 'result', dtype: 'float32', index: 0 },
      { op: 'index', dtype: 'float32', affine: { offset: 1, strides: [2] } },
      { op: 'add', dtype: 'float32', args: [0, 1] },
    ],
    stores: [{ access: at(1, [1], -20, [{ offset: -20, strides: [1], size: rows - 40 }]), value: 2 }],
  });
}

describe('what is cut', () => {
  test('a concatenation becomes copies', () => {
    const sections = cutByGuards(concatenation(16));
    expect(sections.map(({ extents }) => extents)).toEqual([
      [16, 128],
      [16, 128],
      [16, 128],
      [16, 128],
    ]);
    for (const { epilogue, stores } of sections) {
      const value = epilogue[stores[0].value];
      expect(value.op === 'load' && value.access.guards).toEqual([]);
    }
  });

  test('a border is cut off above and below; short runs are not cut', () => {
    expect(cutByGuards(padding(16)).map(({ extents }) => extents)).toEqual([
      [16, 2, 25],
      [16, 20, 25],
      [16, 3, 25],
    ]);
  });

  test('small loops, and guards of several dimensions, stay whole', () => {
    expect(cutByGuards(concatenation(2))).toHaveLength(1);
    const diagonal = loop({
      extents: [100, 100],
      epilogue: [
        {
          op: 'load',
          dtype: 'float32',
          access: at(0, [1, 1], 0, [{ offset: 0, strides: [1, 1], size: 100 }]),
        },
      ],
      stores: [{ access: at(1, [100, 1]), value: 0 }],
    });
    expect(cutByGuards(diagonal)).toEqual([diagonal]);
  });

  test('what is not written is not computed', () => {
    expect(cutByGuards(guardedSum(200)).map(({ extents }) => extents)).toEqual([[40], [60], [60]]);
  });
});

for (const { name, make } of backends) {
  describe(name, () => {
    const backend = make();
    afterAll(() => backend.dispose());
    const random = generator(31);

    test('concatenation', () => {
      const inputs = [0, 1, 2, 3].map(() => randomArray('float32', 40 * 128, random, true));
      const buffers = [...inputs.map(({ length }) => input('float32', length)), output('float32', 40 * 512)];
      expectAgreement(backend, program(buffers, [concatenation(40)]), inputs);
    });

    test('padding', () => {
      const images = randomArray('float32', 30 * 400, random, true);
      const buffers = [input('float32', images.length), output('float32', 30 * 625)];
      expectAgreement(backend, program(buffers, [padding(30)]), [images]);
    });

    test('a sum of what is inside', () => {
      const values = randomArray('float32', 60 * 40, random);
      const buffers = [input('float32', values.length), output('float32', 160)];
      expectAgreement(backend, program(buffers, [guardedSum(200)]), [values], [], 200);
    });

    test('loops over the same rows', () => {
      const rows = 40;
      const sum = loop({
        extents: [rows],
        producer: {
          kind: 'reduce',
          extents: [512],
          body: [{ op: 'load', dtype: 'float32', access: at(4, [512, 1]) }],
          accumulators: [{ op: 'sum', value: 0, dtype: 'float32' }],
        },
        epilogue: [{ op: 'result', dtype: 'float32', index: 0 }],
        stores: [{ access: at(5, [1]), value: 0 }],
      });
      const inputs = [0, 1, 2, 3].map(() => randomArray('float32', rows * 128, random));
      const buffers = [
        ...inputs.map(({ length }) => input('float32', length)),
        output('float32', rows * 512),
        output('float32', rows),
      ];
      const kernel = {
        kind: 'rows',
        name: 'rows',
        extents: [rows],
        steps: [concatenation(rows), sum],
      } as const;
      expectAgreement(backend, program(buffers, [kernel]), inputs, [], 200);
    });
  });
}
