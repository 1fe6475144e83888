// Stacks of transformer layers, and the whole of them.
import {
  ArgumentError,
  checkOptions,
  type DType,
  formatShape,
  full,
  requireTensor,
  ShapeError,
  type Tensor,
} from '@nn/tensor';
import { ModuleList } from './containers.ts';
import { deepcopy } from './deepcopy.ts';
import { xavierUniform_ } from './init.ts';
import { Module } from './module.ts';
import type { ModuleBase } from './module-base.ts';
import { LayerNorm } from './normalization.ts';
import { checkLayerOptions, factory } from './options.ts';
import {
  type DecoderLayerCallOptions,
  decoderCallOptions,
  type EncoderLayerCallOptions,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
  transformerOptions,
} from './transformer-layers.ts';

export interface TransformerStackOptions {
  /** What the last layer's output is passed through. Default: nothing. */
  readonly norm?: Module<[Tensor], Tensor> | null;
}

/** Copies that share nothing. */
function copies<M extends ModuleBase>(name: string, layer: M, count: number): ModuleList<M> {
  if (!Number.isInteger(count) || count < 0)
    throw new ArgumentError(`${name}: numLayers must be a count, got ${String(count)}`);
  return new ModuleList(Array.from({ length: count }, () => deepcopy(layer)));
}

export interface EncoderCallOptions {
  /** As `srcMask` of TransformerEncoderLayer. */
  readonly mask?: Tensor | null;
  /** Elements of each batch entry to leave out, [batch, length]. */
  readonly srcKeyPaddingMask?: Tensor | null;
  /** Whether elements see those before them and themselves only. Default false. */
  readonly isCausal?: boolean;
}

type EncoderLayer = Module<[src: Tensor, options?: EncoderLayerCallOptions], Tensor>;

/**
 * Copies of a TransformerEncoderLayer, one after the other.
 *
 * @example
 * ```ts
 * import { TransformerEncoder, TransformerEncoderLayer } from '@nn/modules';
 * import { interpreter, randn, use } from '@nn/tensor';
 * use(interpreter());
 * const encoder = new TransformerEncoder(new TransformerEncoderLayer(8, 2, { dimFeedforward: 16 }), 3);
 * console.log(encoder(randn([5, 2, 8])).shape, encoder.layers.length); // => [5, 2, 8] 3
 * ```
 */
export class TransformerEncoder<Layer extends EncoderLayer = TransformerEncoderLayer> extends Module<
  [src: Tensor, options?: EncoderCallOptions],
  Tensor
> {
  layers: ModuleList<Layer>;
  readonly numLayers: number;
  norm: Module<[Tensor], Tensor> | null;

  constructor(encoderLayer: Layer, numLayers: number, options: TransformerStackOptions = {}) {
    super();
    checkOptions('TransformerEncoder', options, ['norm']);
    this.layers = copies('TransformerEncoder', encoderLayer, numLayers);
    this.numLayers = numLayers;
    this.norm = options.norm ?? null;
  }

  override forward(src: Tensor, options: EncoderCallOptions = {}): Tensor {
    checkOptions('TransformerEncoder', options, ['mask', 'srcKeyPaddingMask', 'isCausal']);
    const { mask: srcMask = null, srcKeyPaddingMask = null, isCausal = false } = options;
    let x = src;
    for (const layer of this.layers) x = layer(x, { srcMask, srcKeyPaddingMask, isCausal });
    return this.norm === null ? x : this.norm(x);
  }
}

type DecoderLayer = Module<[tgt: Tensor, memory: Tensor, options?: DecoderLayerCallOptions], Tensor>;

/** Copies of a TransformerDecoderLayer, one after the other; all attend to the same memory. */
export class TransformerDecoder<Layer extends DecoderLayer = TransformerDecoderLayer> extends Module<
  [tgt: Tensor, memory: Tensor, options?: DecoderLayerCallOptions],
  Tensor
> {
  layers: ModuleList<Layer>;
  readonly numLayers: number;
  norm: Module<[Tensor], Tensor> | null;

  constructor(decoderLayer: Layer, numLayers: number, options: TransformerStackOptions = {}) {
    super();
    checkOptions('TransformerDecoder', options, ['norm']);
    this.layers = copies('TransformerDecoder', decoderLayer, numLayers);
    this.numLayers = numLayers;
    this.norm = options.norm ?? null;
  }

  override forward(tgt: Tensor, memory: Tensor, options: DecoderLayerCallOptions = {}): Tensor {
    checkOptions('TransformerDecoder', options, decoderCallOptions);
    let x = tgt;
    for (const layer of this.layers) x = layer(x, memory, options);
    return this.norm === null ? x : this.norm(x);
  }
}

type Encoder = Module<[src: Tensor, options?: EncoderCallOptions], Tensor>;

export interface TransformerOptions extends TransformerLayerOptions {
  /** The size of inputs and outputs. Default 512. */
  readonly dModel?: number;
  /** Default 8. */
  readonly nhead?: number;
  /** Default 6. */
  readonly numEncoderLayers?: number;
  /** Default 6. */
  readonly numDecoderLayers?: number;
  /** In place of the encoder. */
  readonly customEncoder?: Encoder | null;
  /** In place of the decoder. */
  readonly customDecoder?: DecoderLayer | null;
}

