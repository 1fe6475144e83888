// Attention, and bags of embeddings: what they refuse, masks and edges.
import '@nn/autograd';
import { cpu } from '@nn/cpu';
import * as F from '@nn/functional';
import {
  ArgumentError,
  DTypeError,
  explain,
  eye,
  IndexError,
  interpreter,
  manualSeed,
  ones,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  use,
  zeros,
} from '@nn/tensor';
import { beforeEach, describe, expect, it } from 'vitest';

beforeEach(() => use(interpreter()));

async function expectClose(actual: Tensor, expected: Tensor, digits = 5): Promise<void> {
  expect(actual.shape).toEqual(expected.shape);
  const wanted = Array.from(await expected.data(), Number);
  Array.from(await actual.data(), Number).forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i], digits);
  });
}

describe('scaledDotProductAttention', () => {
  it('averages the values that take part', async () => {
    const [q, k] = [zeros([1, 2]), zeros([3, 2])];
    const v = tensor([[1], [2], [6]], { dtype: 'float32' });
    expect(await F.scaledDotProductAttention(q, k, v).toArray()).toEqual([[3]]);
    const attnMask = tensor([[true, true, false]]);
    expect(await F.scaledDotProductAttention(q, k, v, { attnMask }).toArray()).toEqual([[1.5]]);
    const scores = tensor([[0, 0, -Infinity]], { dtype: 'float32' });
    expect(await F.scaledDotProductAttention(q, k, v, { attnMask: scores }).toArray()).toEqual([[1.5]]);
    const nobody = tensor([[false, false, false]]);
    expect(await F.scaledDotProductAttention(q, k, v, { attnMask: nobody }).toArray()).toEqual([
      [Number.NaN],
    ]);
  });

  it('is causal like the lower triangle, and scales as asked, in half precision too', async () => {
    const [q, k, v] = [randn([2, 4, 3]), randn([2, 5, 3]), randn([2, 5, 2])];
    const attnMask = ones([4, 5]).tril().bool();
    await expectClose(
      F.scaledDotProductAttention(q, k, v, { isCausal: true }),
      F.scaledDotProductAttention(q, k, v, { attnMask }),
    );
    await expectClose(
      F.scaledDotProductAttention(q, k, v, { scale: 0.5 }),
      F.scaledDotProductAttention(q.mul(0.5 * Math.sqrt(3)), k, v),
    );
    const large = ones([1, 64], { dtype: 'float16' }).mul(40);
    expect(await F.scaledDotProductAttention(large, large, large).amax().item()).toBe(40);
  });

  const causalLengths = [
    ['two blocks', 128, 128],
    ['three blocks of different heights', 200, 200],
    ['fewer keys than queries', 192, 100],
    ['more keys than queries', 192, 300],
  ] as const;
  it.each(causalLengths)('leaves out keys that nobody sees: %s', async (_, queries, keys) => {
    use(cpu());
    const size = 64;
    const given = [queries, keys, keys].map((length) => randn([32, length, size]));
    const gradient = randn([32, queries, size]);
    const attnMask = ones([queries, keys]).tril().bool();
    const results = [{ isCausal: true }, { attnMask }].map((how) => {
      const leaves = given.map((x) => x.detach().requiresGrad_());
      const output = F.scaledDotProductAttention(leaves[0], leaves[1], leaves[2], how);
      const products = explain(output).kernels.filter(({ ops }) => ops.includes('dot')).length;
      output.backward(gradient);
      return { products, tensors: [output, ...leaves.map((x) => x.grad!)] };
    });
    const [blocks, whole] = results;
    expect(blocks.products).toBeGreaterThan(whole.products);
    for (const [at, tensor] of blocks.tensors.entries()) {
      const furthest = tensor.sub(whole.tensors[at]).abs().amax();
      // Sums of some hundred products of normal numbers, in another order.
      expect(await furthest.item()).toBeLessThan(1e-5);
    }
  });

  it('drops weights, and gives those that were used', async () => {
    manualSeed(3);
    const [q, k] = [randn([2, 3]), randn([400, 3])];
    const [y, weights] = F.scaledDotProductAttention(q, k, eye(400), { dropoutP: 0.25, needWeights: true });
    expect(await y.toArray()).toEqual(await weights.toArray());
    const dropped = (await weights.eq(0).float().mean().item()) as number;
    // Four standard deviations of 800 draws.
    expect(Math.abs(dropped - 0.25)).toBeLessThan(0.062);
  });

  it('refuses what does not fit', () => {
    const x = ones([2, 4, 3]);
    expect(() => F.scaledDotProductAttention(x, ones([2, 4, 2]), x)).toThrow(/\[2, 4, 3\], \[2, 4, 2\]/);
    expect(() => F.scaledDotProductAttention(x, x, ones([2, 5, 3]))).toThrow(ShapeError);
    expect(() => F.scaledDotProductAttention(x, x, x, { attnMask: ones([3, 3]).bool() })).toThrow(
      /^scaledDotProductAttention: /,
    );
    expect(() => F.scaledDotProductAttention(x, x, x, { attnMask: ones([4, 4]), isCausal: true })).toThrow(
      ArgumentError,
    );
    const heads = (count: number) => ones([1, count, 2, 3]);
    expect(() => F.scaledDotProductAttention(heads(4), heads(3), heads(3), { enableGqa: true })).toThrow(
      /4 heads of queries cannot share 3/,
    );
    expect(() => F.scaledDotProductAttention(x.int(), x, x)).toThrow(DTypeError);
  });

  it('takes three kernels', () => {
    use(cpu());
    const x = randn([2, 4, 8, 16]).realize();
    expect(explain(F.scaledDotProductAttention(x, x, x, { isCausal: true })).kernels.length).toBe(3);
  });
});

