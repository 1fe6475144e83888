// Where loops read and write: ranks, ragged sizes, strides, guards, gathers, several stores.
import { type Backend, contiguousStrides, type DType, type Instruction, sizeOf } from '@nn/core';
import { access, load, ProgramBuilder, rowMajor } from '../build.ts';
import type { Context } from '../context.ts';
import { expectAgreement } from '../device.ts';
import { hostOf, moderate } from '../values.ts';

const raggedShapes = [
  [],
  [1],
  [3],
  [17],
  [1000],
  [4097],
  [1, 1],
  [3, 7],
  [65, 3],
  [2, 129],
  [5, 1, 33],
  [2, 3, 4, 5],
  [3, 2, 1, 2, 7],
  [2, 2, 2, 2, 2, 3],
];

const builderFor = (backend: Backend): ProgramBuilder =>
  new ProgramBuilder((dtype) => backend.bytesPerElement(dtype));

export function accessesSuite({ test, dtypes }: Context): void {
  for (const dtype of dtypes) {
    for (const shape of raggedShapes) {
      test(`${dtype}/transposed [${shape.join(', ')}]`, async (backend) => {
        const builder = builderFor(backend);
        const size = sizeOf(shape);
        const reversed = contiguousStrides([...shape].reverse()).reverse();
        const from = builder.input(dtype, size);
        builder.map(shape, [load(dtype, access(from, reversed))], 0, builder.output(dtype, size));
        await expectAgreement(backend, builder.build(), [moderate(dtype, size)]);
      });
    }

    test(`${dtype}/negative strides and offsets`, async (backend) => {
      const builder = builderFor(backend);
      const from = builder.input(dtype, 60);
      const epilogue = [load(dtype, access(from, [-12, 2], 49))];
      const target = builder.output(dtype, 40);
      builder.loop({ extents: [5, 6], epilogue, stores: [{ access: access(target, [6, -1], 7), value: 0 }] });
      await expectAgreement(backend, builder.build(), [moderate(dtype, 60)]);
    });

    test(`${dtype}/broadcast by stride 0`, async (backend) => {
      const builder = builderFor(backend);
      const shape = [7, 5, 9];
      const [a, b, c] = [7, 9, 1].map((length) => builder.input(dtype, length));
      const loads = [access(a, [1, 0, 0]), access(b, [0, 0, 1]), access(c, [0, 0, 0])].map((at) =>
        load(dtype, at),
      );
      const combine = (x: number, y: number): Instruction => ({ op: 'max', dtype, args: [x, y] });
      builder.map(shape, [...loads, combine(0, 1), combine(2, 3)], 4, builder.output(dtype, sizeOf(shape)));
      await expectAgreement(backend, builder.build(), [
        moderate(dtype, 7, 1),
        moderate(dtype, 9, 2),
        moderate(dtype, 1, 3),
      ]);
    });

    test(`${dtype}/guarded loads pad with 0`, async (backend) => {
      const builder = builderFor(backend);
      const from = builder.input(dtype, 35);
      const guards = [
        { offset: -2, strides: [1, 0], size: 5 },
        { offset: -1, strides: [0, 1], size: 7 },
      ];
      const padded = load(dtype, access(from, [7, 1], -15, guards));
      builder.map([9, 11], [padded], 0, builder.output(dtype, 99));
      await expectAgreement(backend, builder.build(), [moderate(dtype, 35)]);
    });

    test(`${dtype}/guarded stores leave the rest`, async (backend) => {
      const builder = builderFor(backend);
      const from = builder.input(dtype, 40);
      const guards = [{ offset: -3, strides: [1], size: 30 }];
      const target = builder.output(dtype, 33);
      builder.loop({
        extents: [40],
        epilogue: [load(dtype, rowMajor(from, [40]))],
        stores: [{ access: access(target, [1], -3, guards), value: 0 }],
      });
      await expectAgreement(backend, builder.build(), [moderate(dtype, 40)]);
    });

    if (dtypes.includes('int32')) {
      test(`${dtype}/gather clamps`, async (backend) => {
        const builder = builderFor(backend);
        const [table, index] = [builder.input(dtype, 24), builder.input('int32', 50)];
        const lookUp: Instruction = {
          op: 'gather',
          dtype,
          access: access(table, [0], 4),
          size: 20,
          args: [0],
        };
        builder.map([50], [load('int32', rowMajor(index, [50])), lookUp], 1, builder.output(dtype, 50));
        const wanted = Array.from({ length: 50 }, (_, i) => ((i * 7) % 31) - 5);
        await expectAgreement(backend, builder.build(), [
          moderate(dtype, 24),
          hostOf('int32', [...wanted.slice(0, 48), 2147483647, -2147483648]),
        ]);
      });

      test(`${dtype}/gather in rows, guarded`, async (backend) => {
        const builder = builderFor(backend);
        const [table, index] = [builder.input(dtype, 30), builder.input('int32', 4)];
        const guards = [{ offset: 0, strides: [1, 0], size: 4 }];
        const lookUp: Instruction = {
          op: 'gather',
          dtype,
          access: access(table, [0, 6], 0, guards),
          size: 6,
          args: [0],
        };
        const position = load('int32', access(index, [1, 0], 0, guards));
        builder.map([6, 5], [position, lookUp], 1, builder.output(dtype, 30));
        await expectAgreement(backend, builder.build(), [moderate(dtype, 30), hostOf('int32', [5, 0, 3, 3])]);
      });
    }
  }

  const numeric = dtypes.find((dtype) => dtype === 'float32') ?? dtypes[0];
  generalTests(test, numeric);
}

