// vmap: functions of one example run for a batch at once.
import { func, grad, noGrad, vmap } from '@nn/autograd';
import { ArgumentError, AutogradError, DeviceError, StaleValueError } from '@nn/core';
import {
  cat,
  type DType,
  manualSeed,
  rand,
  stack,
  type Tensor,
  tensor,
  where,
  zeros as zerosOf,
} from '@nn/tensor';
import { beforeAll, expect, it } from 'vitest';
import { onEveryDevice } from './devices.ts';

/** The widest float that the device has. */
let dtype: DType = 'float64';

async function expectClose(found: Tensor, wanted: Tensor): Promise<void> {
  expect(found.shape).toEqual(wanted.shape);
  const [a, b] = [await found.data(), await wanted.data()];
  // Sums are made in another order.
  const digits = dtype === 'float64' ? 10 : 4;
  for (let i = 0; i < b.length; i++) expect(Number(a[i])).toBeCloseTo(Number(b[i]), digits);
}

const values = (shape: readonly number[], seed = 0): Tensor => {
  const size = shape.reduce((a, b) => a * b, 1);
  const list = Float64Array.from({ length: size }, (_, i) => Math.sin(i * 1.3 + seed) * 2);
  return tensor(dtype === 'float64' ? list : Float32Array.from(list), { shape });
};

const zeros = (shape: readonly number[]): Tensor => zerosOf(shape, { dtype });

/** Compares with calling the function for each example. */
async function sameAsLoop(
  fn: (...args: Tensor[]) => Tensor,
  args: readonly Tensor[],
  inDims: readonly (number | null)[] = args.map(() => 0),
): Promise<void> {
  const all = vmap(fn, { inDims })(...args);
  const size = args.map((x, i) => (inDims[i] === null ? 0 : x.size(inDims[i]!))).find((n) => n > 0)!;
  const one = Array.from({ length: size }, (_, k) =>
    fn(...args.map((x, i) => (inDims[i] === null ? x : x.select(inDims[i]!, k)))),
  );
  const expected = stack(one);
  await expectClose(all, expected);
}

