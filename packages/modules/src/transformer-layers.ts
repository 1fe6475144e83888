// Layers of transformers (Vaswani et al. 2017).
import { gelu, relu } from '@nn/functional';
import { ArgumentError, checkOptions, type Tensor } from '@nn/tensor';
import { Dropout } from './dropout.ts';
import { Linear } from './linear.ts';
import { Module } from './module.ts';
import { MultiheadAttention } from './multihead-attention.ts';
import { LayerNorm } from './normalization.ts';
import { checkLayerOptions, type FactoryOptions, factory } from './options.ts';

/** A function of tensors, which may be a module. */
export type Activation = (x: Tensor) => Tensor;

export interface TransformerLayerOptions extends FactoryOptions {
  /** The size between the two linear layers. Default 2048. */
  readonly dimFeedforward?: number;
  /** The part that is dropped in training, everywhere. Default 0.1. */
  readonly dropout?: number;
  /** Between the two linear layers. Default 'relu'. */
  readonly activation?: 'relu' | 'gelu' | Activation;
  /** Added to variances. Default 1e-5. */
  readonly layerNormEps?: number;
  /** Whether the batch comes before the length in inputs and output. Default false. */
  readonly batchFirst?: boolean;
  /** Whether each part normalises its input, instead of its sum with that. Default false. */
  readonly normFirst?: boolean;
  /** Whether linear layers and norms have additive biases. Default true. */
  readonly bias?: boolean;
}

/** @throws {ArgumentError} for names other than these. */
function activationOf(name: string, activation: TransformerLayerOptions['activation']): Activation {
  if (typeof activation === 'function') return activation;
  if (activation === undefined || activation === 'relu') return relu;
  if (activation === 'gelu') return gelu;
  throw new ArgumentError(
    `${name}: activation must be 'relu', 'gelu' or a function of tensors, got '${String(activation)}'`,
  );
}

export const transformerOptions: readonly string[] = [
  'dimFeedforward',
  'dropout',
  'activation',
  'layerNormEps',
  'batchFirst',
  'normFirst',
  'bias',
];

/** The parts of a layer, from its options. */
function parts(name: string, dModel: number, nhead: number, options: TransformerLayerOptions) {
  const { bias = true, dropout = 0.1, batchFirst = false, dimFeedforward = 2048 } = options;
  const made = factory(options);
  return {
    attention: () => new MultiheadAttention(dModel, nhead, { dropout, batchFirst, bias, ...made }),
    widening: () => new Linear(dModel, dimFeedforward, { bias, ...made }),
    narrowing: () => new Linear(dimFeedforward, dModel, { bias, ...made }),
    norm: () => new LayerNorm(dModel, { eps: options.layerNormEps ?? 1e-5, bias, ...made }),
    dropout: () => new Dropout(dropout),
    activation: activationOf(name, options.activation),
  };
}

interface FeedForward {
  readonly linear1: Linear;
  readonly linear2: Linear;
  readonly dropout: Dropout;
  readonly activation: Activation;
}

function feedForward({ linear1, linear2, dropout, activation }: FeedForward, x: Tensor): Tensor {
  return linear2(dropout(activation(linear1(x))));
}

/** A part with its residual and its norm. */
function residual(normFirst: boolean, x: Tensor, norm: LayerNorm, part: (x: Tensor) => Tensor): Tensor {
  return normFirst ? x.add(part(norm(x))) : norm(x.add(part(x)));
}

export interface EncoderLayerCallOptions {
  /** Keys to leave out for each query, [length, length] or [batch · heads, length, length]; see MultiheadAttention. */
  readonly srcMask?: Tensor | null;
  /** Keys of each batch entry to leave out, [batch, length]. */
  readonly srcKeyPaddingMask?: Tensor | null;
  /** Whether elements see those before them and themselves only. Default false. */
  readonly isCausal?: boolean;
}

/**
 * Self-attention and a perceptron, each with dropout, residual and layer norm, of inputs [length, batch, dModel] or
 * [length, dModel].
 *
 * @throws {ShapeError | ArgumentError | DTypeError} for inputs or masks that do not fit.
 * @example
 * ```ts
 * import { TransformerEncoderLayer } from '@nn/modules';
 * import { interpreter, randn, use } from '@nn/tensor';
 * use(interpreter());
 * const layer = new TransformerEncoderLayer(8, 2, { dimFeedforward: 16, activation: 'gelu', batchFirst: true });
 * console.log(layer(randn([3, 5, 8]), { isCausal: true }).shape); // => [3, 5, 8]
 * ```
 */
export class TransformerEncoderLayer extends Module<
  [src: Tensor, options?: EncoderLayerCallOptions],
  Tensor