export interface TransformerCallOptions extends DecoderLayerCallOptions {
  /** Of the encoder's self-attention; see MultiheadAttention. */
  readonly srcMask?: Tensor | null;
  /** Elements of each batch entry to leave out, [batch, source length]. */
  readonly srcKeyPaddingMask?: Tensor | null;
  /** Whether the source's elements see those before them and themselves only. Default false. */
  readonly srcIsCausal?: boolean;
}

export interface SquareMaskOptions {
  readonly device?: string;
  /** Default: see setDefaultDType. */
  readonly dtype?: DType;
}

/**
 * An encoder and a decoder that attends to its output (Vaswani et al. 2017): a source [source length, batch, dModel] and
 * a target [target length, batch, dModel], or both without batch, to [target length, batch, dModel].
 *
 * @throws {ShapeError | ArgumentError | DTypeError} for inputs or masks that do not fit.
 * @example
 * ```ts
 * import { Transformer } from '@nn/modules';
 * import { interpreter, randn, use } from '@nn/tensor';
 * use(interpreter());
 * const model = new Transformer({ dModel: 8, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 16 });
 * const tgtMask = Transformer.generateSquareSubsequentMask(3);
 * console.log(model(randn([5, 2, 8]), randn([3, 2, 8]), { tgtMask }).shape); // => [3, 2, 8]
 * ```
 */
export class Transformer extends Module<
  [src: Tensor, tgt: Tensor, options?: TransformerCallOptions],
  Tensor
> {
  encoder: Encoder;
  decoder: DecoderLayer;
  readonly dModel: number;
  readonly nhead: number;
  readonly batchFirst: boolean;

  constructor(options: TransformerOptions = {}) {
    super();
    checkLayerOptions('Transformer', options, [
      'dModel',
      'nhead',
      'numEncoderLayers',
      'numDecoderLayers',
      'customEncoder',
      'customDecoder',
      ...transformerOptions,
    ]);
    const {
      dModel = 512,
      nhead = 8,
      numEncoderLayers = 6,
      numDecoderLayers = 6,
      customEncoder = null,
      customDecoder = null,
      ...layer
    } = options;
    const norm = (): LayerNorm =>
      new LayerNorm(dModel, { eps: layer.layerNormEps ?? 1e-5, bias: layer.bias ?? true, ...factory(layer) });
    this.encoder =
      customEncoder ??
      new TransformerEncoder(new TransformerEncoderLayer(dModel, nhead, layer), numEncoderLayers, {
        norm: norm(),
      });
    this.decoder =
      customDecoder ??
      new TransformerDecoder(new TransformerDecoderLayer(dModel, nhead, layer), numDecoderLayers, {
        norm: norm(),
      });
    this.dModel = dModel;
    this.nhead = nhead;
    this.batchFirst = layer.batchFirst ?? false;
    this.resetParameters();
  }

  /** PyTorch's initial values: Glorot's for all matrices. */
  resetParameters(): void {
    for (const parameter of this.parameters()) if (parameter.ndim > 1) xavierUniform_(parameter);
  }

  /** A mask [size, size] that is added to scores: -∞ where the key comes after the query, else 0. */
  static generateSquareSubsequentMask(size: number, options: SquareMaskOptions = {}): Tensor {
    checkOptions('generateSquareSubsequentMask', options, ['device', 'dtype']);
    return full([size, size], Number.NEGATIVE_INFINITY, { dtype: 'float32', ...factory(options) }).triu(1);
  }

  override forward(src: Tensor, tgt: Tensor, options: TransformerCallOptions = {}): Tensor {
    checkOptions('Transformer', options, [
      'srcMask',
      'srcKeyPaddingMask',
      'srcIsCausal',
      ...decoderCallOptions,
    ]);
    this.checkInputs(requireTensor('Transformer', src), requireTensor('Transformer', tgt));
    const {
      srcMask: mask = null,
      srcKeyPaddingMask = null,
      srcIsCausal: isCausal = false,
      ...other
    } = options;
    const memory = this.encoder(src, { mask, srcKeyPaddingMask, isCausal });
    return this.decoder(tgt, memory, other);
  }

  private checkInputs(src: Tensor, tgt: Tensor): void {
    const { dModel, batchFirst } = this;
    const batchDim = batchFirst ? 0 : 1;
    const fits =
      (src.ndim === 2 || src.ndim === 3) &&
      tgt.ndim === src.ndim &&
      (src.ndim === 2 || src.shape[batchDim] === tgt.shape[batchDim]) &&
      [src, tgt].every((x) => x.shape[x.ndim - 1] === dModel);
    if (fits) return;
    const form = batchFirst ? `[batch, length, ${dModel}]` : `[length, batch, ${dModel}]`;
    throw new ShapeError(
      `Transformer: takes source and target ${form} of one batch size, or both without batch, got ` +
        `${formatShape(src.shape)} and ${formatShape(tgt.shape)}`,
    );
  }
}
