// Mixed precision: which op runs in which dtype, how calls nest, and that derivatives have the dtypes of their inputs.
import { noGrad } from '@nn/autograd';
import { ArgumentError, DTypeError } from '@nn/core';
import { cpu } from '@nn/cpu';
import * as F from '@nn/functional';
import {
  type AutocastDType,
  autocast,
  autocastDType,
  compile,
  foreach,
  interpreter,
  isAutocastEnabled,
  manualSeed,
  ones,
  rand,
  randn,
  setFusion,
  type Tensor,
  tensor,
  use,
  withOverride,
} from '@nn/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const variants = ['interpreter', 'cpu'].flatMap((device) =>
  [true, false].map((fusion) => ({ device, fusion })),
);
const small: readonly AutocastDType[] = ['bfloat16', 'float16'];
const leaf = (shape: number[]): Tensor => randn(shape).mul(0.5).detach().requiresGrad_();

describe.each(variants)('on $device, fusion $fusion', ({ device, fusion }) => {
  beforeAll(() => {
    use(device === 'cpu' ? cpu({ threads: 1 }) : interpreter());
    setFusion(fusion);
    manualSeed(0);
  });
  afterAll(() => setFusion(true));

  describe.each(small)('%s', (dtype) => {
    const within = <T>(body: () => T): T => autocast(body, { dtype });

    it('is what products are computed in, whatever their inputs are', () => {
      const [x, w, batch] = [randn([4, 3]), randn([3, 5]), randn([2, 4, 3])];
      const image = randn([1, 2, 6, 6]);
      within(() => {
        const half = x.matmul(w);
        const products: Record<string, Tensor> = {
          half,
          mm: x.mm(w),
          bmm: batch.bmm(randn([2, 3, 4])),
          linear: F.linear(x, w.T, ones([5])),
          mixed: F.linear(half, randn([7, 5]), ones([7])),
          addmm: half.matmul(randn([5, 2])),
          conv2d: F.conv2d(image, randn([3, 2, 3, 3]), ones([3])),
          conv1d: F.conv1d(image.at(0).to(dtype), randn([3, 6, 2])),
          transposed: F.convTranspose2d(image, randn([2, 3, 2, 2]), ones([3])),
          attention: F.scaledDotProductAttention(batch, batch, batch),
        };
        for (const [name, { dtype: actual }] of Object.entries(products)) expect(actual, name).toBe(dtype);
      });
    });

    it('is not what loses digits or overflows in it', () => {
      const x = rand([4, 3]).to(dtype);
      within(() => {
        const results: Record<string, Tensor> = {
          exp: x.exp(),
          log: x.log(),
          log1p: x.log1p(),
          pow: x.pow(3),
          square: x.square(),
          reciprocal: x.reciprocal(),
          rsqrt: x.rsqrt(),
          sum: x.sum(),
          prod: x.prod(),
          mean: x.mean(),
          variance: x.var(),
          cumsum: x.cumsum(0),
          norm: x.norm(),
          softmax: F.softmax(x, -1),
          logSoftmax: F.logSoftmax(x, -1),
          softplus: F.softplus(x),
          layerNorm: F.layerNorm(x, [3]),
          groupNorm: F.groupNorm(x, 1),
          crossEntropy: F.crossEntropy(x, tensor([0, 1, 2, 0])),
          mseLoss: F.mseLoss(x, x.mul(2)),
          l1Loss: F.l1Loss(x, x.mul(2)),
          smoothL1Loss: F.smoothL1Loss(x, x.mul(2)),
          klDiv: F.klDiv(x, x),
          bce: F.binaryCrossEntropyWithLogits(x, x),
        };
        for (const [name, { dtype: actual }] of Object.entries(results)) expect(actual, name).toBe('float32');
      });
    });

    it('stays where it is, and gives way to wider inputs', () => {
      const x = rand([4, 3]).to(dtype);
      const wide = rand([4, 3]);
      within(() => {
        for (const same of [x.add(1), x.mul(x), x.relu(), x.sigmoid(), x.tanh(), F.gelu(x), x.amax(), x.T]) {
          expect(same.dtype).toBe(dtype);
        }
        expect(x.add(wide).dtype).toBe('float32');
        expect(wide.relu().dtype).toBe('float32');
        expect(F.batchNorm(x, null, null, { training: true }).dtype).toBe(dtype);
        expect(x.maximum(wide).dtype).toBe('float32');
      });
    });

    it('leaves float64 and integers alone', () => {
      const [x, n] = [rand([2, 2], { dtype: 'float64' }), ones([2, 2], { dtype: 'int32' })];
      within(() => {
        expect(x.matmul(x).dtype).toBe('float64');
        expect(x.exp().dtype).toBe('float64');
        expect(n.matmul(n).dtype).toBe('int32');
        expect(n.sum().dtype).toBe(n.detach().sum().dtype);
      });
    });

    it('writes float32 results in place into what was there', async () => {
      const y = ones([2, 2]);
      within(() => y.add_(ones([2, 2]).matmul(ones([2, 2]))));
      expect(y.dtype).toBe('float32');
      expect(await y.toArray()).toEqual([
        [3, 3],
        [3, 3],
      ]);
    });

    it.each([true, false])(
      'gives float32 gradients near those without it (backward inside: %s)',
      async (inside) => {
        const [x, w1, b1, w2] = [randn([8, 4]), leaf([6, 4]), leaf([6]), leaf([3, 6])];
        const params = [w1, b1, w2];
        const target = tensor([0, 1, 2, 0, 1, 2, 0, 1]);
        const loss = (): Tensor => {
          const hidden = F.layerNorm(F.linear(x, w1, b1), [6]);
          return F.crossEntropy(F.linear(F.gelu(hidden), w2), target);
        };
        const gradientsOf = async (run: () => void): Promise<Float32Array[]> => {
          for (const each of params) each.grad = null;
          run();
          for (const each of params) expect(each.grad?.dtype).toBe('float32');
          return Promise.all(params.map(async (each) => (await each.grad!.data()) as Float32Array));
        };
        const exact = await gradientsOf(() => loss().backward());
        const mixed = await gradientsOf(() => {
          if (inside) within(() => loss().backward());
          else within(loss).backward();
        });
        mixed.forEach((gradient, i) => {
          const largest = Math.max(...exact[i].map(Math.abs));
          gradient.forEach((value, j) => {
            // Some units in the last place of bfloat16 (2^-8) or float16 (2^-11), which add up.
            const tolerance = dtype === 'bfloat16' ? 0.04 : 0.005;
            expect(Math.abs(value - exact[i][j])).toBeLessThan(tolerance * largest);
          });
        });
      },
    );
  });

  it('rounds to the small dtype', async () => {
    const x = tensor([[1 + 2 ** -9, 0]], { dtype: 'float32' });
    const y = autocast(() => x.matmul(ones([2, 1])), { dtype: 'bfloat16' });
    expect(await y.toArray()).toEqual([[1]]);
    expect(await x.matmul(ones([2, 1])).toArray()).toEqual([[1 + 2 ** -9]]);
  });

  it('is the same compiled, and turned on or off between calls', async () => {
    const w = leaf([3, 3]);
    const x = randn([3, 3]).realize();
    const product = compile(() => F.linear(x, w).sum());
    const [plain, mixed] = [F.linear(x, w).sum(), autocast(() => F.linear(x, w).sum())];
    for (let i = 0; i < 4; i++) {
      expect(await autocast(product).item()).toBe(await mixed.item());
      expect(await product().item()).toBe(await plain.item());
    }
  });
});

