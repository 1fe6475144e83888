// Transforms of functions, and derivatives of functions at a point.
import {
  customFunction,
  func,
  grad,
  gradcheck,
  hessian,
  hvp,
  jacobian,
  jvp,
  noGrad,
  vhp,
  vjp,
  vmap,
} from '@nn/autograd';
import { AutogradError } from '@nn/core';
import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
import { describe, expect, it } from 'vitest';

use(interpreter());
const t = (values: number | number[] | number[][]): Tensor => tensor(values, { dtype: 'float64' });
/** A map from 3 numbers to 2, with every derivative. */
const f = (x: Tensor): Tensor => x.narrow(0, 0, 2).sin().mul(x.select(0, 2).exp());
/** One number. */
const g = (x: Tensor): Tensor => x.prod().add(x.sin().sum());
const point = t([0.3, 0.7, -0.2]);

async function close(found: Tensor, wanted: Tensor): Promise<void> {
  expect(found.shape).toEqual(wanted.shape);
  const [a, b] = [await found.data(), await wanted.data()];
  for (let i = 0; i < b.length; i++) expect(Number(a[i])).toBeCloseTo(Number(b[i]), 10);
}

function eyeRows(size: number): number[][] {
  return Array.from({ length: size }, (_, i) => Array.from({ length: size }, (__, j) => Number(i === j)));
}

/** By central differences. */
async function differences(fn: (x: Tensor) => Tensor, x: Tensor): Promise<Tensor> {
  const columns: number[][] = [];
  for (let i = 0; i < x.numel(); i++) {
    const step = (h: number) => {
      const moved = Array.from(x.dataSync() as Float64Array);
      moved[i] += h;
      return fn(t(moved)).reshape(-1).toArraySync() as number[];
    };
    const [up, down] = [step(1e-6), step(-1e-6)];
    columns.push(up.map((value, k) => (value - down[k]) / 2e-6));
  }
  return t(columns[0].map((_, row) => columns.map((column) => column[row])));
}

describe('Jacobians', () => {
  it('agree with differences, backwards and forwards, in turn and at once', async () => {
    const expected = await differences(f, point);
    const ways = [
      func.jacrev(f)(point),
      func.jacfwd(f)(point),
      func.jacrev(f, { chunkSize: 1 })(point),
      ...([false, true] as const).flatMap((vectorize) =>
        (['reverse-mode', 'forward-mode'] as const).map((strategy) =>
          jacobian(f, point, { vectorize, strategy }),
        ),
      ),
    ];
    for (const way of ways) {
      const [a, b] = [way.dataSync(), expected.dataSync()];
      expect(way.shape).toEqual([2, 3]);
      for (let i = 0; i < 6; i++) expect(Number(a[i])).toBeCloseTo(Number(b[i]), 7);
    }
  });

  it('have a block for each result and input', async () => {
    const both = (a: Tensor, b: Tensor): readonly [Tensor, Tensor] => [a.mul(b), b.sum()];
    const [a, b] = [t([1, 2]), t([3, 4])];
    const [[ya, yb], [za, zb]] = jacobian(both, [a, b]);
    expect(await ya.toArray()).toEqual([
      [3, 0],
      [0, 4],
    ]);
    expect(await yb.toArray()).toEqual([
      [1, 0],
      [0, 2],
    ]);
    expect(await za.toArray()).toEqual([0, 0]);
    expect(await zb.toArray()).toEqual([1, 1]);
    const [first, second] = func.jacrev(both, { argnums: [0, 1] })(a, b);
    await close(first[1], yb);
    await close(second[0], za);
    expect(() => jacobian(both, [a, b], { strict: true })).toThrow(/result 1 does not depend on input 0/);
  });

  it('can be differentiated again', async () => {
    const x = t([1, 2]).requiresGrad_();
    jacobian((a: Tensor) => a.pow(3), x, { createGraph: true })
      .sum()
      .backward();
    expect(await x.grad!.toArray()).toEqual([6, 12]);
    expect(jacobian((a: Tensor) => a.pow(3), x).requiresGrad).toBe(false);
  });

  it('of empty results are empty', () => {
    expect(func.jacrev((x: Tensor) => x.narrow(0, 0, 0))(point).shape).toEqual([0, 3]);
    expect(jacobian((x: Tensor) => x.narrow(0, 0, 0), point).shape).toEqual([0, 3]);
  });
});

