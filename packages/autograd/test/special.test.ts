// Derivatives of the special functions against finite differences, first and second.
import { gradcheck, gradgradcheck } from '@nn/autograd';
import {
  digamma,
  frexp,
  i0,
  igamma,
  igammac,
  interpreter,
  lgamma,
  mvlgamma,
  polygamma,
  special,
  type Tensor,
  tensor,
  use,
} from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));

const leaf = (...data: number[]): Tensor => tensor(Float64Array.from(data), { requiresGrad: true });

const everywhere = [-3.4, -1.7, -0.3, 0.2, 1.2, 2.6];
const right = [0.3, 1.4, 2.7, 9.5];
const unary: Readonly<Record<string, readonly [(x: Tensor) => Tensor, readonly number[]]>> = {
  lgamma: [lgamma, everywhere],
  digamma: [digamma, everywhere],
  trigamma: [(x) => polygamma(1, x), everywhere],
  'polygamma of order 3': [(x) => polygamma(3, x), right],
  mvlgamma: [(x) => mvlgamma(x, 3), [1.2, 2.5, 6]],
  i0: [i0, everywhere],
  i0e: [special.i0e, everywhere],
  i1: [special.i1, everywhere],
  i1e: [special.i1e, everywhere],
  erfcx: [special.erfcx, [-1.1, -0.3, 0.2, 1.4, 2.6]],
  ndtr: [special.ndtr, everywhere],
  logNdtr: [special.logNdtr, everywhere],
  ndtri: [special.ndtri, [0.03, 0.4, 0.9]],
  entr: [special.entr, right],
  besselJ0: [special.besselJ0, everywhere],
  besselJ1: [special.besselJ1, everywhere],
  besselY0: [special.besselY0, right],
  besselY1: [special.besselY1, right],
  modifiedBesselK0: [special.modifiedBesselK0, right],
  modifiedBesselK1: [special.modifiedBesselK1, right],
  scaledModifiedBesselK0: [special.scaledModifiedBesselK0, right],
  scaledModifiedBesselK1: [special.scaledModifiedBesselK1, right],
  'the mantissa of frexp': [(x) => frexp(x).mantissa, everywhere],
};

describe('derivatives of special functions', () => {
  for (const [name, [fn, points]] of Object.entries(unary)) {
    it(`of ${name}`, async () => {
      await gradcheck(fn, [leaf(...points)]);
      await gradgradcheck(fn, [leaf(...points)]);
    });
  }

  it('of functions of two in the argument that has one', async () => {
    const a = tensor(Float64Array.of(0.4, 2.5, 30));
    for (const fn of [igamma, igammac, special.zeta]) {
      const order = a.add(1);
      await gradcheck((x: Tensor) => fn(order, x), [leaf(0.5, 2, 28)]);
      await gradgradcheck((x: Tensor) => fn(order, x), [leaf(0.5, 2, 28)]);
    }
  });

  it('are a half at 0 for order 1', async () => {
    for (const fn of [special.i1, special.i1e, special.besselJ1]) {
      const x = leaf(0);
      fn(x).sum().backward();
      expect(((await x.grad!.toArray()) as number[])[0]).toBeCloseTo(0.5, 14);
    }
  });

  it('are refused by name where there are none', () => {
    const x = leaf(0.5);
    expect(() => special.airyAi(x).sum().backward()).toThrow(/special.airyAi has no derivative/);
  });
});