> {
  selfAttn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  readonly normFirst: boolean;
  norm1: LayerNorm;
  norm2: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  activation: Activation;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    checkLayerOptions('TransformerEncoderLayer', options, transformerOptions);
    const make = parts('TransformerEncoderLayer', dModel, nhead, options);
    this.selfAttn = make.attention();
    this.linear1 = make.widening();
    this.dropout = make.dropout();
    this.linear2 = make.narrowing();
    this.normFirst = options.normFirst ?? false;
    this.norm1 = make.norm();
    this.norm2 = make.norm();
    this.dropout1 = make.dropout();
    this.dropout2 = make.dropout();
    this.activation = make.activation;
  }

  override forward(src: Tensor, options: EncoderLayerCallOptions = {}): Tensor {
    checkOptions('TransformerEncoderLayer', options, ['srcMask', 'srcKeyPaddingMask', 'isCausal']);
    const { srcMask: attnMask = null, srcKeyPaddingMask: keyPaddingMask = null, isCausal = false } = options;
    const attended = residual(this.normFirst, src, this.norm1, (x) => {
      const [y] = this.selfAttn(x, x, x, { attnMask, keyPaddingMask, isCausal, needWeights: false });
      return this.dropout1(y);
    });
    return residual(this.normFirst, attended, this.norm2, (x) => this.dropout2(feedForward(this, x)));
  }
}

export interface DecoderLayerCallOptions {
  /** Of self-attention, as in TransformerEncoderLayer. */
  readonly tgtMask?: Tensor | null;
  /** Of attention to the memory, [length, memory length] or [batch · heads, length, memory length]. */
  readonly memoryMask?: Tensor | null;
  /** Elements of each batch entry to leave out, [batch, length]. */
  readonly tgtKeyPaddingMask?: Tensor | null;
  /** Elements of the memory to leave out, [batch, memory length]. */
  readonly memoryKeyPaddingMask?: Tensor | null;
  /** Whether elements see those before them and themselves only. Default false. */
  readonly tgtIsCausal?: boolean;
  /** Whether they see the memory up to their own place only. Default false. */
  readonly memoryIsCausal?: boolean;
}

export const decoderCallOptions: readonly (keyof DecoderLayerCallOptions)[] = [
  'tgtMask',
  'memoryMask',
  'tgtKeyPaddingMask',
  'memoryKeyPaddingMask',
  'tgtIsCausal',
  'memoryIsCausal',
];

/**
 * As TransformerEncoderLayer, with attention to an encoder's output [memory length, batch, dModel] in between.
 *
 * @throws {ShapeError | ArgumentError | DTypeError} for inputs or masks that do not fit.
 */
export class TransformerDecoderLayer extends Module<
  [tgt: Tensor, memory: Tensor, options?: DecoderLayerCallOptions],
  Tensor
> {
  selfAttn: MultiheadAttention;
  multiheadAttn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  readonly normFirst: boolean;
  norm1: LayerNorm;
  norm2: LayerNorm;
  norm3: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  dropout3: Dropout;
  activation: Activation;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    checkLayerOptions('TransformerDecoderLayer', options, transformerOptions);
    const make = parts('TransformerDecoderLayer', dModel, nhead, options);
    this.selfAttn = make.attention();
    this.multiheadAttn = make.attention();
    this.linear1 = make.widening();
    this.dropout = make.dropout();
    this.linear2 = make.narrowing();
    this.normFirst = options.normFirst ?? false;
    this.norm1 = make.norm();
    this.norm2 = make.norm();
    this.norm3 = make.norm();
    this.dropout1 = make.dropout();
    this.dropout2 = make.dropout();
    this.dropout3 = make.dropout();
    this.activation = make.activation;
  }

  override forward(tgt: Tensor, memory: Tensor, options: DecoderLayerCallOptions = {}): Tensor {
    checkOptions('TransformerDecoderLayer', options, decoderCallOptions);
    const needWeights = false;
    const own = {
      attnMask: options.tgtMask ?? null,
      keyPaddingMask: options.tgtKeyPaddingMask ?? null,
      isCausal: options.tgtIsCausal ?? false,
    };
    const other = {
      attnMask: options.memoryMask ?? null,
      keyPaddingMask: options.memoryKeyPaddingMask ?? null,
      isCausal: options.memoryIsCausal ?? false,
    };
    const { normFirst } = this;
    const attended = residual(normFirst, tgt, this.norm1, (x) =>
      this.dropout1(this.selfAttn(x, x, x, { ...own, needWeights })[0]),
    );
    const informed = residual(normFirst, attended, this.norm2, (x) =>
      this.dropout2(this.multiheadAttn(x, memory, memory, { ...other, needWeights })[0]),
    );
    return residual(normFirst, informed, this.norm3, (x) => this.dropout3(feedForward(this, x)));
  }
}
