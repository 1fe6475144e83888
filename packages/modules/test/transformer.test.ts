// Attention and transformers beyond their values: masks, modes, parts, errors, learning.
import { noGrad } from '@nn/autograd';
import * as F from '@nn/functional';
import * as nn from '@nn/modules';
import { Adam } from '@nn/optim';
import {
  ArgumentError,
  cat,
  interpreter,
  manualSeed,
  ones,
  randint,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  use,
} from '@nn/tensor';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));
beforeEach(() => void manualSeed(3));

const distance = async (x: Tensor, y: Tensor): Promise<number> => x.sub(y).abs().max().item();
const small = { dimFeedforward: 8, dropout: 0 };

describe('MultiheadAttention', () => {
  it('is causal with and without the mask', async () => {
    const attention = new nn.MultiheadAttention(4, 2);
    const x = randn([3, 2, 4]);
    const attnMask = nn.Transformer.generateSquareSubsequentMask(3);
    const [masked, weights] = attention(x, x, x, { attnMask });
    const [hinted, none] = attention(x, x, x, { isCausal: true, needWeights: false });
    expect(none).toBeNull();
    expect(await distance(masked, hinted)).toBeLessThan(1e-6);
    expect(await weights.triu(1).abs().max().item()).toBe(0);
    const padding = tensor([
      [false, false, true],
      [false, false, false],
    ]);
    const [both] = attention(x, x, x, { isCausal: true, keyPaddingMask: padding });
    expect(await distance(both.at(0), masked.at(0))).toBeLessThan(1e-6);
  });

  it('projects the same tensor once, with the same result', async () => {
    const attention = new nn.MultiheadAttention(4, 2, { batchFirst: true });
    const x = randn([2, 3, 4]);
    const copy = x.clone();
    expect(await distance(attention(x, x, x)[0], attention(x, copy, x.clone())[0])).toBeLessThan(1e-6);
    expect(await distance(attention(x, copy, copy)[0], attention(x, x, x)[0])).toBeLessThan(1e-6);
  });

  it('drops weights in training only', async () => {
    const attention = new nn.MultiheadAttention(4, 2, { dropout: 0.5 });
    const x = randn([6, 2, 4]);
    const [first, second] = [attention(x, x, x)[0], attention(x, x, x)[0]];
    expect(await distance(first, second)).toBeGreaterThan(0);
    attention.eval();
    expect(await distance(attention(x, x, x)[0], attention(x, x, x)[0])).toBe(0);
  });

  it('has the projections that its sizes need', () => {
    const names = (layer: nn.ModuleBase): string[] => layer.namedParameters().map(([name]) => name);
    expect(names(new nn.MultiheadAttention(4, 2, { kdim: 3, addBiasKv: true }))).toEqual([
      'qProjWeight',
      'kProjWeight',
      'vProjWeight',
      'inProjBias',
      'biasK',
      'biasV',
      'outProj.weight',
      'outProj.bias',
    ]);
    expect(names(new nn.MultiheadAttention(4, 2, { bias: false }))).toEqual([
      'inProjWeight',
      'outProj.weight',
    ]);
  });

  it('refuses sizes, masks and options that do not fit', () => {
    expect(() => new nn.MultiheadAttention(5, 2)).toThrow(/5 cannot be divided among 2 heads/);
    expect(() => new nn.MultiheadAttention(4, 0)).toThrow(ArgumentError);
    expect(() => new nn.MultiheadAttention(4, 2, { dropout: 2 })).toThrow(/between 0 and 1/);
    expect(() => new nn.MultiheadAttention(4, 2, { kDim: 3 } as object)).toThrow(/Did you mean 'kdim'/);
    const attention = new nn.MultiheadAttention(4, 2);
    const x = ones([3, 2, 4]);
    expect(() => attention(ones([3, 2, 6]), x, x)).toThrow(ShapeError);
    expect(() => attention(x, ones([3, 1, 4]), x)).toThrow(ShapeError);
    expect(() => attention(x, x, x, { attnMask: ones([2, 2], { dtype: 'bool' }) })).toThrow(
      /attnMask must have/,
    );
    expect(() => attention(x, x, x, { mask: null } as object)).toThrow(ArgumentError);
  });
});

