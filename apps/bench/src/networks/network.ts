// The networks that are trained: their layers, first weights and the batch, in PyTorch's layouts.
import { uniform } from '../random.ts';

export type Layer =
  /** weight [outputs, inputs]. */
  | { readonly kind: 'linear'; readonly inputs: number; readonly outputs: number }
  /** Square windows, no padding; weight [outputs, inputs, window, window]. `size` is the image's height and width. */
  | {
      readonly kind: 'convolution';
      readonly inputs: number;
      readonly outputs: number;
      readonly window: number;
      readonly size: number;
    }
  | { readonly kind: 'relu' }
  /** Maxima of windows of 2 x 2. */
  | { readonly kind: 'pool'; readonly channels: number; readonly size: number }
  | { readonly kind: 'flatten' };

export interface Parameters {
  readonly weight: Float32Array<ArrayBuffer>;
  readonly bias: Float32Array<ArrayBuffer>;
}

export interface Network {
  readonly layers: readonly Layer[];
  /** For each layer; null for those without. */
  readonly parameters: readonly (Parameters | null)[];
  readonly inputShape: readonly number[];
  readonly input: Float32Array<ArrayBuffer>;
  readonly labels: Int32Array<ArrayBuffer>;
  readonly classes: number;
  readonly learningRate: number;
}

function build(inputShape: readonly number[], classes: number, layers: readonly Layer[]): Network {
  const batch = inputShape[0];
  const parameters = layers.map((layer, at): Parameters | null => {
    if (layer.kind !== 'linear' && layer.kind !== 'convolution') return null;
    const fanIn = layer.inputs * (layer.kind === 'linear' ? 1 : layer.window ** 2);
    const bound = 1 / Math.sqrt(fanIn);
    return {
      weight: uniform(layer.outputs * fanIn, -bound, bound, 2 * at + 1),
      bias: uniform(layer.outputs, -bound, bound, 2 * at + 2),
    };
  });
  const size = inputShape.reduce((product, extent) => product * extent, 1);
  return {
    layers,
    parameters,
    inputShape,
    input: uniform(size, -1, 1, 1000),
    labels: Int32Array.from({ length: batch }, (_, at) => (at * 7) % classes),
    classes,
    learningRate: 0.05,
  };
}

/** Linear layers with ReLU between them. */
export function perceptron(batch: number, sizes: readonly number[]): Network {
  const layers = sizes.slice(1).flatMap((outputs, at): Layer[] => {
    const linear: Layer = { kind: 'linear', inputs: sizes[at], outputs };
    return at + 2 < sizes.length ? [linear, { kind: 'relu' }] : [linear];
  });
  return build([batch, sizes[0]], sizes[sizes.length - 1], layers);
}

/** Two convolutions of 5 x 5 with 16 and 32 channels, each with ReLU and pooling, then a linear layer. */
export function convolutionNetwork(batch: number): Network {
  return build([batch, 1, 28, 28], 10, [
    { kind: 'convolution', inputs: 1, outputs: 16, window: 5, size: 28 },
    { kind: 'relu' },
    { kind: 'pool', channels: 16, size: 24 },
    { kind: 'convolution', inputs: 16, outputs: 32, window: 5, size: 12 },
    { kind: 'relu' },
    { kind: 'pool', channels: 32, size: 8 },
    { kind: 'flatten' },
    { kind: 'linear', inputs: 512, outputs: 10 },
  ]);
}

/** Multiplications and additions of the products in one forward pass, and in one step. */
export function flopsOf({ layers, inputShape }: Network): {
  readonly forward: number;
  readonly step: number;
} {
  let forward = 0;
  let step = 0;
  for (const layer of layers) {
    if (layer.kind !== 'linear' && layer.kind !== 'convolution') continue;
    const pixels = layer.kind === 'linear' ? 1 : (layer.size - layer.window + 1) ** 2;
    const taps = layer.kind === 'linear' ? 1 : layer.window ** 2;
    const flops = 2 * inputShape[0] * pixels * layer.outputs * layer.inputs * taps;
    // Backwards: by the weight, and by the input unless that is the batch itself.
    step += flops * (forward === 0 ? 2 : 3);
    forward += flops;
  }
  return { forward, step };
}
