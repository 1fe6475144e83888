// What networks are made of.

export type Layer =
  /** Along the last dimension; weight [outputs, inputs]. */
  | { readonly kind: 'linear'; readonly inputs: number; readonly outputs: number }
  /** Square windows; weight [outputs, inputs, window, window]. */
  | {
      readonly kind: 'convolution';
      readonly inputs: number;
      readonly outputs: number;
      readonly window: number;
      readonly stride: number;
      readonly padding: number;
      readonly bias: boolean;
    }
  /** By the batch's own mean and variance. */
  | { readonly kind: 'batchNorm'; readonly channels: number }
  | { readonly kind: 'layerNorm'; readonly width: number }
  | { readonly kind: 'relu' }
  | { readonly kind: 'gelu' }
  /** Maxima of windows of 2 x 2. */
  | { readonly kind: 'pool' }
  /** The mean of each channel: [batch, channels, height, width] to [batch, channels]. */
  | { readonly kind: 'globalPool' }
  /** [batch, channels, height, width] to [batch, channels · height · width]. */
  | { readonly kind: 'flatten' }
  /** What the layers make of it, plus itself, or what other layers make of it. */
  | { readonly kind: 'residual'; readonly body: readonly Layer[]; readonly shortcut: readonly Layer[] }
  /** Self-attention of [batch, length, width], with projections into and out of it. */
  | { readonly kind: 'attention'; readonly width: number; readonly heads: number; readonly causal: boolean }
  /** [batch, length] of indices to [batch, length, width]. */
  | { readonly kind: 'embedding'; readonly entries: number; readonly width: number }
  /** Adds a learnt vector for each place: [batch, length, width]. */
  | { readonly kind: 'positions'; readonly length: number; readonly width: number }
  /** [time, batch, inputs] to the last hidden state, [batch, hidden]. */
  | { readonly kind: 'lstm'; readonly inputs: number; readonly hidden: number };

/** The shapes of a layer's own parameters, in PyTorch's order; and the bound of their first values. */
export function parameterShapes(layer: Layer): {
  readonly shapes: readonly number[][];
  readonly bound: number;
} {
  switch (layer.kind) {
    case 'linear':
      return { shapes: [[layer.outputs, layer.inputs], [layer.outputs]], bound: layer.inputs ** -0.5 };
    case 'convolution': {
      const { inputs, outputs, window, bias } = layer;
      const weight = [outputs, inputs, window, window];
      return { shapes: bias ? [weight, [outputs]] : [weight], bound: (inputs * window ** 2) ** -0.5 };
    }
    case 'batchNorm':
      return { shapes: [[layer.channels], [layer.channels]], bound: 0 };
    case 'layerNorm':
      return { shapes: [[layer.width], [layer.width]], bound: 0 };
    case 'attention': {
      const { width } = layer;
      return {
        shapes: [[3 * width, width], [3 * width], [width, width], [width]],
        bound: width ** -0.5,
      };
    }
    case 'embedding':
      return { shapes: [[layer.entries, layer.width]], bound: 0.5 };
    case 'positions':
      return { shapes: [[layer.length, layer.width]], bound: 0.5 };
    case 'lstm': {
      const { inputs, hidden } = layer;
      const gates = 4 * hidden;
      return { shapes: [[gates, inputs], [gates, hidden], [gates], [gates]], bound: hidden ** -0.5 };
    }
    default:
      return { shapes: [], bound: 0 };
  }
}

/** Layers in the order of their parameters: a residual's body, then its shortcut. */
export function allLayers(layers: readonly Layer[]): Layer[] {
  return layers.flatMap((layer) =>
    layer.kind === 'residual' ? [...allLayers(layer.body), ...allLayers(layer.shortcut)] : [layer],
  );
}

/** The shape of the output, and multiplications and additions of products, a multiply-add being two. */
export function outputOf(
  layer: Layer,
  shape: readonly number[],
): { readonly shape: number[]; readonly flops: number } {
  const [batch] = shape;
  switch (layer.kind) {
    case 'linear': {
      const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1);
      return {
        shape: [...shape.slice(0, -1), layer.outputs],
        flops: 2 * rows * layer.inputs * layer.outputs,
      };
    }
    case 'convolution': {
      const { inputs, outputs, window, stride, padding } = layer;
      const reach = Math.floor((shape[2] + 2 * padding - window) / stride) + 1;
      const flops = 2 * batch * reach ** 2 * outputs * inputs * window ** 2;
      return { shape: [batch, outputs, reach, reach], flops };
    }
    case 'pool':
      return { shape: [batch, shape[1], shape[2] / 2, shape[3] / 2], flops: 0 };
    case 'globalPool':
      return { shape: shape.slice(0, 2), flops: 0 };
    case 'flatten':
      return { shape: [batch, shape.slice(1).reduce((product, size) => product * size, 1)], flops: 0 };
    case 'residual': {
      const [body, shortcut] = [layer.body, layer.shortcut].map((layers) => outputOfAll(layers, shape));
      return { shape: body.shape, flops: body.flops + shortcut.flops };
    }
    case 'attention': {
      const [, length, width] = shape;
      // Half of the scores are masked where it is causal; a good kernel need not compute them.
      const scores = 4 * batch * length ** 2 * width * (layer.causal ? 0.5 : 1);
      return { shape: [...shape], flops: 8 * batch * length * width ** 2 + scores };
    }
    case 'embedding':
      return { shape: [...shape, layer.width], flops: 0 };
    case 'lstm': {
      const [time, images] = shape;
      const { inputs, hidden } = layer;
      return { shape: [images, hidden], flops: 2 * time * images * 4 * hidden * (inputs + hidden) };
    }
    default:
      return { shape: [...shape], flops: 0 };
  }
}

export function outputOfAll(layers: readonly Layer[], shape: readonly number[]): ReturnType<typeof outputOf> {
  let flops = 0;
  let current = [...shape];
  for (const layer of layers) {
    const output = outputOf(layer, current);
    flops += output.flops;
    current = output.shape;
  }
  return { shape: current, flops };
}
