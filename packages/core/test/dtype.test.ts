import { describe, expect, it } from 'vitest';
import {
  bytesPerElement,
  categoryOf,
  checkDType,
  type DType,
  DTypeError,
  dtypes,
  hostArray,
  hostArrayOver,
  isDType,
  isFloat,
  isInteger,
  type PromotionOperand,
  promoteTypes,
  resultType,
} from '../src/index.ts';

// torch.promote_types, row by row (PyTorch's c10/core/ScalarType.cpp, without the dtypes that are not here).
const names = [
  'bool',
  'uint8',
  'int8',
  'int16',
  'int32',
  'int64',
  'float16',
  'bfloat16',
  'float32',
  'float64',
];
const rows = `
  bool  u8    i8    i16   i32   i64   f16   bf16  f32   f64
  u8    u8    i16   i16   i32   i64   f16   bf16  f32   f64
  i8    i16   i8    i16   i32   i64   f16   bf16  f32   f64
  i16   i16   i16   i16   i32   i64   f16   bf16  f32   f64
  i32   i32   i32   i32   i32   i64   f16   bf16  f32   f64
  i64   i64   i64   i64   i64   i64   f16   bf16  f32   f64
  f16   f16   f16   f16   f16   f16   f16   f32   f32   f64
  bf16  bf16  bf16  bf16  bf16  bf16  f32   bf16  f32   f64
  f32   f32   f32   f32   f32   f32   f32   f32   f32   f64
  f64   f64   f64   f64   f64   f64   f64   f64   f64   f64`;
const short: { [name: string]: string } = {
  bool: 'bool',
  u8: 'uint8',
  i8: 'int8',
  i16: 'int16',
  i32: 'int32',
  i64: 'int64',
  f16: 'float16',
  bf16: 'bfloat16',
  f32: 'float32',
  f64: 'float64',
};
const table = rows
  .trim()
  .split('\n')
  .map((row) =>
    row
      .trim()
      .split(/ +/)
      .map((name) => short[name]),
  );

describe('promoteTypes', () => {
  it.each(names.map((name, i) => [name, i] as const))("agrees with PyTorch's row of %s", (name, i) => {
    expect(names.map((other) => promoteTypes(name as DType, other as DType))).toEqual(table[i]);
  });

  it('is commutative', () => {
    for (const a of dtypes) for (const b of dtypes) expect(promoteTypes(a, b)).toBe(promoteTypes(b, a));
  });
});

describe('resultType', () => {
  const tensor = (dtype: DType): PromotionOperand => ({ dtype, rank: 'dimensioned' });
  const zero = (dtype: DType): PromotionOperand => ({ dtype, rank: 'zeroDimensional' });
  const scalar = (dtype: DType): PromotionOperand => ({ dtype, rank: 'scalar' });

  it.each<[string, PromotionOperand[], DType]>([
    ['tensors promote', [tensor('int32'), tensor('float16')], 'float16'],
    ['a scalar of the category changes nothing', [tensor('float16'), scalar('float64')], 'float16'],
    ['a lower scalar changes nothing', [tensor('float16'), scalar('int32')], 'float16'],
    ['an integer scalar keeps uint8', [tensor('uint8'), scalar('int32')], 'uint8'],
    ['a float scalar makes integers float32', [tensor('int64'), scalar('float64')], 'float32'],
    ['an integer scalar makes bool int32', [tensor('bool'), scalar('int32')], 'int32'],
    [
      'a zero-dimensional tensor of the category changes nothing',
      [tensor('float32'), zero('float64')],
      'float32',
    ],
    ['one of a higher category decides', [tensor('int32'), zero('float64')], 'float64'],
    ['one of a lower category changes nothing', [tensor('float16'), zero('int64')], 'float16'],
    ['zero-dimensional tensors promote among themselves', [zero('int8'), zero('uint8')], 'int16'],
    ['a scalar weighs less than a zero-dimensional tensor', [zero('float16'), scalar('float64')], 'float16'],
    ['all three', [tensor('bool'), zero('int64'), scalar('float64')], 'float32'],
    ['scalars alone', [scalar('int32'), scalar('float64')], 'float32'],
    ['nothing', [], 'float32'],
  ])('%s', (_, operands, expected) => {
    expect(resultType(operands)).toBe(expected);
    expect(resultType([...operands].reverse())).toBe(expected);
  });

  it('takes another default float', () => {
    expect(resultType([tensor('int64'), scalar('float64')], 'float64')).toBe('float64');
  });
});

describe('dtypes', () => {
  it('have host arrays of their size', () => {
    for (const dtype of dtypes) {
      const array = hostArray(dtype, 3);
      expect(array.length).toBe(3);
      expect(array.BYTES_PER_ELEMENT).toBe(bytesPerElement(dtype));
      expect(hostArrayOver(dtype, array.buffer).buffer).toBe(array.buffer);
    }
  });

  it('have categories', () => {
    expect(dtypes.filter(isFloat)).toEqual(['float16', 'bfloat16', 'float32', 'float64']);
    expect(dtypes.filter(isInteger)).toEqual(['uint8', 'int8', 'int16', 'int32', 'int64']);
    expect(categoryOf('bool')).toBe('bool');
  });

  it('are checked by name, with a suggestion', () => {
    expect(checkDType('float32', 'zeros')).toBe('float32');
    expect(() => checkDType('float23', 'zeros')).toThrow(DTypeError);
    expect(() => checkDType('flaot32', 'zeros')).toThrow(
      "zeros: 'flaot32' is not a dtype. Did you mean 'float32'?",
    );
    expect(() => checkDType(7, 'zeros')).toThrow("zeros: '7' is not a dtype. dtypes are: bool, uint8");
    expect(isDType('toString')).toBe(false);
  });
});
