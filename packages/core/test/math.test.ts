// The expansions of transcendental functions of float32 against float64, over the whole range.
import { describe, expect, it } from 'vitest';
import {
  type ExpandableOp,
  ExpressionBuilder,
  expandMath,
  hasExpansion,
  InternalError,
  mathOps,
} from '../src/index.ts';
import { distance, expanded, powReference, unaryReferences, worstOf } from './math-references.ts';

const fmaModes = ['fused', 'separate'] as const;

describe.each(mathOps)('%s', (op) => {
  // Two floats from the correctly rounded one is what the project promises of its elementary functions.
  it.each(fmaModes)('is within 2 ulp everywhere (%s)', (fma) => {
    const { ulps, at } = worstOf(op, fma, {}, Number.POSITIVE_INFINITY);
    expect(ulps, `at ${at}`).toBeLessThanOrEqual(2);
  });
});

describe.each(fmaModes)('exp of what is at most 0 (%s)', (fma) => {
  const f = expanded('exp', fma, { atMostZero: true });

  it('is within 2 ulp where it is a normal number', () => {
    for (let step = 0; step <= 100_000; step++) {
      const x = Math.fround(-87.336 * (step / 100_000) ** 3);
      expect(distance(f(x), Math.exp(x)), `at ${x}`).toBeLessThanOrEqual(2);
    }
  });

  it('ends in zeros, and keeps NaN', () => {
    expect(distance(f(-87.625), Math.exp(-87.625))).toBeLessThanOrEqual(2);
    for (const x of [-87.75, -88.4, -1000, -3e38, Number.NEGATIVE_INFINITY]) expect(f(x), `at ${x}`).toBe(0);
    expect(f(Number.NaN)).toBeNaN();
    expect(f(0)).toBe(1);
  });
});

describe('exp of what is at most 0, where products are added without being rounded', () => {
  const f = expanded('exp', 'fused', { atMostZero: true, fused: true });

  it('is within 2 ulp of that of nearly the same argument', () => {
    for (let step = -70_000; step <= 100_000; step++) {
      const x = Math.fround(-87.336 * (step / 100_000) ** 3);
      expect(distance(f(x), Math.exp(x * (1 - 2.748e-9))), `at ${x}`).toBeLessThanOrEqual(2);
    }
  });

  it('ends in zeros, and keeps NaN', () => {
    for (const x of [-87.75, -88.4, -1000, -3e38, Number.NEGATIVE_INFINITY]) expect(f(x), `at ${x}`).toBe(0);
    expect(f(Number.NaN)).toBeNaN();
    expect(f(0)).toBe(1);
    expect(distance(f(88), Math.exp(88 * (1 - 2.748e-9)))).toBeLessThanOrEqual(2);
  });
});

describe('without float64', () => {
  const usual = mathOps.filter((op) => op !== 'erfc');

  it.each(usual)('%s is within 2 ulp, of moderate angles', (op) => {
    const { ulps, at } = worstOf(op, 'fused', { wide: false }, 6000);
    // The sign of a zero may be lost: shading languages do not promise it.
    if (ulps === Number.POSITIVE_INFINITY) expect(at).toBe(-0);
    else expect(ulps, `at ${at}`).toBeLessThanOrEqual(2);
  });

  it('erfc is within 10 ulp', () => {
    expect(worstOf('erfc', 'fused', { wide: false }, 20).ulps).toBeLessThanOrEqual(10);
  });

  it.each(['sin', 'cos'] as const)('%s of a huge angle stays in [-1, 1]', (op) => {
    const f = expanded(op, 'fused', { wide: false });
    for (const x of [1e5, 12345678, -1e10, 3e38]) expect(Math.abs(f(x))).toBeLessThanOrEqual(1);
  });

  it('pow is right to four digits', () => {
    const f = expanded('pow', 'fused', { wide: false });
    for (const [x, y] of [
      [0.73, -250.5],
      [1.43, 200],
      [1e20, 1.9],
      [-3, 41],
    ]) {
      const [a, b] = [Math.fround(x), Math.fround(y)];
      expect(f(a, b) / powReference(a, b)).toBeCloseTo(1, 4);
    }
  });
});

const special: readonly number[] = [
  ...[0, 1, 2, 3, 0.5, 3.5, 2 ** 24 + 2, 1 - 2 ** -24, 1 + 2 ** -23],
  ...[2 ** -149, 2 ** -127, 2 ** -126, 3.4028234663852886e38, Number.POSITIVE_INFINITY],
].flatMap((x) => [x, -x]);
const specialPairs: readonly (readonly [number, number])[] = [...special, Number.NaN].flatMap((x) =>
  [...special, Number.NaN].map((y) => [x, y] as const),
);

function worstOfPairs(
  f: (a: number, b: number) => number,
  reference: (a: number, b: number) => number,
  pairs: Iterable<readonly [number, number]>,
): { readonly ulps: number; readonly at: readonly [number, number] } {
  let ulps = 0;
  let at: readonly [number, number] = [0, 0];
  for (const pair of pairs) {
    const here = distance(f(...pair), reference(...pair));
    if (here > ulps) [ulps, at] = [here, pair];
  }
  return { ulps, at };
}