onEveryDevice((device) => {
  let x: Tensor;
  let m: Tensor;
  let shared: Tensor;
  beforeAll(() => {
    dtype = device === 'webgpu' ? 'float32' : 'float64';
    x = values([3, 2, 4]);
    m = values([3, 4, 5], 1);
    shared = values([4, 5], 2);
  });
  const cases: { readonly [name: string]: () => Promise<void> } = {
    'elements, broadcast on the right': () => sameAsLoop((a, b) => a.mul(b).add(1), [x, values([3, 4], 3)]),
    'elements with a shared one of more dimensions': () =>
      sameAsLoop((a) => a.add(values([5, 2, 4], 4)), [x]),
    'products of batches': () => sameAsLoop((a, b) => a.matmul(b), [x, m]),
    'a shared right side': () => sameAsLoop((a) => a.matmul(shared), [x]),
    'a shared left side': () => sameAsLoop((b) => values([2, 4], 5).matmul(b), [m]),
    'batched products with a shared side': () =>
      sameAsLoop((a) => a.reshape(2, 1, 4).matmul(values([2, 4, 3], 6)), [x]),
    'dot, of vectors': () => sameAsLoop((a, b) => a.dot(b), [values([3, 4]), values([3, 4], 1)]),
    reductions: () =>
      sameAsLoop(
        (a) =>
          a
            .sum(0)
            .add(a.max(1, { keepdim: true }).values)
            .prod(-1),
        [x],
      ),
    positions: () => sameAsLoop((a) => a.argmax(1), [x]),
    'scans and orders': () => sameAsLoop((a) => a.cumsum(1).sort(0).values, [x]),
    softmax: () => sameAsLoop((a) => a.softmax(0).add(a.logSoftmax(1)), [x]),
    views: () =>
      sameAsLoop((a) => a.transpose(0, 1).flip(0).narrow(0, 1, 2).reshape(-1).unsqueeze(0).expand(3, 4), [x]),
    'a view by strides': () => sameAsLoop((a) => a.clone().asStrided([2, 2], [3, 1], 1), [x]),
    'padding and joining': () => sameAsLoop((a) => cat([a, zeros([1, 4]), a], 0), [x]),
    'looking up by a shared index': () => sameAsLoop((a) => a.indexSelect(1, tensor([3, 0, 0])), [x]),
    'looking up by its own index': () =>
      sameAsLoop(
        (a, i) => a.gather(0, i),
        [
          values([3, 4]),
          tensor([
            [0, 3],
            [1, 1],
            [3, 2],
          ]),
        ],
      ),
    'looking up in a shared table': () =>
      sameAsLoop(
        (i) => shared.indexSelect(0, i),
        [
          tensor([
            [0, 3],
            [1, 1],
            [3, 2],
          ]),
        ],
      ),
    scattering: () =>
      sameAsLoop(
        (a, i) => zeros([5]).scatterAdd(0, i, a),
        [
          values([3, 4]),
          tensor([
            [0, 3, 3, 1],
            [1, 1, 1, 1],
            [3, 2, 4, 0],
          ]),
        ],
      ),
    'choice instead of if': () => sameAsLoop((a) => where(a.gt(0), a, a.mul(0.1)), [x]),
    'other dimensions': () =>
      sameAsLoop((a, b) => a.matmul(b), [values([2, 4, 3]), values([4, 3, 5])], [2, 1]),
    'a negative dimension': () => sameAsLoop((a) => a.sum(0), [x], [-1]),
    'what was not batched': () => sameAsLoop((a, w) => a.matmul(w), [x, shared], [0, null]),
  };
  for (const [name, run] of Object.entries(cases)) it(`does ${name} as a loop does`, run);

  it('puts the examples where outDims says, and repeats what is the same for all', async () => {
    const [moved, same] = vmap((a: Tensor) => [a.mul(2), shared.sum()] as const, { outDims: [1, 0] })(x);
    expect(moved.shape).toEqual([2, 3, 4]);
    expect(same.shape).toEqual([3]);
    const [kept] = vmap((a: Tensor) => [shared, a] as const, { outDims: [null, 0] })(x);
    expect(kept).toBe(shared);
  });

  it('takes and returns structures', async () => {
    const layer = { weight: values([2, 3]), bias: values([2]) };
    const run = vmap(
      ({ weight, bias }: typeof layer, input: Tensor) => ({ out: [weight.dot(input).add(bias)] }),
      {
        inDims: [{ weight: 0, bias: 0 }, null],
      },
    );
    const { out } = run(layer, values([3], 7));
    expect(out[0].shape).toEqual([2]);
  });

  it('goes within itself', async () => {
    const outer = vmap((a: Tensor) => vmap((b: Tensor) => a.dot(b))(values([3, 4], 1)))(values([2, 4]));
    const expected = values([2, 4]).matmul(values([3, 4], 1).T);
    await expectClose(outer, expected);
  });

  it('goes in chunks', async () => {
    const square = vmap((a: Tensor) => a.square().sum(), { chunkSize: 2 });
    expect(await square(values([5, 3])).toArray()).toEqual(await values([5, 3]).square().sum(1).toArray());
  });

  it('is differentiated by what is inside and outside', async () => {
    const w = values([4]).requiresGrad_();
    const input = values([3, 4], 1).requiresGrad_();
    const out = vmap((a: Tensor) => a.dot(w).sin())(input);
    out.sum().backward();
    const reference = input.detach().matmul(w.detach()).cos();
    const expected = reference.matmul(input.detach());
    await expectClose(w.grad!, expected);
    expect(input.grad!.shape).toEqual([3, 4]);
  });

  it('respects detach and noGrad inside', async () => {
    const w = tensor([1, 2], { dtype, requiresGrad: true });
    vmap((a: Tensor) => a.mul(a.detach()).add(noGrad(() => a.mul(100))))(w)
      .sum()
      .backward();
    expect(await w.grad!.toArray()).toEqual([1, 2]);
  });

  it('differentiates through derivatives that were taken inside', async () => {
    const input = tensor([1, 2, 3], { dtype, requiresGrad: true });
    const slopes = vmap(func.grad((a: Tensor) => a.pow(3)))(input);
    slopes.sum().backward();
    expect(await slopes.toArray()).toEqual([3, 12, 27]);
    expect(await input.grad!.toArray()).toEqual([6, 12, 18]);
  });

  it('takes cotangents of a graph outside, as in PyTorch', async () => {
    const input = tensor([1, 2, 3, 4], { dtype, requiresGrad: true });
    const output = input.square();
    const rows = vmap((v: Tensor) => grad(output, [input], { gradOutputs: v, retainGraph: true })[0])(
      tensor(
        [
          [1, 0, 0, 0],
          [0, 0, 1, 0],
        ],
        { dtype },
      ),
    );
    expect(await rows.toArray()).toEqual([
      [2, 0, 0, 0],
      [0, 0, 6, 0],
    ]);
  });

  it('draws random numbers as it is told', async () => {
    const noisy = (randomness: 'error' | 'same' | 'different') =>
      vmap((a: Tensor) => a.mul(0).add(rand([2], { dtype })), { randomness })(values([3, 2]));
    expect(() => noisy('error')).toThrow(/randomness: 'same'.*'different'/);
    manualSeed(1);
    const same = (await noisy('same').toArray()) as number[][];
    expect(same[0]).toEqual(same[1]);
    const different = (await noisy('different').toArray()) as number[][];
    expect(different[0]).not.toEqual(different[1]);
  });

  it('writes in place into the examples, through views, and into the argument', async () => {
    const target = zeros([2, 3]);
    const seen = vmap((a: Tensor, b: Tensor) => {
      const view = a.narrow(0, 1, 2);
      view.add_(b);
      a.mul_(10);
      return view.sum();
    })(target, tensor([1, 2], { dtype }));
    expect(await seen.toArray()).toEqual([20, 40]);
    expect(await target.toArray()).toEqual([
      [0, 10, 10],
      [0, 20, 20],
    ]);
  });

  it('differentiates through in-place writes', async () => {
    const input = values([2, 3]);
    const slope = vmap(
      func.grad((a: Tensor) => {
        const b = a.mul(2);
        b.select(0, 1).mul_(a.select(0, 0));
        return b.sum();
      }),
    )(input);
    const rows = (await input.toArray()) as number[][];
    const found = (await slope.toArray()) as number[][];
    rows.forEach(([p, q], i) => {
      [2 + 2 * q, 2 * p, 2].forEach((value, j) => {
        expect(found[i][j]).toBeCloseTo(value, 12);
      });
    });
  });

  it('refuses what it cannot do, and says why', async () => {
    expect(() => vmap((a: Tensor) => a)(tensor(1))).toThrow(/argument \[0\] has no dimensions/);
    expect(() => vmap((a: Tensor, b: Tensor) => a.add(b))(values([2]), values([3]))).toThrow(
      /argument \[0\] has 2 examples and argument \[1\] has 3/,
    );
    expect(() => vmap((a: Tensor) => a, { inDims: null })(values([2]))).toThrow(ArgumentError);
    expect(() => vmap((a: Tensor) => a, { inDims: [0, 0] })(values([2]))).toThrow(
      /inDims is not like the 1 arg/,
    );
    expect(() => vmap((a: Tensor) => a, { outDims: null })(values([2]))).toThrow(/outDims is null/);
    expect(() => vmap((_: Tensor) => 3)(values([2]))).toThrow(/must return tensors/);
    expect(() => vmap(async (a: Tensor) => a)(values([2]))).toThrow(/asynchronous/);
    expect(() => vmap((a: Tensor) => a, { indims: 0 } as never)).toThrow(/Did you mean 'inDims'/);
    expect(() => vmap((a: Tensor) => a.matmul(values([3, 3])))(values([2, 4]))).toThrow(/4.*3/);
    expect(() => vmap((a: Tensor) => (a.itemSync() > 0 ? a : a.neg()))(values([2]))).toThrow(
      device === 'webgpu' ? DeviceError : StaleValueError,
    );
    const fixed = zeros([2]);
    expect(() => vmap((a: Tensor) => fixed.add_(a))(values([3, 2]))).toThrow(/same for all examples/);
    const weight = values([2]).requiresGrad_();
    expect(() =>
      vmap((a: Tensor) => {
        a.mul(weight).sum().backward();
        return a;
      })(values([3, 2])),
    ).toThrow(/func\.grad/);
    let kept: Tensor | null = null;
    vmap((a: Tensor) => {
      kept = a;
      return a;
    })(values([3]));
    expect(() => vmap((a: Tensor) => a.add(kept!))(values([3]))).toThrow(AutogradError);
    await expect(kept!.add(1).data()).rejects.toThrow(StaleValueError);
  });
});
