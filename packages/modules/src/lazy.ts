// Layers that find the size of their input at their first call.
import { ArgumentError, formatShape, requireTensor, ShapeError, type Tensor } from '@nn/tensor';
import {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  type BatchNormLayerOptions,
  type TrackedNorm,
} from './batch-normalization.ts';
import { Conv1d, Conv2d, Conv3d, type ConvLayerOptions, type ConvolutionBase } from './convolution.ts';
import { InstanceNorm1d, InstanceNorm2d, InstanceNorm3d } from './instance-normalization.ts';
import { Linear, type LinearOptions } from './linear.ts';
import type { ModuleBase } from './module-base.ts';
import {
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvTransposeLayerOptions,
} from './transposed-convolution.ts';
import { isUninitialized, UninitializedBuffer, UninitializedParameter } from './uninitialized.ts';

type Sizes = number | readonly number[];

/** Gives a parameter or a buffer its shape; whether it had none, and a state dict gave it none. */
function materialize(value: Tensor | null, shape: readonly number[]): boolean {
  if (!isUninitialized(value)) return false;
  value.materialize(shape);
  return true;
}

/** What the layer is from now on: one of the plain class. */
function become(layer: ModuleBase, plain: { readonly prototype: object }): void {
  Object.setPrototypeOf(layer, plain.prototype);
  layer.settle();
}

/** The size of a dimension counted from the end. */
function sizeFromEnd(layer: ModuleBase, given: readonly unknown[], back: number): number {
  const x = requireTensor(layer.constructor.name, given[0] as Tensor);
  const size = x.shape.at(-back);
  if (size !== undefined) return size;
  throw new ShapeError(
    `${layer.constructor.name}: an input of at least ${back} dimensions is needed, got ${formatShape(x.shape)}`,
  );
}

type AnyConvolution = ModuleBase &
  Pick<ConvolutionBase, 'kernelSize' | 'outChannels' | 'groups' | 'weight' | 'resetParameters'>;

function initializeConvolution(
  layer: AnyConvolution,
  plain: { readonly prototype: object },
  given: readonly unknown[],
  transposed: boolean,
): void {
  const { kernelSize, outChannels, groups, weight } = layer;
  const inChannels = sizeFromEnd(layer, given, kernelSize.length + 1);
  if (inChannels % groups !== 0) {
    throw new ArgumentError(
      `${layer.constructor.name}: the input's ${inChannels} channels must be a multiple of groups ${groups}`,
    );
  }
  Reflect.set(layer, 'inChannels', inChannels);
  const [first, second] = transposed ? [inChannels, outChannels] : [outChannels, inChannels];
  if (materialize(weight, [first, second / groups, ...kernelSize])) layer.resetParameters();
  become(layer, plain);
}

function forgetFeatures(layer: TrackedNorm, options: BatchNormLayerOptions): void {
  if (layer.affine) {
    layer.weight = new UninitializedParameter(options);
    layer.bias = new UninitializedParameter(options);
  }
  if (layer.trackRunningStats) {
    layer.runningMean = new UninitializedBuffer(options);
    layer.runningVar = new UninitializedBuffer(options);
  }
}

function initializeNorm(
  layer: TrackedNorm,
  plain: { readonly prototype: object },
  numFeatures: number,
): void {
  const { weight, bias, runningMean, runningVar } = layer;
  Reflect.set(layer, 'numFeatures', numFeatures);
  const fresh = [weight, bias].map((value) => materialize(value, [numFeatures])).includes(true);
  if (fresh) layer.resetParameters();
  const unseen = [runningMean, runningVar].map((value) => materialize(value, [numFeatures])).includes(true);
  if (unseen) layer.resetRunningStats();
  become(layer, plain);
}

/**
 * A Linear that finds `inFeatures` at its first call, from the last dimension of its input. Then it is a Linear. A state
 * dict may be loaded before.
 *
 * @example
 * ```ts
 * import { LazyLinear, Linear } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const layer = new LazyLinear(3);
 * layer(ones([2, 5]));
 * console.log(String(layer)); // => Linear(inFeatures=5, outFeatures=3, bias=true)
 * ```
 */
export class LazyLinear extends Linear {
  constructor(outFeatures: number, options: LinearOptions = {}) {
    super(0, outFeatures, options);
    this.weight = new UninitializedParameter(options);
  }

  protected override invoke(given: readonly unknown[]): Tensor {
    const inFeatures = sizeFromEnd(this, given, 1);
    Reflect.set(this, 'inFeatures', inFeatures);
    if (materialize(this.weight, [this.outFeatures, inFeatures])) this.resetParameters();
    become(this, Linear);
    return super.invoke(given);
  }
}

/** A Conv1d that finds `inChannels` at its first call. Then it is a Conv1d. */
export class LazyConv1d extends Conv1d {
  constructor(outChannels: number, kernelSize: Sizes, options: ConvLayerOptions = {}) {
    super(0, outChannels, kernelSize, options);
    this.weight = new UninitializedParameter(options);
  }

  protected override invoke(given: readonly unknown[]): Tensor {
    initializeConvolution(this, Conv1d, given, false);
    return super.invoke(given);
  }
}

/** A Conv2d that finds `inChannels` at its first call. Then it is a Conv2d. */
export class LazyConv2d extends Conv2d {
  constructor(outChannels: number, kernelSize: Sizes, options: ConvLayerOptions = {}) {
    super(0, outChannels, kernelSize, options);
    this.weight = new UninitializedParameter(options);
  }