describe('scopes', () => {
  beforeAll(() => use(interpreter()));
  const product = (): string => ones([2, 2]).matmul(ones([2, 2])).dtype;

  it('nest, and end with an error, too', () => {
    expect(isAutocastEnabled()).toBe(false);
    autocast(
      () => {
        expect([isAutocastEnabled(), autocastDType(), product()]).toEqual([true, 'float16', 'float16']);
        autocast(() => expect(product()).toBe('float32'), { enabled: false });
        autocast(() => expect(product()).toBe('bfloat16'), { dtype: 'bfloat16' });
        // Without a dtype, that of the scope around it.
        autocast(() => expect(product()).toBe('float16'));
        expect(() =>
          autocast(() => {
            throw new Error('inside');
          }),
        ).toThrow('inside');
        expect(product()).toBe('float16');
      },
      { dtype: 'float16' },
    );
    expect([isAutocastEnabled(), autocastDType(), product()]).toEqual([false, null, 'float32']);
  });

  it('last as long as an asynchronous body, or a guard', async () => {
    const seen = await autocast(async () => {
      await ones([1]).item();
      return product();
    });
    expect(seen).toBe('bfloat16');
    expect(product()).toBe('float32');
    {
      using _scope = autocast({ dtype: 'float16' });
      expect(product()).toBe('float16');
    }
    expect(product()).toBe('float32');
  });

  it('let overrides see the ops, before and after the casts', () => {
    const outside: string[] = [];
    const inside: string[] = [];
    withOverride(
      (call, next) => {
        outside.push(call.inputs.map(({ dtype }) => dtype).join());
        return next();
      },
      () =>
        autocast(() =>
          withOverride(
            (call, next) => {
              if (call.op === 'dot') inside.push(call.inputs.map(({ dtype }) => dtype).join());
              return next();
            },
            () => ones([2, 2]).matmul(ones([2, 2])),
          ),
        ),
    );
    expect(inside).toEqual(['float32,float32']);
    expect(outside.at(-1)).toBe('bfloat16,bfloat16');
  });

  it('work under noGrad and with lists', () => {
    autocast(() => {
      noGrad(() => expect(product()).toBe('bfloat16'));
      expect(foreach.exp([ones([2], { dtype: 'bfloat16' })])[0].dtype).toBe('float32');
    });
  });

  it('refuse what they do not know', () => {
    expect(() => autocast(() => 1, { dtype: 'float32' as never })).toThrow(ArgumentError);
    expect(() => autocast(() => 1, { enabled: 1 as never })).toThrow(ArgumentError);
    expect(() => autocast(() => 1, { dtpye: 'float16' } as never)).toThrow(/Did you mean 'dtype'/);
    expect(() => autocast(null as never)).toThrow(ArgumentError);
    // Without it, mixed dtypes are an error still.
    expect(() => ones([2, 2]).matmul(ones([2, 2], { dtype: 'float16' }))).toThrow(DTypeError);
  });
});
