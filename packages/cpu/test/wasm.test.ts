import { describe, expect, test } from 'vitest';
import {
  atomic,
  choose,
  type Expression,
  f32,
  f32x4,
  f64,
  features,
  i8x16,
  i16x8,
  i32,
  i32x4,
  i64,
  i64x2,
  ModuleBuilder,
  select,
  type ValueType,
  v128,
} from '../src/wasm/index.ts';

type Exports = Record<string, (...values: (number | bigint)[]) => number | bigint>;

function instantiate(module: ModuleBuilder, imports: WebAssembly.Imports = {}): Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(module.build()), imports).exports as Exports;
}

function evaluate(value: Expression<ValueType>): number | bigint {
  const module = new ModuleBuilder();
  module.function([], [value.type], (code) => code.return(value), 'f');
  return instantiate(module).f();
}

describe('scalar instructions', () => {
  test.each<[string, Expression, number | bigint]>([
    ['i32.divS', i32.divS(-7, 2), -3],
    ['i32.remU', i32.remU(-1, 10), 5],
    ['i32.rotl', i32.rotl(0x80000001, 1), 3],
    ['i32.clz', i32.clz(1), 31],
    ['i64.mul', i64.mul(3_000_000_000n, 3n), 9_000_000_000n],
    ['i64.ltS', i64.ltS(-1n, 0n), 1],
    ['i64.extendI32U', i64.extendI32U(-1), 0xffffffffn],
    ['f32.sqrt', f32.sqrt(2), Math.fround(Math.SQRT2)],
    ['f32.demoteF64', f32.demoteF64(0.1), Math.fround(0.1)],
    ['f64.copysign', f64.copysign(3, -0), -3],
    ['f64.nearest', f64.nearest(2.5), 2],
    ['i32.truncSatF32S', i32.truncSatF32S(1e20), 2 ** 31 - 1],
    ['i64.truncSatF64S', i64.truncSatF64S(Number.NaN), 0n],
    ['f64.convertI64U', f64.convertI64U(-1n), 2 ** 64],
    ['i32.extend8S', i32.extend8S(0xff), -1],
    ['f64.reinterpretI64', f64.reinterpretI64(0x3ff0000000000000n), 1],
    ['select', select(0, i32.constant(4), i32.constant(9)), 9],
    ['choose', choose(1, f32.constant(4), f32.constant(9)), 4],
  ])('%s', (_, value, expected) => {
    expect(evaluate(value)).toBe(expected);
  });
});

describe('vector instructions', () => {
  test.each<[string, Expression, number | bigint]>([
    ['f32x4.add', f32x4.extractLane(f32x4.add(f32x4.constant(1, 2, 3, 4), f32x4.splat(0.5)), 2), 3.5],
    [
      'i32x4.shuffle',
      i32x4.extractLane(
        i32x4.shuffle(i32x4.constant(0, 1, 2, 3), i32x4.constant(4, 5, 6, 7), [0, 5, 2, 7]),
        3,
      ),
      7,
    ],
    ['i64x2.mul', i64x2.extractLane(i64x2.mul(i64x2.constant(5n, -6n), i64x2.splat(7n)), 1), -42n],
    ['i8x16.extractLane', i8x16.extractLane(i8x16.splat(-1), 3), -1],
    ['i16x8.extendLowI8x16S', i16x8.extractLane(i16x8.extendLowI8x16S(i8x16.splat(-2)), 1), -2],
    ['i32x4.shl', i32x4.extractLane(i32x4.shl(i32x4.splat(3), 4), 0), 48],
    ['i32x4.allTrue', i32x4.allTrue(f32x4.lt(f32x4.constant(1, 5, 1, 5), f32x4.splat(3))), 0],
    [
      'v128.bitselect',
      i32x4.extractLane(v128.bitselect(i32x4.splat(1), i32x4.splat(2), i32x4.constant(0, -1)), 1),
      1,
    ],
    [
      'i64x2.extmulHighI32x4U',
      i64x2.extractLane(i64x2.extmulHighI32x4U(i32x4.splat(70_000), i32x4.splat(70_000)), 0),
      4_900_000_000n,
    ],
    ['f32x4.replaceLane', f32x4.extractLane(f32x4.replaceLane(f32x4.constant(0), 3, 8), 3), 8],
    ['select of vectors', i32x4.extractLane(select(1, i32x4.splat(5), i32x4.splat(6)), 0), 5],
  ])('%s', (_, value, expected) => {
    expect(evaluate(value)).toBe(expected);
  });

  test('relaxed multiply-add where the engine has it', () => {
    expect(features().simd).toBe(true);
    if (!features().relaxedSimd) return;
    const value = f32x4.relaxedMadd(f32x4.splat(3), f32x4.splat(4), f32x4.splat(5));
    expect(evaluate(f32x4.extractLane(value, 1))).toBe(17);
  });
});

