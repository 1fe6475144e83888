// Selections with a long side, which kernels compute only where some lane takes it: against the interpreter.
import type { Instruction, Value } from '@nn/core';
import { afterAll, describe, test } from 'vitest';
import { backends } from './support/backends.ts';
import { at, expectAgreement, input, load, loop, output, program } from './support/programs.ts';

const dtype = 'int32';

/** Collects instructions; `long` is a value after many steps. */
class Steps {
  readonly list: Instruction[] = [];

  add(instruction: Instruction): Value {
    return this.list.push(instruction) - 1;
  }

  constant(value: number): Value {
    return this.add({ op: 'const', dtype, value });
  }

  binary(op: 'add' | 'mul' | 'xor', a: Value, b: Value): Value {
    return this.add({ op, dtype, args: [a, b] });
  }

  less(a: Value, limit: number): Value {
    return this.add({ op: 'lt', dtype: 'bool', args: [a, this.constant(limit)] });
  }

  where(condition: Value, a: Value, b: Value): Value {
    return this.add({ op: 'where', dtype, args: [condition, a, b] });
  }

  long(x: Value, factor: number): Value {
    const by = this.constant(factor);
    let value = x;
    for (let i = 0; i < 20; i++) value = this.binary('xor', this.binary('mul', value, by), x);
    return value;
  }
}

const shapes: { readonly [name: string]: (s: Steps, x: Value) => Value } = {
  'one long side, computed before its condition': (s, x) => {
    const far = s.long(x, 3);
    return s.where(s.less(x, 0), far, x);
  },
  'several selections by one condition': (s, x) => {
    const condition = s.less(x, 0);
    const far = s.long(x, 3);
    const first = s.where(condition, far, x);
    const further = s.binary('add', far, s.long(first, 5));
    return s.binary('xor', s.where(condition, further, s.constant(4)), first);
  },
  'a long side that is used elsewhere too': (s, x) => {
    const far = s.long(x, 3);
    return s.binary('add', s.where(s.less(x, 0), s.long(far, 7), x), far);
  },
  'a long side that both cases take': (s, x) => {
    const far = s.long(x, 3);
    return s.where(s.less(x, 0), far, far);
  },
  'a long side that decides': (s, x) => {
    const far = s.long(x, 3);
    return s.where(s.less(far, 0), far, x);
  },
  'a long side under two conditions': (s, x) => {
    const far = s.long(x, 3);
    const first = s.where(s.less(x, 0), far, x);
    return s.binary('add', s.where(s.less(x, 20), far, s.constant(9)), first);
  },
  'a long side within another': (s, x) => {
    const inner = s.where(s.less(x, -50), s.long(x, 11), x);
    return s.where(s.less(x, 0), s.long(inner, 3), x);
  },
};

const lengths = [3, 4, 37];
/** No lane takes the long side, every lane does, some do. */
const inputs = [(i: number) => i + 1, (i: number) => -i - 1, (i: number) => (i % 7 === 3 ? -60 - i : i)];

for (const { name, make } of backends) {
  describe(name, () => {
    const backend = make();
    afterAll(() => backend.dispose());
    for (const [shape, write] of Object.entries(shapes)) {
      test(shape, () => {
        for (const length of lengths)
          for (const value of inputs) {
            const steps = new Steps();
            const x = steps.add(load(0, dtype, [1]));
            const result = write(steps, x);
            const elementwise = loop({
              extents: [length],
              epilogue: steps.list,
              stores: [{ access: at(1, [1]), value: result }],
            });
            const reduced = loop({
              extents: [],
              producer: {
                kind: 'reduce',
                extents: [length],
                body: steps.list,
                accumulators: [{ op: 'sum', value: result, dtype }],
              },
              epilogue: [{ op: 'result', dtype, index: 0 }],
              stores: [{ access: at(2, []), value: 0 }],
            });
            expectAgreement(
              backend,
              program(
                [input(dtype, length), output(dtype, length), output(dtype, 1)],
                [elementwise, reduced],
              ),
              [Int32Array.from({ length }, (_, i) => value(i))],
            );
          }
      });
    }

    test('angles, huge ones among them', () => {
      const angles = [1, -2.5, 1e6, 3, 1e30, 0.1, -3e9, Infinity, 2, 4, -7, 0.3, NaN, 6001, 5999, 1];
      for (const op of ['sin', 'cos', 'tan'] as const)
        expectAgreement(
          backend,
          program(
            [input('float32', angles.length), output('float32', angles.length)],
            [
              loop({
                extents: [angles.length],
                epilogue: [load(0, 'float32', [1]), { op, dtype: 'float32', args: [0] }],
                stores: [{ access: at(1, [1]), value: 1 }],
              }),
            ],
          ),
          [Float32Array.from(angles)],
        );
    });

    test('logarithms and powers, of special numbers among usual ones', () => {
      const usual = Array.from({ length: 33 }, (_, i) => 0.3 + 0.17 * i);
      const special = [0, -0, 1e-40, -1, -1e-41, Infinity, -Infinity, NaN, 2.5e38, 1, -2, -0.5];
      // Vectors with one, with several, with none of them, and elements that are left.
      const mixed = usual.map((x, i) => (i < 24 && i % 5 === 2 ? special[i % special.length] : x));
      const given = [...mixed, ...special, ...usual];
      const other = given.map((_, i) => [2.5, -3, 0, 1, NaN, Infinity, 7, -0.5, 1e30][(i * 4) % 9]);
      const { length } = given;
      const x = load(0, 'float32', [1]);
      for (const op of ['log', 'log1p', 'log2', 'log10', 'pow'] as const) {
        const list: Instruction[] =
          op === 'pow'
            ? [x, load(1, 'float32', [1]), { op, dtype: 'float32', args: [0, 1] }]
            : [x, { op, dtype: 'float32', args: [0] }];
        const stores = [{ access: at(2, [1]), value: list.length - 1 }];
        const buffers = [input('float32', length), input('float32', length), output('float32', length)];
        expectAgreement(backend, program(buffers, [loop({ extents: [length], epilogue: list, stores })]), [
          Float32Array.from(given),
          Float32Array.from(other),
        ]);
      }
    });

    test('extrema where either is NaN', () => {
      const values = [1, NaN, -2, NaN, 0.5, Infinity, -Infinity, 3, NaN];
      const others = [NaN, 1, 2, NaN, -1, NaN, NaN, 3, -Infinity];
      const { length } = values;
      for (const dtype of ['float32', 'float64'] as const)
        for (const op of ['min', 'max'] as const)
          expectAgreement(
            backend,
            program(
              [input(dtype, length), input(dtype, length), output(dtype, length)],
              [
                loop({
                  extents: [length],
                  epilogue: [load(0, dtype, [1]), load(1, dtype, [1]), { op, dtype, args: [0, 1] }],
                  stores: [{ access: at(2, [1]), value: 2 }],
                }),
              ],
            ),
            dtype === 'float32'
              ? [Float32Array.from(values), Float32Array.from(others)]
              : [Float64Array.from(values), Float64Array.from(others)],
          );
    });
  });
}
