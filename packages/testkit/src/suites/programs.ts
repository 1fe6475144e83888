// Whole programs: several kernels over a shared arena, runs repeated with other buffers and params, many sizes of
// one structure, and memory that does not grow.
import { type Backend, type DType, type Executable, type HostArray, hostArray, type Program } from '@nn/core';
import { load, ProgramBuilder, rowMajor } from '../build.ts';
import { epsilonOf, expectArraysClose } from '../compare.ts';
import { type Context, expectNoLeak } from '../context.ts';
import { expectAgreement, interpret, runOn } from '../device.ts';
import { moderate } from '../values.ts';

export function programsSuite({ test, dtypes }: Context): void {
  const dtype = dtypes.find((one) => one === 'float32') ?? dtypes.find((one) => one !== 'bool');
  if (dtype === undefined) return;

  test('kernels see what earlier ones wrote', async (backend) => {
    await expectAgreement(backend, chainProgram(backend, dtype, 100, 6), [moderate(dtype, 100)], {
      params: [2],
    });
  });

  test('temporaries may share a place, one after the other', async (backend) => {
    await expectAgreement(backend, reusingProgram(backend, dtype, 777), [moderate(dtype, 777)]);
  });

  test('temporaries of several dtypes lie side by side', async (backend) => {
    for (const length of [1, 3, 65])
      await expectAgreement(backend, mixedProgram(backend, dtypes, length), [moderate(dtypes[0], length)]);
  });

  test('a program runs again with other params and buffers', async (backend) => {
    const program = chainProgram(backend, dtype, 50, 2);
    const executable = backend.compile(program);
    const buffers = [0, 1].map(() => [backend.allocate(dtype, 50), backend.allocate(dtype, 50)]);
    for (let run = 0; run < 6; run++) {
      const [input, output] = buffers[run % 2];
      const data = moderate(dtype, 50, run);
      const param = run - 2;
      backend.write(input, data);
      backend.run(executable, [input], [output], [paramOf(dtype, param)]);
      const [expected] = interpret(program, [data], [paramOf(dtype, param)]);
      expectArraysClose(dtype, await backend.read(output), expected);
    }
    for (const buffer of buffers.flat()) backend.free(buffer);
  });

  test('runs queue up in order', async (backend) => {
    const program = chainProgram(backend, dtype, 20, 1);
    const executable = backend.compile(program);
    const buffers = Array.from({ length: 12 }, () => backend.allocate(dtype, 20));
    let expected: HostArray = moderate(dtype, 20);
    backend.write(buffers[0], expected);
    for (let i = 1; i < buffers.length; i++) {
      backend.run(executable, [buffers[i - 1]], [buffers[i]], [paramOf(dtype, -1)]);
      [expected] = interpret(program, [expected], [paramOf(dtype, -1)]);
    }
    expectArraysClose(dtype, await backend.read(buffers[11]), expected);
    for (const buffer of buffers) backend.free(buffer);
  });

  test('many sizes of one structure', async (backend) => {
    for (const length of [1, 2, 3, 4, 5, 8, 15, 16, 17, 100, 128, 129, 1000, 5000])
      await expectAgreement(backend, chainProgram(backend, dtype, length, 3), [moderate(dtype, length)], {
        params: [paramOf(dtype, 2)],
      });
  });

  test('a softmax of three kernels', async (backend) => {
    if (dtype !== 'float32') return;
    for (const [rows, columns] of [
      [1, 1],
      [3, 10],
      [7, 1000],
      [300, 5],
    ]) {
      // exp and a sum of `columns` terms, each within a few ulps.
      await expectAgreement(
        backend,
        softmaxProgram(backend, rows, columns),
        [moderate(dtype, rows * columns)],
        {
          tolerance: { ulps: 16, absolute: 4 * epsilonOf(dtype) },
        },
      );
    }
  });

  test('programs may read no input, or write several outputs', async (backend) => {
    const builder = builderFor(backend);
    const outputs = [3, 5].map((length) => builder.output(dtype, length));
    builder.map([3], [{ op: 'const', dtype, value: paramOf(dtype, 7) }], 0, outputs[0]);
    builder.map([5], [{ op: 'const', dtype, value: paramOf(dtype, 1) }], 0, outputs[1]);
    await expectAgreement(backend, builder.build(), []);
  });

  test('a program without kernels does nothing', async (backend) => {
    await runOn(backend, builderFor(backend).build(), []);
  });

  test('repeated runs keep memory flat', async (backend) => {
    const executable: Executable = backend.compile(chainProgram(backend, dtype, 500, 4));
    const [input, output] = [backend.allocate(dtype, 500), backend.allocate(dtype, 500)];
    backend.write(input, hostArray(dtype, 500));
    backend.run(executable, [input], [output], [paramOf(dtype, 1)]);
    await backend.synchronize();
    await expectNoLeak(backend, async () => {
      for (let i = 0; i < 100; i++) backend.run(executable, [input], [output], [paramOf(dtype, i % 3)]);
    });
    backend.free(input);
    backend.free(output);
  });
}

