import { type DType, type Instruction, mathOps, type ScalarOp } from '@nn/core';
import type { WebGpuBackend } from '@nn/webgpu';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  access,
  compare,
  createBackend,
  hostData,
  input,
  output,
  program,
  randomNumbers,
} from './support.ts';

let backend: WebGpuBackend;
beforeAll(async () => {
  backend = await createBackend();
});
afterAll(() => backend.dispose());

const special = [0, -0, 1, -1, 2, -2, 0.5, -0.5, 3, 1e-6, -1e-6, 1e6, -1e6, Infinity, -Infinity, Number.NaN];

/** Runs one operation over columns of operands. */
async function check(
  op: ScalarOp,
  dtypes: readonly DType[],
  result: DType,
  columns: readonly (readonly number[])[],
  options: { ulps?: number; absolute?: number } = {},
): Promise<void> {
  const count = columns[0].length;
  const loads = dtypes.map(
    (dtype, buffer): Instruction => ({ op: 'load', dtype, access: access(buffer, [1]) }),
  );
  const epilogue: Instruction[] = [...loads, { op, dtype: result, args: dtypes.map((_, i) => i) }];
  await compare(
    backend,
    program(
      [...dtypes.map((dtype) => input(dtype, count)), output(result, count)],
      [
        {
          kind: 'loop',
          name: op,
          extents: [count],
          producer: null,
          epilogue,
          stores: [{ access: access(dtypes.length, [1]), value: dtypes.length }],
        },
      ],
    ),
    columns.map((column, i) => hostData(dtypes[i], column)),
    options,
  );
}

function pairs(values: readonly number[]): [number[], number[]] {
  return [values.flatMap((x) => values.map(() => x)), values.flatMap(() => values)];
}

describe('float32', () => {
  const spread = [
    ...special,
    ...randomNumbers(200).map((x) => x * 3),
    ...randomNumbers(200, 2).map((x) => x * 80),
    ...randomNumbers(200, 3).map((x) => x * 0.01),
    ...randomNumbers(50, 4).map((x) => x * 30000),
  ].map(Math.fround);
  // Subnormal results may be flushed to zero by the hardware.
  const absolute = 2 ** -126;
  // Divisions are good to 2.5 units only, which shows in what is made of them.
  const loose: { readonly [op: string]: number } = {
    tan: 6,
    atanh: 6,
    asinh: 5,
    acosh: 5,
    sinh: 5,
    erfc: 16,
    tanh: 5,
    log1p: 5,
  };
  for (const op of mathOps) {
    it(`${op}`, () => check(op, ['float32'], 'float32', [spread], { ulps: loose[op] ?? 4, absolute }));
  }
  for (const op of ['neg', 'abs', 'floor', 'ceil', 'trunc', 'round', 'sqrt'] as const) {
    it(`${op}`, () =>
      check(op, ['float32'], 'float32', [[...spread, 1.5, 2.5, -1.5, -2.5]], {
        ulps: op === 'sqrt' ? 3 : 0,
      }));
  }
  const [left, right] = pairs([...special, ...randomNumbers(40, 5).map((x) => Math.fround(x * 20))]);
  for (const op of ['add', 'sub', 'mul', 'rem', 'min', 'max'] as const) {
    it(`${op}`, () => check(op, ['float32', 'float32'], 'float32', [left, right]));
  }
  it('rem of very different and of subnormal numbers', () =>
    check(
      'rem',
      ['float32', 'float32'],
      'float32',
      [
        [1e30, 1e38, 123456.7, 5e-39, -7e20, 1].map(Math.fround),
        [3, 1e-30, 1e-3, 3e-45, 0.1, 1e-45].map(Math.fround),
      ],
      { absolute },
    ));
  it('div', () => check('div', ['float32', 'float32'], 'float32', [left, right], { ulps: 3 }));
  it('atan2', () => check('atan2', ['float32', 'float32'], 'float32', [left, right], { ulps: 6, absolute }));
  it('pow', () => check('pow', ['float32', 'float32'], 'float32', [left, right], { ulps: 6, absolute }));
  it('pow of positive numbers', () =>
    check(
      'pow',
      ['float32', 'float32'],
      'float32',
      [
        randomNumbers(500, 7).map((x) => Math.fround(Math.abs(x) * 50)),
        randomNumbers(500, 8).map((x) => Math.fround(x * 20)),
      ],
      { ulps: 6, absolute },
    ));
  for (const op of ['eq', 'ne', 'lt', 'le'] as const) {
    it(`${op}`, () => check(op, ['float32', 'float32'], 'bool', [left, right]));
  }
  it('tells NaN from numbers by comparing a value with itself', async () => {
    const epilogue: Instruction[] = [
      { op: 'load', dtype: 'float32', access: access(0, [1]) },
      { op: 'ne', dtype: 'bool', args: [0, 0] },
      { op: 'sqrt', dtype: 'float32', args: [0] },
      { op: 'ne', dtype: 'bool', args: [2, 2] },
    ];
    const stores = [
      { access: access(1, [1]), value: 1 },
      { access: access(2, [1]), value: 3 },
    ];
    const what = program(
      [input('float32', 16), output('bool', 16), output('bool', 16)],
      [{ kind: 'loop', name: 'isnan', extents: [16], producer: null, epilogue, stores }],
    );
    const [found] = await compare(backend, what, [hostData('float32', special)]);
    expect(found.indexOf(1)).toBe(15);
  });
  it('fma', () =>
    check('fma', ['float32', 'float32', 'float32'], 'float32', [left, right, left], {
      ulps: 8,
      absolute: 1e-5,
    }));
});