describe('Hessians', () => {
  it('agree with differences of the gradient, in every order of directions', async () => {
    const expected = await differences((x) => func.grad(g)(x), point);
    const ways = [
      func.hessian(g)(point),
      func.jacrev(func.jacrev(g))(point),
      func.jacfwd(func.jacfwd(g))(point),
      func.jacrev(func.jacfwd(g))(point),
      hessian(g, point),
      hessian(g, point, { vectorize: true }),
      hessian(g, point, { vectorize: true, outerJacobianStrategy: 'forward-mode' }),
    ];
    for (const way of ways) {
      const [a, b] = [way.dataSync(), expected.dataSync()];
      for (let i = 0; i < 9; i++) expect(Number(a[i])).toBeCloseTo(Number(b[i]), 7);
    }
    const v = t([1, -2, 3]);
    await close(hvp(g, point, v)[1], func.hessian(g)(point).mv(v));
    await close(vhp(g, point, v)[1], func.hessian(g)(point).mv(v));
    await close(hvp(g, point, v)[0], g(point));
  });

  it('have a block for each pair of inputs', async () => {
    const blocks = hessian((a: Tensor, b: Tensor) => a.square().mul(b).sum(), [t([1, 2]), t([3, 4])]);
    expect(await blocks[0][0].toArray()).toEqual([
      [6, 0],
      [0, 8],
    ]);
    expect(await blocks[0][1].toArray()).toEqual([
      [2, 0],
      [0, 4],
    ]);
    expect(await blocks[1][1].toArray()).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });
});

describe('func.grad', () => {
  it('composes with itself, also inside of noGrad', async () => {
    const quartic = (x: Tensor): Tensor => x.pow(4);
    const third = func.grad(func.grad(func.grad(quartic)));
    expect(await third(t(2)).item()).toBe(48);
    expect(await noGrad(() => third(t(2))).item()).toBe(48);
    expect(third(t(2)).requiresGrad).toBe(false);
  });

  it('lets derivatives from outside through', async () => {
    const w = t(3).requiresGrad_();
    const x = t(2).requiresGrad_();
    const slope = func.grad((a: Tensor) => a.pow(2).mul(w))(x);
    slope.backward();
    expect([await w.grad!.item(), await x.grad!.item()]).toEqual([4, 6]);
    expect(func.grad((a: Tensor) => a.pow(2))(t(2)).requiresGrad).toBe(false);
  });

  it('hands auxiliary results through, and the value', async () => {
    const [slope, [value, double]] = func.gradAndValue((x: Tensor) => [x.square(), x.mul(2)] as const, {
      hasAux: true,
    })(t(3));
    expect([await slope.item(), await value.item(), await double.item()]).toEqual([6, 9, 6]);
    const [only, text] = func.grad((x: Tensor) => [x.square(), 'seen'] as const, { hasAux: true })(t(3));
    expect([await only.item(), text]).toEqual([6, 'seen']);
  });

  it('differentiates by the arguments that it is told', async () => {
    const product = (a: Tensor, b: Tensor, scale: number): Tensor => a.mul(b).mul(scale);
    expect(await func.grad(product, { argnums: 1 })(t(2), t(5), 10).item()).toBe(20);
    const [da, db] = func.grad(product, { argnums: [0, 1] })(t(2), t(5), 10);
    expect([await da.item(), await db.item()]).toEqual([50, 20]);
    expect(
      await func
        .grad((a: Tensor) => a.detach())(t(2))
        .item(),
    ).toBe(0);
  });

  it('refuses what it cannot do, and says why', () => {
    expect(() => func.grad((x: Tensor) => x)(point)).toThrow(
      /without dimensions, got a tensor of shape \[3\].*jacrev/,
    );
    expect(() => func.grad(g, { argnums: 1 } as never)(point)).toThrow(/no argument 1/);
    expect(() => func.grad((n: number) => t(n))(3)).toThrow(/no tensor to differentiate by/);
    expect(() => func.grad((async () => t(1)) as never)(point as never)).toThrow(/asynchronous/);
    expect(() => func.grad(g)(tensor([1, 2]))).toThrow(/only float/);
    expect(() => vjp(f, point)).toThrow(/v can be left out only/);
    expect(() => vjp(f, point, t([1]))).toThrow(/shape \[1\] for a tensor of shape \[2\]/);
    expect(() => hessian(f as never, point)).toThrow(/one number, got shape \[2\]/);
    expect(() => jvp(f, [point, point] as never, [point])).toThrow(AutogradError);
    expect(() => jacobian(f, point, { vectorise: true } as never)).toThrow(/Did you mean 'vectorize'/);
  });
});

