// Special functions against references of higher precision (scripts/references.py), and what they refuse.
import { readFileSync } from 'node:fs';
import {
  ArgumentError,
  DTypeError,
  frexp,
  igamma,
  interpreter,
  mvlgamma,
  nextafter,
  polygamma,
  scalarFunction,
  special,
  type Tensor,
  tensor,
  use,
} from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));

interface References {
  readonly unary: Readonly<Record<string, readonly (readonly [number, number])[]>>;
  readonly binary: Readonly<Record<string, readonly (readonly [number, number, number])[]>>;
  readonly polygamma: Readonly<Record<string, readonly (readonly [number, number])[]>>;
}
const references: References = JSON.parse(
  readFileSync(new URL('special-references.json', import.meta.url), 'utf8'),
);

const double = (data: readonly number[]): Tensor => tensor(Float64Array.from(data));
const single = (data: readonly number[]): Tensor => tensor(Float32Array.from(data));
const functions = special as unknown as Readonly<Record<string, (...args: Tensor[]) => Tensor>>;

/** The greatest error, relative for values above the unit and absolute in it below. */
async function worst(result: Tensor, expected: readonly number[], unit: number): Promise<number> {
  const actual = Array.from((await result.data()) as ArrayLike<number>);
  return Math.max(...expected.map((e, i) => Math.abs(actual[i] - e) / Math.max(Math.abs(e), unit)));
}

/** Where a function has zeros, errors are absolute in its size around them. */
const units: Readonly<Record<string, number>> = {
  gammaln: 1e-3,
  digamma: 0.1,
  besselJ0: 0.1,
  besselJ1: 1e-3,
  besselY0: 0.1,
  besselY1: 0.1,
  airyAi: 1e-6,
  legendrePolynomialP: 0.1,
  laguerrePolynomialL: 1,
};
/** Exponents and phases of this size cost so many digits: x² of erfcx, ζ of Airy's function, s log q. */
const tolerances: Readonly<Record<string, number>> = {
  erfcx: 1e-13,
  airyAi: 2e-10,
  zeta: 2e-13,
  gammainc: 1e-12,
};

describe('special functions agree with references', () => {
  for (const [name, points] of Object.entries(references.unary)) {
    it(`${name} in float64`, async () => {
      const x = double(points.map(([x]) => x));
      const expected = points.map(([, y]) => y);
      expect(await worst(functions[name](x), expected, units[name] ?? 1e-290)).toBeLessThan(
        tolerances[name] ?? 3e-14,
      );
    });
  }
  for (const [name, points] of Object.entries(references.binary)) {
    it(`${name} in float64`, async () => {
      const [x, y] = [0, 1].map((i) => double(points.map((point) => point[i])));
      const kept = points.map((point) => point[2]);
      expect(await worst(functions[name](x, y), kept, units[name] ?? 1e-290)).toBeLessThan(
        tolerances[name] ?? 1e-12,
      );
    });
  }
  for (const [n, points] of Object.entries(references.polygamma)) {
    it(`polygamma of order ${n}`, async () => {
      const result = polygamma(Number(n), double(points.map(([x]) => x)));
      expect(
        await worst(
          result,
          points.map(([, y]) => y),
          0,
        ),
      ).toBeLessThan(1e-12);
    });
  }
  it('ndtri inverts ndtr', async () => {
    const x = [-30, -12, -5.5, -1.2, -0.1, 0, 0.3, 1.4, 3];
    expect(await worst(special.ndtri(special.ndtr(double(x))), x, 0.1)).toBeLessThan(1e-13);
  });
});