function generalTests(test: Context['test'], dtype: DType): void {
  test('inside tells whether all guards hold', async (backend) => {
    const builder = builderFor(backend);
    const guards = [
      { offset: -1, strides: [1, 0], size: 3 },
      { offset: 9, strides: [0, -2], size: 8 },
    ];
    const inside: Instruction = { op: 'inside', dtype: 'bool', guards };
    const from = builder.input(dtype, 30);
    const values = [load(dtype, rowMajor(from, [5, 6])), inside, { op: 'const', dtype, value: 1 } as const];
    const chosen: Instruction = { op: 'where', dtype, args: [1, 0, 2] };
    builder.map([5, 6], [...values, chosen], 3, builder.output(dtype, 30));
    await expectAgreement(backend, builder.build(), [moderate(dtype, 30)]);
  });

  test('several stores, each with its own layout', async (backend) => {
    const builder = builderFor(backend);
    const from = builder.input(dtype, 77);
    const [straight, transposed, strided] = [77, 77, 160].map((length) => builder.output(dtype, length));
    builder.loop({
      extents: [7, 11],
      epilogue: [load(dtype, rowMajor(from, [7, 11])), { op: 'max', dtype, args: [0, 0] }],
      stores: [
        { access: rowMajor(straight, [7, 11]), value: 1 },
        { access: access(transposed, [1, 7]), value: 0 },
        { access: access(strided, [22, 2], 3), value: 0 },
      ],
    });
    await expectAgreement(backend, builder.build(), [moderate(dtype, 77)]);
  });

  test('long expressions', async (backend) => {
    const builder = builderFor(backend);
    const inputs = Array.from({ length: 6 }, () => builder.input(dtype, 300));
    const epilogue: Instruction[] = inputs.map((buffer) => load(dtype, rowMajor(buffer, [300])));
    for (let i = 0; i < 60; i++) {
      const op = (['max', 'min'] as const)[i % 2];
      epilogue.push({ op, dtype, args: [epilogue.length - 1, (i * 5) % epilogue.length] });
    }
    builder.map([300], epilogue, epilogue.length - 1, builder.output(dtype, 300));
    await expectAgreement(
      backend,
      builder.build(),
      inputs.map((_, i) => moderate(dtype, 300, i + 1)),
    );
  });

  for (const shape of [[0], [3, 0], [0, 5, 2]]) {
    test(`nothing happens over [${shape.join(', ')}]`, async (backend) => {
      const builder = builderFor(backend);
      const [from, to] = [builder.input(dtype, 4), builder.output(dtype, 4)];
      const nowhere = shape.map(() => 1);
      builder.loop({
        extents: shape,
        epilogue: [load(dtype, access(from, nowhere))],
        stores: [{ access: access(to, nowhere), value: 0 }],
      });
      await expectAgreement(backend, builder.build(), [moderate(dtype, 4)]);
    });
  }
}
