// Operands that several products share are packed once a run, and anew when they change.
import type { LoopKernel, Program } from '@nn/core';
import { afterAll, describe, expect, test } from 'vitest';
import { SharedOperands } from '../src/commands/shared-operands.ts';
import { backends } from './support/backends.ts';
import { at, expectAgreement, generator, input, loop, output, program } from './support/programs.ts';

const [batch, inputs, outputs] = [7, 60, 130];

interface Step {
  readonly from: number;
  readonly to: number;
  /** The weight's buffer; [outputs, inputs], or [inputs, outputs] for the way back. */
  readonly weight?: number;
  readonly isBack?: boolean;
  /** The weight comes first, and what it is multiplied by second. */
  readonly isTurned?: boolean;
  readonly rows?: number;
}

/** from [batch, inputs] by the weight to [batch, outputs], or back. */
function product({ from, to, weight = 0, isBack = false, isTurned = false, rows = batch }: Step): LoopKernel {
  const [inner, columns] = isBack ? [outputs, inputs] : [inputs, outputs];
  const given = { buffer: from, offset: 0, strides: isTurned ? [0, inner, 1] : [inner, 0, 1] };
  const along = isBack ? [1, inputs] : [inputs, 1];
  const by = { buffer: weight, offset: 0, strides: isTurned ? [along[0], 0, along[1]] : [0, ...along] };
  return loop({
    extents: isTurned ? [columns, rows] : [rows, columns],
    producer: {
      kind: 'dot',
      dtype: 'float32',
      batchRank: 0,
      rowRank: 1,
      inner: [inner],
      left: isTurned ? by : given,
      right: isTurned ? given : by,
    },
    epilogue: [{ op: 'result', dtype: 'float32', index: 0 }],
    stores: [{ access: at(to, isTurned ? [1, columns] : [columns, 1]), value: 0 }],
  });
}

/** weight = 1 - weight */
const update: LoopKernel = loop({
  extents: [outputs * inputs],
  epilogue: [
    { op: 'load', dtype: 'float32', access: at(0, [1]) },
    { op: 'const', dtype: 'float32', value: 1 },
    { op: 'sub', dtype: 'float32', args: [1, 0] },
  ],
  stores: [{ access: at(0, [1]), value: 2 }],
});

function steps(kernels: readonly LoopKernel[]): Program {
  const wide = batch * outputs;
  const narrow = batch * inputs;
  return program(
    [
      { ...input('float32', outputs * inputs), role: 'updated' },
      ...[narrow, narrow, wide].map((length) => input('float32', length)),
      ...[wide, wide, narrow, wide, narrow].map((length) => output('float32', length)),
    ],
    kernels,
  );
}

const forward: LoopKernel[] = [product({ from: 1, to: 4 }), product({ from: 2, to: 5, isTurned: true })];
const backward: LoopKernel[] = [
  product({ from: 3, to: 6, isBack: true }),
  product({ from: 4, to: 8, isBack: true }),
];
const later = product({ from: 1, to: 7 });

describe('what is shared', () => {
  test('the same operand, on either side; not another layout, nor what has been written since', () => {
    const kernels = [...forward, ...backward, update, later];
    const shared = new SharedOperands(steps(kernels));
    expect(shared.placeOf(forward[0], 'right', 100)).toEqual({ before: 128, isFirst: true });
    expect(shared.placeOf(forward[1], 'left', 100)).toEqual({ before: 128, isFirst: false });
    expect(shared.placeOf(backward[0], 'right', 100)).toEqual({ before: 256, isFirst: true });
    expect(shared.placeOf(backward[1], 'right', 100)).toEqual({ before: 256, isFirst: false });
    expect(shared.placeOf(later, 'right', 100)).toBeUndefined();
    expect(shared.bytes).toBe(256);
  });

  test('an operand of one product is not', () => {
    const shared = new SharedOperands(steps([forward[0], backward[0]]));
    expect(shared.placeOf(forward[0], 'right', 100)).toBeUndefined();
    expect(shared.bytes).toBe(0);
  });

  test('a product of no rows packs nothing for others', () => {
    const empty = product({ from: 1, to: 4, rows: 0 });
    const shared = new SharedOperands(steps([empty, ...forward]));
    expect(shared.placeOf(empty, 'right', 100)).toBeUndefined();
    expect(shared.placeOf(forward[0], 'right', 100)).toEqual({ before: 128, isFirst: true });
  });
});

for (const { name, make } of backends) {
  test(name, () => {
    const backend = make();
    afterAll(() => backend.dispose());
    const random = generator(2);
    const tested = steps([...forward, ...backward, update, later]);
    // Whole numbers, so that every order of additions gives the same.
    const arrays = tested.buffers
      .slice(0, 4)
      .map(({ length }) => Float32Array.from({ length }, () => Math.floor(random() * 5) - 2));
    expectAgreement(backend, tested, arrays);
  });
}