describe('multiHeadAttentionForward', () => {
  const options = () => ({
    inProjWeight: randn([12, 4]),
    inProjBias: randn([12]),
    outProjWeight: randn([4, 4]),
  });

  it('with one head is scaledDotProductAttention between projections', async () => {
    const x = randn([3, 2, 4]);
    const { inProjWeight, inProjBias, outProjWeight } = options();
    const [q, k, v] = F.linear(x, inProjWeight, inProjBias).transpose(0, 1).chunk(3, -1);
    const expected = F.linear(F.scaledDotProductAttention(q, k, v), outProjWeight).transpose(0, 1);
    const [y] = F.multiHeadAttentionForward(x, x, x, 1, { inProjWeight, inProjBias, outProjWeight });
    await expectClose(y, expected);
  });

  it('projects what is one tensor together, with the same result', async () => {
    const x = randn([3, 2, 4]);
    const given = options();
    const [together] = F.multiHeadAttentionForward(x, x, x, 2, given);
    const [pairs] = F.multiHeadAttentionForward(x.clone(), x, x, 2, given);
    const [apart] = F.multiHeadAttentionForward(x.clone(), x.clone(), x, 2, given);
    await expectClose(pairs, together);
    await expectClose(apart, together);
    const [q, k, v] = given.inProjWeight.chunk(3);
    const separate = { qProjWeight: q, kProjWeight: k, vProjWeight: v };
    const { inProjBias, outProjWeight } = given;
    const [named] = F.multiHeadAttentionForward(x, x, x, 2, { ...separate, inProjBias, outProjWeight });
    await expectClose(named, together);
  });

  it('is causal like the mask, and takes one for each head', async () => {
    const x = randn([3, 2, 4]);
    const given = options();
    const attnMask = ones([3, 3]).triu(1).bool();
    const [expected, weights] = F.multiHeadAttentionForward(x, x, x, 2, { ...given, attnMask });
    const [y] = F.multiHeadAttentionForward(x, x, x, 2, { ...given, isCausal: true });
    await expectClose(y, expected);
    const each = attnMask.expandTo([4, 3, 3]);
    const [z, none] = F.multiHeadAttentionForward(x, x, x, 2, {
      ...given,
      attnMask: each,
      needWeights: false,
    });
    await expectClose(z, expected);
    expect(none).toBe(null);
    expect(await weights!.mul(attnMask.float()).abs().sum().item()).toBe(0);
    await expectClose(weights!.sum(-1), ones([2, 3]));
  });

  it('drops only while training', async () => {
    const x = randn([3, 2, 4]);
    const given = { ...options(), dropoutP: 0.9 };
    const [first] = F.multiHeadAttentionForward(x, x, x, 2, { ...given, training: false });
    const [plain] = F.multiHeadAttentionForward(x, x, x, 2, { ...given, dropoutP: 0 });
    expect(await first.toArray()).toEqual(await plain.toArray());
  });

  it('refuses what does not fit', () => {
    const x = ones([3, 2, 4]);
    const given = options();
    const call =
      (more: object, heads = 2) =>
      () =>
        F.multiHeadAttentionForward(x, x, x, heads, { ...given, ...more });
    expect(call({}, 3)).toThrow(/4 cannot be divided among 3 heads/);
    expect(call({ embedDimToCheck: 8 })).toThrow(/size 8, got 4/);
    expect(call({ inProjWeight: ones([4, 4]) })).toThrow(
      /inProjWeight must have shape \[12, 4\], got \[4, 4\]/,
    );
    expect(call({ useSeparateProjWeight: true })).toThrow(/qProjWeight of shape \[4, 4\] is missing/);
    expect(call({ biasK: ones([1, 1, 4]) })).toThrow(/biasK and biasV go together/);
    expect(call({ keyPaddingMask: ones([3]).bool() })).toThrow(/keyPaddingMask must have shape \[2, 3\]/);
    expect(call({ attnMask: ones([3, 3]).int() })).toThrow(DTypeError);
    expect(call({ staticK: ones([4, 5, 2]) })).toThrow(/5 keys and 3 values/);
    expect(call({ staticK: ones([4, 5, 3]) })).toThrow(/staticK must have shape \[4, 5, 2\]/);
    expect(call({ average: false })).toThrow(/averageAttnWeights|unknown/);
    expect(() => F.multiHeadAttentionForward(x, ones([3, 4]), x, 2, given)).toThrow(ShapeError);
  });
});