for (const dtype of ['int32', 'int16', 'int8', 'uint8'] as const) {
  describe(dtype, () => {
    const range = { int32: 2 ** 31, int16: 2 ** 15, int8: 128, uint8: 256 }[dtype];
    const low = dtype === 'uint8' ? 0 : -range;
    const values = [
      0,
      1,
      2,
      3,
      7,
      100,
      range / 2,
      dtype === 'uint8' ? 255 : range - 1,
      low,
      low + 1,
      low + 5,
    ].map(Math.trunc);
    const [left, right] = pairs(values);
    for (const op of [
      'add',
      'sub',
      'mul',
      'div',
      'rem',
      'min',
      'max',
      'and',
      'or',
      'xor',
      'shiftLeft',
      'shiftRight',
      'shiftRightUnsigned',
    ] as const) {
      it(`${op}`, () => check(op, [dtype, dtype], dtype, [left, right]));
    }
    for (const op of ['eq', 'ne', 'lt', 'le'] as const) {
      it(`${op}`, () => check(op, [dtype, dtype], 'bool', [left, right]));
    }
    for (const op of ['neg', 'abs', 'not'] as const) it(`${op}`, () => check(op, [dtype], dtype, [values]));
    it('fma', () => check('fma', [dtype, dtype, dtype], dtype, [left, right, left]));
  });
}

describe('bool', () => {
  const [left, right] = pairs([0, 1]);
  for (const op of ['and', 'or', 'xor', 'eq', 'ne', 'lt', 'le', 'min', 'max'] as const) {
    it(`${op}`, () => check(op, ['bool', 'bool'], 'bool', [left, right]));
  }
  it('not', () => check('not', ['bool'], 'bool', [left]));
  it('where', () =>
    check('where', ['bool', 'float32', 'float32'], 'float32', [
      [0, 1, 1, 0],
      [1, Number.NaN, 3, Infinity],
      [5, 6, Number.NaN, 8],
    ]));
});

describe('the 16-bit floats', () => {
  const values = [...special, 65504, 65519, 65520, 6e-8, 3e-8, 1.0009765, 0.1, 2049, 2051, 1e-37, 3e38, 1e-7];
  const [left, right] = pairs(values);
  for (const dtype of ['float16', 'bfloat16'] as const) {
    for (const op of ['add', 'mul', 'sub', 'max', 'min'] as const) {
      it(`${op} ${dtype}`, () => check(op, [dtype, dtype], dtype, [left, right], { absolute: 2 ** -126 }));
    }
    it(`casts float32 to ${dtype} and back`, async () => {
      await check('cast', ['float32'], dtype, [[...values, ...randomNumbers(500).map((x) => x * 100)]], {
        absolute: 2 ** -126,
      });
      await check('cast', [dtype], 'float32', [values]);
    });
    it(`has the bits of ${dtype}`, async () => {
      await check('bitcast', [dtype], 'int16', [
        values.filter((x) => Math.abs(x) === 0 || Math.abs(x) > 1e-30),
      ]);
      await check('bitcast', ['int16'], dtype, [[0, 1, 0x3c00, 0x3f80, -1024, 0x0400, 0x4000]]);
    });
  }
});

describe('casts', () => {
  const floats = [
    0,
    -0,
    0.5,
    -0.5,
    1.9,
    -1.9,
    127.5,
    128,
    255.9,
    256,
    -129,
    40000,
    -40000,
    3e9,
    -3e9,
    2147483520,
    1e20,
    ...special,
  ];
  const integers = [0, 1, -1, 127, 128, 255, 256, -128, -129, 32767, 32768, 65535, 2147483647, -2147483648];
  for (const to of ['bool', 'uint8', 'int8', 'int16', 'int32'] as const) {
    it(`float32 to ${to}`, () => check('cast', ['float32'], to, [floats]));
    it(`int32 to ${to}`, () => check('cast', ['int32'], to, [integers]));
    it(`${to} to float32`, () => check('cast', [to], 'float32', [[0, 1, 1, 0]]));
  }
  it('int32 to float32', () => check('cast', ['int32'], 'float32', [integers]));
  it('bits', async () => {
    await check('bitcast', ['float32'], 'int32', [floats.filter((x) => !Number.isNaN(x))]);
    await check('bitcast', ['int32'], 'float32', [[0, 0x3f800000, -1082130432, 0x7f800000, 0x00800000]]);
  });
});

it('philox', () =>
  check('philox', ['int32', 'int32', 'int32', 'int32'], 'int32', [
    Array.from({ length: 256 }, (_, i) => i * 7919),
    Array.from({ length: 256 }, (_, i) => i % 3),
    Array.from({ length: 256 }, (_, i) => -i * 12345),
    Array.from({ length: 256 }, (_, i) => i * 104729),
  ]));