const builderFor = (backend: Backend): ProgramBuilder =>
  new ProgramBuilder((dtype) => backend.bytesPerElement(dtype));

const paramOf = (dtype: DType, value: number): number | bigint => {
  const wrapped = dtype === 'uint8' ? Math.abs(value) : value;
  return dtype === 'int64' ? BigInt(wrapped) : wrapped;
};

/** x -> max(x + param, min(x, param)), `steps` times, by way of temporaries. */
function chainProgram(backend: Backend, dtype: DType, length: number, steps: number): Program {
  const builder = builderFor(backend);
  const param = builder.param(dtype);
  let from = builder.input(dtype, length);
  const last = builder.output(dtype, length);
  for (let step = 0; step < steps; step++) {
    const to = step === steps - 1 ? last : builder.temporary(dtype, length);
    builder.map(
      [length],
      [
        load(dtype, rowMajor(from, [length])),
        { op: 'param', dtype, index: param },
        { op: 'add', dtype, args: [0, 1] },
        { op: 'min', dtype, args: [0, 1] },
        { op: 'max', dtype, args: [2, 3] },
      ],
      4,
      to,
    );
    from = to;
  }
  return builder.build();
}

/** Doubles four times; two places in the arena are used in turn. */
function reusingProgram(backend: Backend, dtype: DType, length: number): Program {
  const builder = builderFor(backend);
  const input = builder.input(dtype, length);
  const output = builder.output(dtype, length);
  const first = builder.temporary(dtype, length);
  const second = builder.temporary(dtype, length);
  const third = builder.temporary(dtype, length, 0);
  const places = [input, first, second, third, output];
  for (let i = 1; i < places.length; i++) {
    const epilogue = [
      load(dtype, rowMajor(places[i - 1], [length])),
      { op: 'add', dtype, args: [0, 0] } as const,
    ];
    builder.map([length], epilogue, 1, places[i]);
  }
  return builder.build();
}

/** Casts from one dtype to the next through temporaries of each; every one is also an output. */
function mixedProgram(backend: Backend, dtypes: readonly DType[], length: number): Program {
  const builder = builderFor(backend);
  let from = builder.input(dtypes[0], length);
  let fromDType = dtypes[0];
  for (const dtype of dtypes.slice(1)) {
    const temporary = builder.temporary(dtype, length);
    const output = builder.output(dtype, length);
    const epilogue = [load(fromDType, rowMajor(from, [length])), { op: 'cast', dtype, args: [0] } as const];
    builder.map([length], epilogue, 1, temporary);
    builder.kernel({ kind: 'copy', name: `copy ${dtype}`, source: temporary, target: output });
    from = temporary;
    fromDType = dtype;
  }
  return builder.build();
}

/** Greatest of each row, sum of exponentials, quotient. */
function softmaxProgram(backend: Backend, rows: number, columns: number): Program {
  const dtype = 'float32';
  const builder = builderFor(backend);
  const shape = [rows, columns];
  const x = builder.input(dtype, rows * columns);
  const target = builder.output(dtype, rows * columns);
  const [greatest, total] = [builder.temporary(dtype, rows), builder.temporary(dtype, rows)];
  const each = load(dtype, rowMajor(x, shape));
  const row = (buffer: number) => load(dtype, { buffer, offset: 0, strides: [1, 0], guards: [] });
  const store = (buffer: number) => [{ access: rowMajor(buffer, [rows]), value: 0 }];
  const result = [{ op: 'result', dtype, index: 0 } as const];
  builder.loop({
    extents: [rows],
    producer: {
      kind: 'reduce',
      extents: [columns],
      body: [each],
      accumulators: [{ op: 'max', value: 0, dtype }],
    },
    epilogue: result,
    stores: store(greatest),
  });
  const exponential = [
    each,
    row(greatest),
    { op: 'sub', dtype, args: [0, 1] } as const,
    { op: 'exp', dtype, args: [2] } as const,
  ];
  builder.loop({
    extents: [rows],
    producer: {
      kind: 'reduce',
      extents: [columns],
      body: exponential,
      accumulators: [{ op: 'sum', value: 3, dtype }],
    },
    epilogue: result,
    stores: store(total),
  });
  builder.map(shape, [...exponential, row(total), { op: 'div', dtype, args: [3, 4] }], 5, target);
  return builder.build();
}