describe('transformer layers', () => {
  it('take activations as names, functions and modules', async () => {
    const x = randn([3, 2, 4]);
    const named = new nn.TransformerEncoderLayer(4, 2, { ...small, activation: 'gelu' });
    const given = new nn.TransformerEncoderLayer(4, 2, { ...small, activation: (y) => F.gelu(y) });
    const module = new nn.TransformerEncoderLayer(4, 2, { ...small, activation: new nn.PReLU() });
    given.loadStateDict(named.stateDict());
    expect(await distance(named(x), given(x))).toBe(0);
    expect(module.namedChildren().at(-1)?.[0]).toBe('activation');
    expect(module.namedParameters().at(-1)?.[0]).toBe('activation.weight');
    expect(() => new nn.TransformerEncoderLayer(4, 2, { activation: 'tanh' as 'relu' })).toThrow(
      /'relu', 'gelu'/,
    );
  });

  it('do without biases', () => {
    const layer = new nn.TransformerDecoderLayer(4, 2, { ...small, bias: false });
    expect(layer.namedParameters().some(([name]) => /bias/i.test(name))).toBe(false);
    expect(layer(ones([3, 4]), ones([2, 4])).shape).toEqual([3, 4]);
  });

  it('see what came before only, if causal', async () => {
    const layer = new nn.TransformerEncoderLayer(4, 2, small);
    const x = randn([4, 2, 4]);
    const changed = cat([x.narrow(0, 0, 3), randn([1, 2, 4])]);
    const outputs = [x, changed].map((each) => layer(each, { isCausal: true }).narrow(0, 0, 3));
    expect(await distance(outputs[0], outputs[1])).toBeLessThan(1e-6);
    const open = [x, changed].map((each) => layer(each).narrow(0, 0, 3));
    expect(await distance(open[0], open[1])).toBeGreaterThan(1e-3);
  });

  it('are copied into stacks', async () => {
    const layer = new nn.TransformerEncoderLayer(4, 2, small);
    const encoder = new nn.TransformerEncoder(layer, 2, { norm: new nn.LayerNorm(4) });
    expect(encoder.namedParameters().map(([name]) => name)).toContain('layers.1.selfAttn.inProjWeight');
    expect(encoder.layers[0].linear1.weight).not.toBe(encoder.layers[1].linear1.weight);
    expect(await distance(encoder.layers[0].linear1.weight, layer.linear1.weight)).toBe(0);
    const x = randn([3, 2, 4]);
    expect(await distance(encoder(x), encoder.norm!(layer(layer(x))))).toBeLessThan(1e-6);
    expect(() => new nn.TransformerEncoder(layer, -1)).toThrow(ArgumentError);
  });
});

describe('Transformer', () => {
  const options = { dModel: 4, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 1, ...small };

  it('makes masks of what comes later', async () => {
    const mask = nn.Transformer.generateSquareSubsequentMask(3);
    const none = Number.NEGATIVE_INFINITY;
    expect(await mask.toArray()).toEqual([
      [0, none, none],
      [0, 0, none],
      [0, 0, 0],
    ]);
    expect(nn.Transformer.generateSquareSubsequentMask(2, { dtype: 'float64' }).dtype).toBe('float64');
  });

  it('takes other encoders and decoders', () => {
    class Shift extends nn.Module<[Tensor], Tensor> {
      readonly own = new nn.Linear(4, 4);
      override forward(x: Tensor): Tensor {
        return this.own(x);
      }
    }
    const model = new nn.Transformer({ ...options, customEncoder: new Shift() });
    expect(model(ones([2, 4]), ones([3, 4])).shape).toEqual([3, 4]);
    expect(model.namedParameters()[0][0]).toBe('encoder.own.weight');
  });

  it('refuses what does not fit', () => {
    const model = new nn.Transformer(options);
    expect(() => model(ones([2, 2, 4]), ones([3, 1, 4]))).toThrow(/one batch size/);
    expect(() => model(ones([2, 4]), ones([3, 5]))).toThrow(ShapeError);
    expect(() => model(ones([2, 1, 4]), ones([3, 4]))).toThrow(ShapeError);
    expect(() => new nn.Transformer({ ...options, heads: 2 } as object)).toThrow(ArgumentError);
  });

  it('learns to reverse', async () => {
    const model = new nn.Transformer({ ...options, dModel: 16, dimFeedforward: 32, batchFirst: true });
    const words = new nn.Embedding(5, 16);
    const places = new nn.Embedding(4, 16);
    const head = new nn.Linear(16, 5);
    const parameters = [model, words, places, head].flatMap((each) => each.parameters());
    const optimizer = new Adam(parameters, { lr: 0.01 });
    const embed = (x: Tensor): Tensor => words(x).add(places(tensor([0, 1, 2, 3])));
    const start = tensor([4]).expand([32, 1]);
    const answer = (x: Tensor, y: Tensor): Tensor => {
      const given = cat([start, y.narrow(1, 0, 3)], 1);
      return head(model(embed(x), embed(given), { tgtIsCausal: true }));
    };
    for (let step = 0; step < 80; step++) {
      const x = randint(0, 4, [32, 4]);
      const y = x.flip(1);
      optimizer.zeroGrad();
      F.crossEntropy(answer(x, y).reshape(-1, 5), y.reshape(-1)).backward();
      optimizer.step();
    }
    const x = randint(0, 4, [32, 4]);
    const right = noGrad(() => answer(x, x.flip(1)).argmax(-1).eq(x.flip(1)).to('float32').mean());
    expect(await right.item()).toBeGreaterThan(0.95);
  });
});
