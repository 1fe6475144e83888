// Kernels of several steps over the same rows, and kernels of independent loops.
import type { Backend, DType, HostArray, Instruction, LoopKernel, Program, ReduceOp } from '@nn/core';
import { categoryOf, sizeOf } from '@nn/core';
import { access, load, ProgramBuilder, rowMajor } from '../build.ts';
import { epsilonOf } from '../compare.ts';
import type { Context } from '../context.ts';
import { expectAgreement } from '../device.ts';
import { hostOf, moderate, randomSource } from '../values.ts';

type Step = Partial<LoopKernel>;

/** Few and many, short and long: more and fewer than lanes, workgroups and threads. */
const sizes = [
  [1, 1],
  [1, 7],
  [3, 10],
  [5, 300],
  [64, 64],
  [70, 1000],
  [300, 5],
  [1, 3000],
  [2, 20_000],
  [129, 33],
  [5000, 4],
  [2, 0],
  [0, 3],
] as const;

export function rowsSuite({ test, dtypes }: Context): void {
  for (const dtype of dtypes.filter((one) => categoryOf(one) !== 'bool')) {
    test(`steps see what earlier ones wrote/${dtype}`, async (backend) => {
      for (const [rows, columns] of dtype === 'float32' || dtype === 'int32' ? sizes : sizes.slice(0, 7))
        await expectAgreement(backend, centredProgram(backend, dtype, rows, columns), [
          wholeNumbers(dtype, rows * columns),
        ]);
    });
  }
  const dtype = dtypes.find((one) => one === 'float32') ?? dtypes.find((one) => categoryOf(one) !== 'bool');
  if (dtype === undefined) return;

  test('rows that are neighbours in memory', async (backend) => {
    for (const [rows, columns] of [
      [3, 5],
      [40, 70],
      [1000, 9],
      [33, 700],
    ] as const)
      await expectAgreement(backend, centredProgram(backend, dtype, rows, columns, [1, rows]), [
        wholeNumbers(dtype, rows * columns),
      ]);
  });

  test('rows of several dimensions, apart in memory', async (backend) => {
    for (const shape of [
      [2, 3, 5, 7],
      [4, 6, 3, 65],
      [9, 20, 2, 2],
    ] as const)
      await expectAgreement(backend, channelsProgram(backend, dtype, shape), [
        wholeNumbers(dtype, sizeOf(shape)),
      ]);
  });

  test('several results a row', async (backend) => {
    for (const [rows, results, length] of [
      [1, 3, 5],
      [10, 3, 500],
      [5, 40, 30],
      [200, 100, 3],
      [0, 2, 2],
    ] as const)
      await expectAgreement(backend, severalProgram(backend, dtype, rows, results, length), [
        wholeNumbers(dtype, rows * length),
      ]);
  });

  test('one row of everything', async (backend) => {
    for (const length of [1, 100, 1500]) {
      const builder = builderFor(backend);
      const [from, total] = [builder.input(dtype, length), builder.temporary(dtype, 1)];
      const [to, doubled] = [builder.output(dtype, length), builder.output(dtype, 1)];
      const each = load(dtype, access(from, [1]));
      builder.rows(
        [],
        [
          reduce('sum', dtype, [], [length], [each], total),
          map([], [load(dtype, access(total, [])), add(dtype, 0, 0)], doubled),
          map([length], [each, load(dtype, access(doubled, [0])), add(dtype, 0, 1)], to),
        ],
      );
      await expectAgreement(backend, builder.build(), [wholeNumbers(dtype, length)]);
    }
  });

  test('a step overwrites what earlier ones read', async (backend) => {
    for (const [rows, columns] of sizes) {
      const program = overwritingProgram(backend, dtype, rows, columns);
      await expectAgreement(backend, program, [
        wholeNumbers(dtype, rows * columns),
        wholeNumbers(dtype, rows),
      ]);
    }
  });

  test('a step stores only where its guards hold', async (backend) => {
    const [rows, columns] = [40, 100];
    const builder = builderFor(backend);
    const from = builder.input(dtype, rows * columns);
    const [half, to] = [builder.output(dtype, rows), builder.output(dtype, rows)];
    const guards = [{ offset: -7, strides: [1], size: 20 }];
    builder.rows(
      [rows],
      [
        {
          ...reduce('sum', dtype, [rows], [columns], [load(dtype, rowMajor(from, [rows, columns]))], half),
          stores: [{ access: access(half, [1], 0, guards), value: 0 }],
        },
        map([rows], [load(dtype, access(half, [1])), add(dtype, 0, 0)], to),
      ],
    );
    await expectAgreement(backend, builder.build(), [wholeNumbers(dtype, rows * columns)]);
  });

  if (dtypes.includes('int32')) {
    test('positions and extremes together', async (backend) => {
      for (const [rows, columns] of [
        [1, 9],
        [50, 70],
        [3, 5000],
      ] as const)
        await expectAgreement(backend, positionsProgram(backend, dtype, rows, columns), [
          wholeNumbers(dtype, rows * columns),
        ]);
    });
  }

  if (dtypes.includes('float32')) {
    test('a softmax in one kernel', async (backend) => {
      // exp and a sum of `columns` terms, each within a few ulps.
      for (const [rows, columns] of [
        [1, 1],
        [3, 10],
        [7, 1000],
        [300, 5],
        [70, 257],
      ] as const)
        await expectAgreement(
          backend,
          softmaxProgram(backend, rows, columns),
          [moderate('float32', rows * columns)],
          {
            tolerance: { ulps: 16, absolute: 4 * epsilonOf('float32') },
          },
        );
    });
  }

  test('independent loops', async (backend) => {
    for (const count of [1, 2, 5, 23]) {
      const program = parallelProgram(backend, dtype, count);
      const inputs = program.buffers.filter(({ role }) => role === 'input' || role === 'updated');
      await expectAgreement(
        backend,
        program,
        inputs.map(({ length }, at) => wholeNumbers(dtype, length, at)),
        { params: [dtype === 'int64' ? 2n : 2] },
      );
    }
  });

  test('independent loops that fill one buffer', async (backend) => {
    const widths = [1, 3, 64, 5, 130];
    await expectAgreement(
      backend,
      joiningProgram(backend, dtype, 7, widths),
      widths.map((width, at) => wholeNumbers(dtype, 7 * width, at)),
    );
  });
}