/** A fixed sequence of numbers in [0, 1): Numerical Recipes' linear congruential generator. */
function* uniform(count: number): Generator<number> {
  let state = 1;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

/** Bases of any size and exponents for results of any size, whole ones with negative bases too. */
function* powPairs(): Generator<readonly [number, number]> {
  const random = [...uniform(400_000)];
  for (let i = 0; i < random.length; i += 2) {
    const [u, v] = [random[i], random[i + 1]];
    const base = i % 4 === 0 ? 2 ** (u * 276 - 148) : 0.5 + 1.5 * u;
    const exponent = ((2 * v - 1) * 155) / Math.max(Math.abs(Math.log2(base)), 1e-7);
    const whole = i % 16 === 2;
    yield [Math.fround(whole ? -base : base), Math.fround(whole ? Math.round(exponent) : exponent)];
  }
}

function* atan2Pairs(): Generator<readonly [number, number]> {
  const random = [...uniform(400_000)];
  for (let i = 0; i < random.length; i += 2) {
    const scale = 2 ** (random[i] * 240 - 120) * (i % 4 === 0 ? 1 : -1);
    const ratio = 2 ** ((random[i + 1] - 0.5) * 16) * (i % 8 < 4 ? 1 : -1);
    yield [Math.fround(scale), Math.fround(scale * ratio)];
  }
}

describe.each(fmaModes)('of two (%s)', (fma) => {
  it('pow has its special cases and is within 2 ulp', () => {
    const f = expanded('pow', fma, {});
    for (const pairs of [specialPairs, powPairs()]) {
      const { ulps, at } = worstOfPairs(f, powReference, pairs);
      expect(ulps, `at ${at}`).toBeLessThanOrEqual(2);
    }
  });

  it('atan2 has its special cases and is within 2 ulp', () => {
    const f = expanded('atan2', fma, {});
    for (const pairs of [specialPairs, atan2Pairs()]) {
      const { ulps, at } = worstOfPairs(f, Math.atan2, pairs);
      expect(ulps, `at ${at}`).toBeLessThanOrEqual(2);
    }
  });
});

describe('of float64', () => {
  const wideOps = mathOps.filter((op) => hasExpansion(op, 'float64'));
  const thresholds = [
    38,
    37.5,
    20,
    709.7827128933841,
    709.9,
    745.13,
    746,
    2 ** -1022,
    1,
    Math.LN2,
    Math.SQRT2,
  ];
  const points = [...uniform(40_000)]
    .map((u, i) => (i % 2 === 0 ? 2 ** (u * 2098 - 1074) : 4 * 2 ** (u * 16 - 8)))
    .concat(thresholds.flatMap((t) => [t, t * (1 + 2 ** -52), t * (1 - 2 ** -53)]))
    .concat(0, 5e-324, Number.MAX_VALUE, Number.POSITIVE_INFINITY, Number.NaN)
    .flatMap((x) => [x, -x]);

  it.each(wideOps)('%s is within 1e-15', (op) => {
    const f = expanded(op, 'separate', {}, 'float64');
    let worst = 0;
    let at = 0;
    for (const x of points) {
      const reference = unaryReferences[op](x);
      const got = f(x);
      if (Object.is(got, reference)) continue;
      // Half a unit of subnormals is no small part of them; a zero of the wrong sign is wrong.
      const size = got === reference ? 0 : Math.abs(reference) + 2 ** -1022;
      const error = Math.max(Math.abs(got - reference), Number.MIN_VALUE) / size;
      if (!(error <= worst)) [worst, at] = [error, x];
    }
    expect(worst, `at ${at}`).toBeLessThan(1e-15);
  });
});

describe('expandMath', () => {
  it('expands every function of float32, and says so', () => {
    const all: readonly ExpandableOp[] = [...mathOps, 'pow', 'atan2'];
    expect(all.filter((op) => !hasExpansion(op, 'float32'))).toEqual([]);
  });

  it('uses primitive instructions alone', () => {
    for (const op of [...mathOps, 'pow', 'atan2'] as const) {
      for (const wide of [true, false]) {
        const b = new ExpressionBuilder();
        const args = [0, 1].map((index) => b.add({ op: 'param', dtype: 'float32', index }));
        const result = expandMath(b, op, args, { wide });
        expect(b.dtypeOf(result)).toBe('float32');
        const used = new Set<string>(b.instructions.map((instruction) => instruction.op));
        expect([...mathOps, 'pow', 'atan2'].filter((name) => used.has(name))).toEqual([]);
        if (wide) continue;
        expect(b.instructions.some(({ dtype }) => dtype === 'float64' || dtype === 'int64')).toBe(false);
      }
    }
  });

  it('refuses what it cannot expand', () => {
    const b = new ExpressionBuilder();
    const x = b.add({ op: 'param', dtype: 'float16', index: 0 });
    expect(() => expandMath(b, 'exp', [x])).toThrow(InternalError);
  });
});