describe('embeddingBag', () => {
  const weight = () =>
    tensor(
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      { dtype: 'float32' },
    );
  const index = () => tensor([0, 1, 2, 2]);

  it.each([
    [
      'sum',
      [
        [0, 0],
        [4, 6],
        [0, 0],
        [10, 12],
      ],
    ],
    [
      'mean',
      [
        [0, 0],
        [2, 3],
        [0, 0],
        [5, 6],
      ],
    ],
    [
      'max',
      [
        [0, 0],
        [3, 4],
        [0, 0],
        [5, 6],
      ],
    ],
  ] as const)('%s: empty bags are 0', async (mode, expected) => {
    const offsets = tensor([0, 0, 2, 2]);
    expect(await F.embeddingBag(index(), weight(), { offsets, mode }).toArray()).toEqual(expected);
    const withEnd = { offsets: tensor([0, 0, 2, 2, 4]), mode, includeLastOffset: true };
    expect(await F.embeddingBag(index(), weight(), withEnd).toArray()).toEqual(expected);
  });

  it('leaves out the padding, from the gradient too', async () => {
    const w = weight().requiresGrad_();
    const y = F.embeddingBag(
      tensor([
        [0, 2],
        [2, 2],
      ]),
      w,
      { paddingIdx: -1 },
    );
    expect(await y.toArray()).toEqual([
      [1, 2],
      [0, 0],
    ]);
    y.sum().backward();
    expect(await w.grad!.toArray()).toEqual([
      [1, 1],
      [0, 0],
      [0, 0],
    ]);
  });

  it('refuses what does not fit', () => {
    expect(() => F.embeddingBag(index(), weight())).toThrow(/without offsets/);
    expect(() => F.embeddingBag(index(), ones([3]))).toThrow(ShapeError);
    expect(() => F.embeddingBag(tensor([[3]]), weight())).toThrow(IndexError);
    expect(() => F.embeddingBag(tensor([[0]]), weight(), { paddingIdx: 3 })).toThrow(IndexError);
    expect(() => F.embeddingBag(tensor([[0]]), weight(), { perSampleWeights: ones([1, 1]) })).toThrow(
      /go with mode 'sum'/,
    );
    expect(() => F.embeddingBag(ones([1, 1]), weight())).toThrow(DTypeError);
  });
});