const builderFor = (backend: Backend): ProgramBuilder =>
  new ProgramBuilder((dtype) => backend.bytesPerElement(dtype));

/** Small ones, whose sums are exact in any order; in most dtypes also signed. */
function wholeNumbers(dtype: DType, length: number, seed = 1): HostArray {
  const random = randomSource(seed + length);
  const least = dtype === 'uint8' ? 0 : -4;
  return hostOf(
    dtype,
    Array.from({ length }, () => least + Math.floor(random() * 9)),
  );
}

const add = (dtype: DType, a: number, b: number): Instruction => ({ op: 'add', dtype, args: [a, b] });
const sub = (dtype: DType, a: number, b: number): Instruction => ({ op: 'sub', dtype, args: [a, b] });

/** Stores the last value in row-major order. */
function map(extents: readonly number[], epilogue: readonly Instruction[], target: number): Step {
  return { extents, epilogue, stores: [{ access: rowMajor(target, extents), value: epilogue.length - 1 }] };
}

/** Reduces the last value of the body; the results are stored in row-major order. */
function reduce(
  op: ReduceOp,
  dtype: DType,
  extents: readonly number[],
  reduced: readonly number[],
  body: readonly Instruction[],
  target: number,
): Step {
  const accumulators = [{ op, value: body.length - 1, dtype }];
  return {
    extents,
    producer: { kind: 'reduce', extents: reduced, body, accumulators },
    epilogue: [{ op: 'result', dtype, index: 0 }],
    stores: [{ access: rowMajor(target, extents), value: 0 }],
  };
}

/**
 * Each row less its greatest value, which is kept; its sum, twice that; and the row from its end to its beginning with
 * that added. So a step needs one result of an earlier one, each its own, or one of another column.
 */