describe('products', () => {
  it('forwards and backwards are transposes of each other', async () => {
    const [v, u] = [t([1, 2, 3]), t([4, 5])];
    const [value, forward] = jvp(f, point, v);
    const [, backward] = vjp(f, point, u);
    await close(value, f(point));
    await close(forward.dot(u), backward.dot(v));
    const [again, pullback] = func.vjp(f, point);
    await close(again, value);
    await close(pullback(u)[0], backward);
    await close(func.jvp(f, [point], [v])[1], forward);
  });
});

describe('under vmap', () => {
  it('per-example Hessians are those of each example', async () => {
    const points = t([
      [0.3, 0.7, -0.2],
      [1, -1, 0.5],
    ]);
    const all = vmap(func.hessian(g))(points);
    for (let i = 0; i < 2; i++) await close(all.select(0, i), func.hessian(g)(points.select(0, i)));
  });

  it('custom functions see single examples, and are differentiated from inside and outside', async () => {
    const cube = customFunction<[Tensor, Tensor]>({
      name: 'Cube',
      forward(context, x, w) {
        expect(x.shape).toEqual([2]);
        context.saveForBackward(x, w);
        return x.pow(3).mul(w);
      },
      backward(context, gradient) {
        const [x, w] = context.savedTensors;
        expect(gradient.shape).toEqual([2]);
        return [gradient.mul(x.square()).mul(w).mul(3), gradient.mul(x.pow(3)).sum()];
      },
    });
    const w = t(2).requiresGrad_();
    const x = t([
      [1, 2],
      [3, 4],
      [5, 6],
    ]).requiresGrad_();
    vmap((a: Tensor) => cube(a, w))(x)
      .sum()
      .backward();
    await close(x.grad!, x.detach().square().mul(6));
    await close(w.grad!, x.detach().pow(3).sum());
    const inside = vmap(func.grad((a: Tensor) => cube(a, w).sum()))(x);
    await close(inside, x.detach().square().mul(6));
    const [outside] = grad(inside.sum(), [x]);
    await close(outside, x.detach().mul(12));
    await gradcheck((a) => vmap((b: Tensor) => cube(b, w.detach()))(a), [x]);
  });
});

describe('linearize', () => {
  it('runs the function once, for as many tangents as there are', async () => {
    let calls = 0;
    const counted = (x: Tensor): Tensor => {
      calls++;
      return f(x);
    };
    const [value, pushforward] = func.linearize(counted, point);
    await close(value, f(point));
    for (const direction of [t([1, 0, 0]), t([1, -2, 3])])
      await close(pushforward(direction), func.jvp(f, [point], [direction])[1]);
    const columns = vmap(pushforward)(t(eyeRows(3)));
    await close(columns.T, func.jacrev(f)(point));
    expect(calls).toBe(1);
  });

  it('is linear in tangents of structures, and zero for what the result does not depend on', async () => {
    const layer = { weight: t([1, 2]), bias: t(3), unused: t([7]) };
    const run = ({ weight, bias }: typeof layer, input: Tensor) => ({
      out: input.dot(weight).add(bias).square(),
    });
    const [{ out }, pushforward] = func.linearize(run, layer, t([5, 7]));
    expect(await out.item()).toBe(22 ** 2);
    const tangent = { weight: t([1, 0]), bias: t(2), unused: t([100]) };
    const still = { weight: t([0, 0]), bias: t(0), unused: t([100]) };
    expect(await pushforward(tangent, t([0, 1])).out.item()).toBe(2 * 22 * (5 + 2 + 2));
    expect(await pushforward(still, t([0, 0])).out.item()).toBe(0);
    const [, constant] = func.linearize((_: Tensor) => t([4, 4]), point);
    expect(await constant(t([1, 1, 1])).toArray()).toEqual([0, 0]);
  });

  it('can be differentiated, by the primals and by the tangents', async () => {
    const direction = t([1, -2, 3]);
    const second = func.grad((x: Tensor) => func.linearize(g, x)[1](direction))(point);
    await close(second, func.hessian(g)(point).mv(direction));
    const byTangent = func.grad((v: Tensor) => func.linearize(g, point)[1](v))(direction);
    await close(byTangent, func.grad(g)(point));
  });

  it('names what does not fit', () => {
    const [, pushforward] = func.linearize(f, point);
    expect(() => pushforward(t([1, 2]))).toThrow(/linearize: one of the tangents has shape \[2\].*\[3\]/);
    expect(() => (pushforward as (...all: Tensor[]) => Tensor)(point, point)).toThrow(
      /expected 1 tangents, got 2/,
    );
    expect(() => func.linearize(() => point)).toThrow(AutogradError);
  });
});