  protected override invoke(given: readonly unknown[]): Tensor {
    initializeConvolution(this, Conv2d, given, false);
    return super.invoke(given);
  }
}

/** A Conv3d that finds `inChannels` at its first call. Then it is a Conv3d. */
export class LazyConv3d extends Conv3d {
  constructor(outChannels: number, kernelSize: Sizes, options: ConvLayerOptions = {}) {
    super(0, outChannels, kernelSize, options);
    this.weight = new UninitializedParameter(options);
  }

  protected override invoke(given: readonly unknown[]): Tensor {
    initializeConvolution(this, Conv3d, given, false);
    return super.invoke(given);
  }
}

/** A ConvTranspose1d that finds `inChannels` at its first call. Then it is a ConvTranspose1d. */
export class LazyConvTranspose1d extends ConvTranspose1d {
  constructor(outChannels: number, kernelSize: Sizes, options: ConvTransposeLayerOptions = {}) {
    super(0, outChannels, kernelSize, options);
    this.weight = new UninitializedParameter(options);
  }

  protected override invoke(given: readonly unknown[]): Tensor {
    initializeConvolution(this, ConvTranspose1d, given, true);
    return super.invoke(given);
  }
}

/** A ConvTranspose2d that finds `inChannels` at its first call. Then it is a ConvTranspose2d. */
export class LazyConvTranspose2d extends ConvTranspose2d {
  constructor(outChannels: number, kernelSize: Sizes, options: ConvTransposeLayerOptions = {}) {
    super(0, outChannels, kernelSize, options);
    this.weight = new UninitializedParameter(options);
  }

  protected override invoke(given: readonly unknown[]): Tensor {
    initializeConvolution(this, ConvTranspose2d, given, true);
    return super.invoke(given);
  }
}

/** A ConvTranspose3d that finds `inChannels` at its first call. Then it is a ConvTranspose3d. */
export class LazyConvTranspose3d extends ConvTranspose3d {
  constructor(outChannels: number, kernelSize: Sizes, options: ConvTransposeLayerOptions = {}) {
    super(0, outChannels, kernelSize, options);
    this.weight = new UninitializedParameter(options);
  }

  protected override invoke(given: readonly unknown[]): Tensor {
    initializeConvolution(this, ConvTranspose3d, given, true);
    return super.invoke(given);
  }
}

/** A BatchNorm1d that finds `numFeatures` at its first call. Then it is a BatchNorm1d. */
export class LazyBatchNorm1d extends BatchNorm1d {
  constructor(options: BatchNormLayerOptions = {}) {
    super(0, options);
    forgetFeatures(this, options);
  }

  protected override invoke(given: readonly unknown[]): Tensor {
    initializeNorm(this, BatchNorm1d, requireTensor('LazyBatchNorm1d', given[0] as Tensor).size(1));
    return super.invoke(given);
  }
}

/** A BatchNorm2d that finds `numFeatures` at its first call. Then it is a BatchNorm2d. */
export class LazyBatchNorm2d extends BatchNorm2d {
  constructor(options: BatchNormLayerOptions = {}) {
    super(0, options);
    forgetFeatures(this, options);
  }

  protected override invoke(given: readonly unknown[]): Tensor {
    initializeNorm(this, BatchNorm2d, sizeFromEnd(this, given, 3));
    return super.invoke(given);
  }
}

/** A BatchNorm3d that finds `numFeatures` at its first call. Then it is a BatchNorm3d. */
export class LazyBatchNorm3d extends BatchNorm3d {
  constructor(options: BatchNormLayerOptions = {}) {
    super(0, options);
    forgetFeatures(this, options);
  }

  protected override invoke(given: readonly unknown[]): Tensor {
    initializeNorm(this, BatchNorm3d, sizeFromEnd(this, given, 4));
    return super.invoke(given);
  }
}

/** An InstanceNorm1d that finds `numFeatures` at its first call. Then it is an InstanceNorm1d. */
export class LazyInstanceNorm1d extends InstanceNorm1d {
  constructor(options: BatchNormLayerOptions = {}) {
    super(0, options);
    forgetFeatures(this, options);
  }

  protected override invoke(given: readonly unknown[]): Tensor {
    initializeNorm(this, InstanceNorm1d, sizeFromEnd(this, given, 2));
    return super.invoke(given);
  }
}

/** An InstanceNorm2d that finds `numFeatures` at its first call. Then it is an InstanceNorm2d. */
export class LazyInstanceNorm2d extends InstanceNorm2d {
  constructor(options: BatchNormLayerOptions = {}) {
    super(0, options);
    forgetFeatures(this, options);
  }

  protected override invoke(given: readonly unknown[]): Tensor {
    initializeNorm(this, InstanceNorm2d, sizeFromEnd(this, given, 3));
    return super.invoke(given);
  }
}

/** An InstanceNorm3d that finds `numFeatures` at its first call. Then it is an InstanceNorm3d. */
export class LazyInstanceNorm3d extends InstanceNorm3d {
  constructor(options: BatchNormLayerOptions = {}) {
    super(0, options);
    forgetFeatures(this, options);
  }

  protected override invoke(given: readonly unknown[]): Tensor {
    initializeNorm(this, InstanceNorm3d, sizeFromEnd(this, given, 4));
    return super.invoke(given);
  }
}