function centredProgram(
  backend: Backend,
  dtype: DType,
  rows: number,
  columns: number,
  strides: readonly [number, number] = [columns, 1],
): Program {
  const builder = builderFor(backend);
  const size = rows * columns;
  const x = builder.input(dtype, size);
  const [greatest, sum] = [builder.output(dtype, rows), builder.temporary(dtype, rows)];
  const [twice, centred] = [builder.temporary(dtype, rows), builder.temporary(dtype, size)];
  const y = builder.output(dtype, size);
  const at = (buffer: number): Instruction => load(dtype, access(buffer, strides));
  const ofRow = (buffer: number, rank: number): Instruction =>
    load(dtype, access(buffer, [1, 0].slice(0, rank)));
  const last = strides[1] * Math.max(0, columns - 1);
  const reversed = load(dtype, access(centred, [strides[0], -strides[1]], last));
  const store = (buffer: number, value: number) => [{ access: access(buffer, strides), value }];
  const shape = [rows, columns];
  builder.rows(
    [rows],
    [
      reduce('max', dtype, [rows], [columns], [at(x)], greatest),
      { extents: shape, epilogue: [at(x), ofRow(greatest, 2), sub(dtype, 0, 1)], stores: store(centred, 2) },
      reduce('sum', dtype, [rows], [columns], [at(centred)], sum),
      map([rows], [ofRow(sum, 1), add(dtype, 0, 0)], twice),
      { extents: shape, epilogue: [reversed, ofRow(twice, 2), add(dtype, 0, 1)], stores: store(y, 2) },
    ],
  );
  return builder.build();
}

/** As a normalisation of [n, c, h, w] over all but c: the rows lie between the other dimensions. */
function channelsProgram(backend: Backend, dtype: DType, [n, c, h, w]: readonly number[]): Program {
  const builder = builderFor(backend);
  const size = n * c * h * w;
  const [x, y] = [builder.input(dtype, size), builder.output(dtype, size)];
  const [total, least] = [builder.temporary(dtype, c), builder.output(dtype, c)];
  const strides = [h * w, c * h * w, w, 1];
  const each = load(dtype, access(x, strides));
  const ofRow = (buffer: number): Instruction => load(dtype, access(buffer, [1, 0, 0, 0]));
  builder.rows(
    [c],
    [
      reduce('sum', dtype, [c], [n, h, w], [each], total),
      reduce('min', dtype, [c], [n, h, w], [each, ofRow(total), add(dtype, 0, 1)], least),
      {
        extents: [c, n, h, w],
        epilogue: [each, ofRow(total), ofRow(least), add(dtype, 0, 1), sub(dtype, 3, 2)],
        stores: [{ access: access(y, strides), value: 4 }],
      },
    ],
  );
  return builder.build();
}

/** Of each row, `results` sums of it with one more added each time; then the differences of neighbouring ones. */
function severalProgram(
  backend: Backend,
  dtype: DType,
  rows: number,
  results: number,
  length: number,
): Program {
  const builder = builderFor(backend);
  const x = builder.input(dtype, rows * length);
  const [sums, differences] = [
    builder.temporary(dtype, rows * results),
    builder.output(dtype, rows * results),
  ];
  const shape = [rows, results];
  const body = [
    load(dtype, access(x, [length, 0, 1])),
    { op: 'index', dtype, affine: { offset: 0, strides: [0, 1, 0] } } as const,
    add(dtype, 0, 1),
  ];
  const guards = [{ offset: 1, strides: [0, 1], size: results }];
  builder.rows(
    [rows],
    [
      reduce('sum', dtype, shape, [length], body, sums),
      map(
        shape,
        [
          load(dtype, rowMajor(sums, shape)),
          load(dtype, access(sums, [results, 1], 1, guards)),
          sub(dtype, 1, 0),
        ],
        differences,
      ),
    ],
  );
  return builder.build();
}

/** Sums a row, adds the sum to a number that the row has, and that to the row itself. */
function overwritingProgram(backend: Backend, dtype: DType, rows: number, columns: number): Program {
  const builder = builderFor(backend);
  const [x, held] = [builder.updated(dtype, rows * columns), builder.updated(dtype, rows)];
  const shape = [rows, columns];
  const each = load(dtype, rowMajor(x, shape));
  builder.rows(
    [rows],
    [
      {
        ...reduce('sum', dtype, [rows], [columns], [each], held),
        epilogue: [{ op: 'result', dtype, index: 0 }, load(dtype, access(held, [1])), add(dtype, 0, 1)],
        stores: [{ access: access(held, [1]), value: 2 }],
      },
      map(shape, [each, load(dtype, access(held, [1, 0])), add(dtype, 0, 1)], x),
      map([rows], [load(dtype, access(held, [1])), add(dtype, 0, 0)], held),
    ],
  );
  return builder.build();
}