describe('polynomials', () => {
  it('of a fixed order are as long as that asks', async () => {
    const x = double([0.3, -0.9]);
    const theta = [0.3, -0.9].map(Math.acos);
    const high = await special.chebyshevPolynomialT(x, 200).toArray();
    theta.forEach((t, i) => void expect((high as number[])[i]).toBeCloseTo(Math.cos(200 * t), 10));
    // P_n(x) ~ √(2 / (π n sin θ)) cos((n + ½) θ - π/4) (DLMF 18.15.12), to the next term's size.
    const legendre = (await special.legendrePolynomialP(x, 300).toArray()) as number[];
    theta.forEach((t, i) => {
      const leading = Math.sqrt(2 / (Math.PI * 300 * Math.sin(t))) * Math.cos(300.5 * t - Math.PI / 4);
      expect(legendre[i]).toBeCloseTo(leading, 3);
    });
  });

  it('agree whether the order is a number or a tensor', async () => {
    const x = double([-1.5, -1, 0, 0.4, 1]);
    for (const polynomial of [
      special.hermitePolynomialH,
      special.hermitePolynomialHe,
      special.laguerrePolynomialL,
    ]) {
      const fixed = await polynomial(x, 7).toArray();
      expect(await polynomial(x, double([7])).toArray()).toEqual(fixed);
    }
    expect(await special.hermitePolynomialH(x, -2).toArray()).toEqual([0, 0, 0, 0, 0]);
  });

  it('go on step by step beyond the orders that one kernel computes', async () => {
    const x = double([-1, 0.3, 0.9]);
    const n = [3, 64, 65, 130, 250];
    for (const polynomial of [
      special.legendrePolynomialP,
      special.laguerrePolynomialL,
      special.hermitePolynomialHe,
    ]) {
      const expected = await Promise.all(n.map((each) => polynomial(x, each).toArray()));
      // At hand, and computed first.
      for (const orders of [double(n), double(n).add(0.5)]) {
        const found = (await polynomial(x, orders.unsqueeze(1)).toArray()) as number[][];
        found.flat().forEach((value, i) => {
          const wanted = expected.flat()[i] as number;
          expect(Math.abs(value / wanted - 1)).toBeLessThan(1e-11);
        });
      }
    }
    expect(await special.legendrePolynomialP(-1, tensor([100, 601])).toArray()).toEqual([1, -1]);
    expect(await special.legendrePolynomialP(single([1]).to('bfloat16'), 700).toArray()).toEqual([1]);
    const theta = Math.acos(0.3);
    const leading =
      Math.sqrt(2 / (Math.PI * 2000 * Math.sin(theta))) * Math.cos(2000.5 * theta - Math.PI / 4);
    expect(await special.legendrePolynomialP(double([0.3]), 2000).item()).toBeCloseTo(leading, 5);
  });

  it('refuse orders of too many steps, and two numbers', () => {
    expect(() => special.hermitePolynomialH(single([1]), 10_001)).toThrow(/at most 10000, got 10001/);
    expect(() => special.hermitePolynomialH(1, single([3, 1e6]))).toThrow(/at most 10000, got 1000000/);
    expect(() => special.chebyshevPolynomialT(2, 3)).toThrow(ArgumentError);
    expect(() => special.zeta(2, 3)).toThrow(/one operand must be a tensor/);
  });
});

describe('arguments', () => {
  it('are refused by name', () => {
    expect(() => polygamma(-1, single([1]))).toThrow(/polygamma: n must be an integer of at least 0, got -1/);
    expect(() => mvlgamma(single([4]), 0)).toThrow(/mvlgamma: p must be/);
    expect(() => igamma(2 as never, single([1]))).toThrow(ArgumentError);
    expect(() => nextafter(tensor([1]), tensor([2]))).toThrow(DTypeError);
    expect(() => frexp(tensor([1]))).toThrow(/frexp: takes float tensors, got int32/);
  });

  it('of half precision are computed with more', async () => {
    const x = tensor([0.5, 4, -2.5], { dtype: 'float16' });
    const near = single([0.5, 4, -2.5]);
    const half = special.besselJ0(x);
    expect(half.dtype).toBe('float16');
    expect(await half.toArray()).toEqual(await special.besselJ0(near).to('float16').toArray());
  });

  it('frexp takes numbers apart exactly, subnormal ones too', async () => {
    const x = [3, -0.1, 2 ** -1074, Number.MAX_VALUE, 0];
    const { mantissa, exponent } = frexp(double(x));
    const m = (await mantissa.toArray()) as number[];
    const e = (await exponent.toArray()) as number[];
    expect(exponent.dtype).toBe('int32');
    expect(e).toEqual([2, -3, -1073, 1024, 0]);
    m.forEach(
      (each, i) => void expect(each * 2 ** Math.floor(e[i] / 2) * 2 ** Math.ceil(e[i] / 2)).toBe(x[i]),
    );
  });
});

describe('scalarFunction', () => {
  it('refuses integers, mixed dtypes, and a second function of the same name', () => {
    const twice = scalarFunction({ name: 'test.twice', expression: (b, [x]) => b.binary('add', x, x) });
    expect(() => twice([tensor([1])])).toThrow(/test.twice: takes float tensors, got int32/);
    expect(() => twice([single([1]), double([1])])).toThrow(/inputs are float32 and float64/);
    expect(() => twice([])).toThrow(ArgumentError);
    const other = scalarFunction({ name: 'test.twice', expression: (b, [x]) => b.unary('neg', x) });
    expect(() => other([single([1])])).toThrow(/another function is called 'test.twice'/);
  });
});