describe('control flow', () => {
  test('loops, nested branches, calls and locals', () => {
    const module = new ModuleBuilder();
    const square = module.function(['i32'], ['i32'], (code, value) => code.return(i32.mul(value, value)));
    module.function(
      ['i32'],
      ['i32'],
      (code, count) => {
        const sum = code.local('i32', 0);
        code.block((done) => {
          code.for(0, count, (index) => {
            code.branchIf(done, i32.eq(index, 5));
            code.if(i32.and(index, 1), () =>
              code.set(sum, i32.add(sum, code.callFor('i32', square, [index]))),
            );
          });
        });
        code.return(sum);
      },
      'oddSquares',
    );
    const { oddSquares } = instantiate(module);
    expect([0, 1, 2, 4, 100].map((count) => oddSquares(count))).toEqual([0, 0, 1, 10, 10]);
  });

  test('a switch runs one choice, the last when the index is past the end', () => {
    const module = new ModuleBuilder();
    module.function(
      ['i32'],
      ['i32'],
      (code, index) => {
        const result = code.local('i32', 0);
        code.switch(
          index,
          [10, 20, 30].map((value) => () => code.set(result, i32.add(result, value))),
        );
        code.return(result);
      },
      'pick',
    );
    const { pick } = instantiate(module);
    expect([0, 1, 2, 3, -1].map((index) => pick(index))).toEqual([10, 20, 30, 30, 30]);
  });

  test('locals of a scope are reused, and keep their types apart', () => {
    const module = new ModuleBuilder();
    module.function(
      [],
      ['f32'],
      (code) => {
        const first = code.scope(() => code.local('f32', 1));
        const second = code.scope(() => code.local('i32', 2));
        const third = code.scope(() => code.local('f32', 3));
        expect(third.index).toBe(first.index);
        expect(second.index).not.toBe(first.index);
        code.return(third);
      },
      'f',
    );
    expect(instantiate(module).f()).toBe(3);
  });

  test('shared memory, narrow accesses, atomics and imported functions', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
    const seen: number[] = [];
    const module = new ModuleBuilder();
    module.importMemory({ module: 'env', name: 'memory', minimum: 1, maximum: 2, shared: true });
    const report = module.importFunction('env', 'report', ['i32'], []);
    module.function(
      [],
      ['i32'],
      (code) => {
        code.emit(i32.store8(100, 0x1ff));
        code.call(report, [i32.load8S(100)]);
        code.call(report, [i32.load8U(99, 1)]);
        code.emit(v128.store64Lane(200, i32x4.constant(1, 2, 3, 4), 1, 8));
        code.call(report, [i32.load(212)]);
        code.drop(atomic.add(64, 5));
        code.return(atomic.compareExchange(64, 5, 9));
      },
      'f',
    );
    const report_ = (value: number): number => seen.push(value);
    expect(instantiate(module, { env: { memory, report: report_ } }).f()).toBe(5);
    expect(new Int32Array(memory.buffer)[16]).toBe(9);
    expect(seen).toEqual([-1, 255, 4]);
  });
});