function positionsProgram(backend: Backend, dtype: DType, rows: number, columns: number): Program {
  const builder = builderFor(backend);
  const x = builder.input(dtype, rows * columns);
  const [where, greatest] = [builder.output('int32', rows), builder.temporary(dtype, rows)];
  const counts = builder.output('int32', rows);
  const each = load(dtype, rowMajor(x, [rows, columns]));
  builder.rows(
    [rows],
    [
      {
        extents: [rows],
        producer: {
          kind: 'reduce',
          extents: [columns],
          body: [each],
          accumulators: [
            { op: 'argmax', value: 0, dtype: 'int32' },
            { op: 'max', value: 0, dtype },
          ],
        },
        epilogue: [
          { op: 'result', dtype: 'int32', index: 0 },
          { op: 'result', dtype, index: 1 },
        ],
        stores: [
          { access: access(where, [1]), value: 0 },
          { access: access(greatest, [1]), value: 1 },
        ],
      },
      // How often the greatest value occurs.
      reduce(
        'sum',
        'int32',
        [rows],
        [columns],
        [
          each,
          load(dtype, access(greatest, [1, 0])),
          { op: 'eq', dtype: 'bool', args: [0, 1] },
          { op: 'cast', dtype: 'int32', args: [2] },
        ],
        counts,
      ),
    ],
  );
  return builder.build();
}

function softmaxProgram(backend: Backend, rows: number, columns: number): Program {
  const dtype = 'float32';
  const builder = builderFor(backend);
  const shape = [rows, columns];
  const [x, y] = [builder.input(dtype, rows * columns), builder.output(dtype, rows * columns)];
  const [greatest, total] = [builder.temporary(dtype, rows), builder.temporary(dtype, rows)];
  const each = load(dtype, rowMajor(x, shape));
  const ofRow = (buffer: number): Instruction => load(dtype, access(buffer, [1, 0]));
  const exponential: Instruction[] = [
    each,
    ofRow(greatest),
    sub(dtype, 0, 1),
    { op: 'exp', dtype, args: [2] },
  ];
  builder.rows(
    [rows],
    [
      reduce('max', dtype, [rows], [columns], [each], greatest),
      reduce('sum', dtype, [rows], [columns], exponential, total),
      map(shape, [...exponential, ofRow(total), { op: 'div', dtype, args: [3, 4] }], y),
    ],
  );
  return builder.build();
}

/** As an optimizer's step: each part updates a buffer in place and keeps the square of another; one adds up a third. */
function parallelProgram(backend: Backend, dtype: DType, count: number): Program {
  const builder = builderFor(backend);
  const rate = builder.param(dtype);
  const parts: Step[] = [];
  for (let part = 0; part < count; part++) {
    const length = [1, 300, 64, 7, 1025][part % 5];
    const [value, gradient] = [builder.updated(dtype, length), builder.input(dtype, length)];
    const square = builder.output(dtype, length);
    parts.push({
      extents: [length],
      epilogue: [
        load(dtype, access(value, [1])),
        load(dtype, access(gradient, [1])),
        { op: 'param', dtype, index: rate },
        { op: 'mul', dtype, args: [1, 2] },
        sub(dtype, 0, 3),
        { op: 'mul', dtype, args: [1, 1] },
      ],
      stores: [
        { access: access(value, [1]), value: 4 },
        { access: access(square, [1]), value: 5 },
      ],
    });
    const total = builder.output(dtype, 1);
    if (part % 3 === 1)
      parts.push(reduce('sum', dtype, [], [length], [load(dtype, access(gradient, [1]))], total));
  }
  builder.parallel(parts);
  return builder.build();
}

/** Matrices of some rows side by side, and their squares behind these: each part stores into one buffer twice. */
function joiningProgram(backend: Backend, dtype: DType, rows: number, widths: readonly number[]): Program {
  const builder = builderFor(backend);
  const columns = widths.reduce((sum, width) => sum + width, 0);
  const joined = builder.output(dtype, 2 * rows * columns);
  let start = 0;
  const parts = widths.map((width): Step => {
    const place = { ...access(joined, [2 * columns, 1]), offset: start };
    start += width;
    return {
      extents: [rows, width],
      epilogue: [
        load(dtype, access(builder.input(dtype, rows * width), [width, 1])),
        { op: 'mul', dtype, args: [0, 0] },
      ],
      stores: [
        { access: place, value: 0 },
        { access: { ...place, offset: place.offset + columns }, value: 1 },
      ],
    };
  });
  builder.parallel(parts);
  return builder.build();
}
