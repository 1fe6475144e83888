// Buffers that a program writes over: inputs that it updates, and results that are computed in place.
import type { Backend, DType, HostArray, Instruction, Program } from '@nn/core';
import { categoryOf } from '@nn/core';
import { access, load, ProgramBuilder, rowMajor } from '../build.ts';
import { expectArraysClose } from '../compare.ts';
import type { Context } from '../context.ts';
import { expectAgreement, interpret } from '../device.ts';
import { hostOf, moderate, randomSource } from '../values.ts';

export function updatesSuite({ test, dtypes }: Context): void {
  const numeric = dtypes.filter((one) => categoryOf(one) !== 'bool');
  for (const dtype of numeric) {
    test(`an input updated in place/${dtype}`, async (backend) => {
      for (const length of [1, 2, 3, 64, 65, 1000, 4097])
        await expectAgreement(backend, additionProgram(backend, dtype, length), [
          small(dtype, length, 1),
          small(dtype, length, 2),
        ]);
    });
  }
  const dtype = dtypes.find((one) => one === 'float32') ?? numeric[0];
  if (dtype === undefined) return;

  test('a million elements in place', async (backend) => {
    const length = 2 ** 20 + 5;
    await expectAgreement(backend, additionProgram(backend, dtype, length), [
      small(dtype, length, 1),
      small(dtype, length, 2),
    ]);
  });

  test('runs add up, in whichever buffer is given', async (backend) => {
    const program = additionProgram(backend, dtype, 100);
    const executable = backend.compile(program);
    const [x, other, y] = [0, 1, 2].map(() => backend.allocate(dtype, 100));
    const given = small(dtype, 100, 2);
    let [held, heldByOther] = [small(dtype, 100, 1), small(dtype, 100, 3)];
    backend.write(x, held);
    backend.write(other, heldByOther);
    backend.write(y, given);
    for (let run = 0; run < 4; run++) {
      backend.run(executable, [x, y], [], []);
      [held] = interpret(program, [held, given]);
    }
    backend.run(executable, [other, y], [], []);
    [heldByOther] = interpret(program, [heldByOther, given]);
    expectArraysClose(dtype, await backend.read(x), held);
    expectArraysClose(dtype, await backend.read(other), heldByOther);
    expectArraysClose(dtype, await backend.read(y), given);
    for (const buffer of [x, other, y]) backend.free(buffer);
  });

  test('two buffers take each the value of both', async (backend) => {
    const builder = builderFor(backend);
    const [a, b] = [builder.updated(dtype, 500), builder.updated(dtype, 500)];
    const [first, second] = [access(a, [1]), access(b, [1])];
    builder.loop({
      extents: [500],
      epilogue: [
        load(dtype, first),
        load(dtype, second),
        { op: 'add', dtype, args: [0, 1] },
        { op: 'sub', dtype, args: [0, 1] },
      ],
      stores: [
        { access: first, value: 2 },
        { access: second, value: 3 },
      ],
    });
    await expectAgreement(backend, builder.build(), [small(dtype, 500, 1), small(dtype, 500, 2)]);
  });

  test('some elements in place, the rest untouched', async (backend) => {
    const builder = builderFor(backend);
    const x = builder.updated(dtype, 300);
    const odd = access(x, [30, -2], 29);
    builder.loop({
      extents: [10, 9],
      epilogue: [load(dtype, odd), { op: 'add', dtype, args: [0, 0] }],
      stores: [{ access: odd, value: 1 }],
    });
    await expectAgreement(backend, builder.build(), [small(dtype, 300, 1)]);
  });

  test('temporaries and outputs in place', async (backend) => {
    const builder = builderFor(backend);
    const x = builder.input(dtype, 200);
    const [temporary, output] = [builder.temporary(dtype, 200), builder.output(dtype, 200)];
    const at = (buffer: number): Instruction => load(dtype, access(buffer, [1]));
    const twice = (from: number, to: number): void =>
      builder.map([200], [at(from), { op: 'add', dtype, args: [0, 0] }], 1, to);
    twice(x, temporary);
    twice(temporary, temporary);
    twice(temporary, output);
    twice(output, output);
    builder.map([200], [at(output), at(temporary), { op: 'sub', dtype, args: [0, 1] }], 2, output);
    await expectAgreement(backend, builder.build(), [small(dtype, 200, 1)]);
  });

  test('inputs and outputs are bound in their order', async (backend) => {
    const builder = builderFor(backend);
    const [a, sum, b, total, c] = [
      builder.input(dtype, 9),
      builder.output(dtype, 9),
      builder.updated(dtype, 9),
      builder.output(dtype, 9),
      builder.input(dtype, 9),
    ];
    const at = (buffer: number): Instruction => load(dtype, access(buffer, [1]));
    const plus: Instruction = { op: 'add', dtype, args: [0, 1] };
    builder.map([9], [at(a), at(b), plus], 2, sum);
    builder.map([9], [at(b), at(c), plus], 2, b);
    builder.map([9], [at(b), at(sum), plus], 2, total);
    await expectAgreement(backend, builder.build(), [
      small(dtype, 9, 1),
      small(dtype, 9, 2),
      small(dtype, 9, 3),
    ]);
  });

  test('sums added to what is there', async (backend) => {
    for (const [results, length] of [
      [1, 10],
      [3, 4000],
      [1, 100_000],
      [700, 5],
    ] as const)
      await expectAgreement(backend, sumsProgram(backend, dtype, results, length), [
        small(dtype, results * length, 1),
        small(dtype, results, 2),
      ]);
  });

  test('products of matrices added to what is there', async (backend) => {
    for (const [rows, inner, columns] of [
      [1, 5, 1],
      [33, 40, 65],
      [70, 3, 17],
      [9, 3000, 10],
    ] as const)
      await expectAgreement(backend, productProgram(backend, dtype, rows, inner, columns), [
        small(dtype, rows * inner, 1),
        small(dtype, inner * columns, 2),
        small(dtype, rows * columns, 3),
      ]);
  });

  if (dtypes.includes('int32')) {
    test('scattered into what is there', async (backend) => {
      const builder = builderFor(backend);
      const [index, source] = [builder.input('int32', 40), builder.input(dtype, 40)];
      const target = builder.updated(dtype, 11);
      const kernel = { kind: 'scatter', name: 'scatter', count: 40, targetSize: 11 } as const;
      builder.kernel({ ...kernel, mode: 'sum', index, source, target });
      await expectAgreement(backend, builder.build(), [
        moderate('int32', 40),
        small(dtype, 40, 2),
        small(dtype, 11, 3),
      ]);
    });
  }
}

const builderFor = (backend: Backend): ProgramBuilder =>
  new ProgramBuilder((dtype) => backend.bytesPerElement(dtype));

/** Whole numbers from 0 to 2, of which sums and products are exact. */
function small(dtype: DType, length: number, seed: number): HostArray {
  const random = randomSource(seed);
  return hostOf(
    dtype,
    Array.from({ length }, () => Math.floor(random() * 3)),
  );
}

/** x += y */
function additionProgram(backend: Backend, dtype: DType, length: number): Program {
  const builder = builderFor(backend);
  const [x, y] = [builder.updated(dtype, length), builder.input(dtype, length)];
  const at = (buffer: number): Instruction => load(dtype, rowMajor(buffer, [length]));
  builder.map([length], [at(x), at(y), { op: 'add', dtype, args: [0, 1] }], 2, x);
  return builder.build();
}

/** total[i] += Σ_j x[i, j] */
function sumsProgram(backend: Backend, dtype: DType, results: number, length: number): Program {
  const builder = builderFor(backend);
  const [x, total] = [builder.input(dtype, results * length), builder.updated(dtype, results)];
  const there = access(total, [1]);
  builder.loop({
    extents: [results],
    producer: {
      kind: 'reduce',
      extents: [length],
      body: [load(dtype, rowMajor(x, [results, length]))],
      accumulators: [{ op: 'sum', value: 0, dtype }],
    },
    epilogue: [{ op: 'result', dtype, index: 0 }, load(dtype, there), { op: 'add', dtype, args: [0, 1] }],
    stores: [{ access: there, value: 2 }],
  });
  return builder.build();
}

/** c += a b */
function productProgram(
  backend: Backend,
  dtype: DType,
  rows: number,
  inner: number,
  columns: number,
): Program {
  const builder = builderFor(backend);
  const [a, b] = [builder.input(dtype, rows * inner), builder.input(dtype, inner * columns)];
  const there = rowMajor(builder.updated(dtype, rows * columns), [rows, columns]);
  builder.loop({
    extents: [rows, columns],
    producer: {
      kind: 'dot',
      dtype,
      batchRank: 0,
      rowRank: 1,
      inner: [inner],
      left: { buffer: a, offset: 0, strides: [inner, 0, 1] },
      right: { buffer: b, offset: 0, strides: [0, 1, columns] },
    },
    epilogue: [{ op: 'result', dtype, index: 0 }, load(dtype, there), { op: 'add', dtype, args: [0, 1] }],
    stores: [{ access: there, value: 2 }],
  });
  return builder.build();
}
