// The networks that are trained: layers, first weights and the batch, in PyTorch's layouts.
import type { Input } from '../benchmark.ts';
import { integers, uniform } from '../random.ts';
import { allLayers, type Layer, outputOf, outputOfAll, parameterShapes } from './layer.ts';

export type Loss =
  /** Mean over all rows of scores [..., classes]. */
  | { readonly kind: 'crossEntropy'; readonly labels: Int32Array<ArrayBuffer>; readonly classes: number }
  /** Mean of the squared differences. */
  | { readonly kind: 'squares'; readonly target: Input };

export interface Network {
  readonly layers: readonly Layer[];
  /** Of all layers, in order. */
  readonly parameters: readonly Input[];
  readonly input: Input;
  readonly loss: Loss;
  readonly learningRate: number;
}

/** Normalisations begin as they are; all else with numbers of chance. */
function parametersOf(layers: readonly Layer[]): Input[] {
  let seed = 0;
  return allLayers(layers).flatMap((layer) => {
    const { shapes, bound } = parameterShapes(layer);
    return shapes.map((shape, at) => {
      const length = shape.reduce((product, size) => product * size, 1);
      if (bound === 0) return { values: new Float32Array(length).fill(at === 0 ? 1 : 0), shape };
      return { values: uniform(length, -bound, bound, ++seed), shape };
    });
  });
}

function build(layers: readonly Layer[], input: Input, loss: Loss): Network {
  return { layers, parameters: parametersOf(layers), input, loss, learningRate: 0.05 };
}

function numbers(shape: readonly number[], seed: number): Input {
  const length = shape.reduce((product, size) => product * size, 1);
  return { values: uniform(length, -1, 1, seed), shape };
}

function classes(rows: number, count: number): Loss {
  return {
    kind: 'crossEntropy',
    classes: count,
    labels: Int32Array.from({ length: rows }, (_, at) => (at * 7) % count),
  };
}

interface ConvolutionSettings {
  readonly stride?: number;
  readonly padding?: number;
  readonly bias?: boolean;
}

function convolution(
  inputs: number,
  outputs: number,
  window: number,
  settings: ConvolutionSettings = {},
): Layer {
  return { kind: 'convolution', inputs, outputs, window, stride: 1, padding: 0, bias: true, ...settings };
}

/** Linear layers with ReLU between them. */
export function perceptron(batch: number, sizes: readonly number[]): Network {
  const layers = sizes.slice(1).flatMap((outputs, at): Layer[] => {
    const linear: Layer = { kind: 'linear', inputs: sizes[at], outputs };
    return at + 2 < sizes.length ? [linear, { kind: 'relu' }] : [linear];
  });
  return build(layers, numbers([batch, sizes[0]], 1000), classes(batch, sizes[sizes.length - 1]));
}

/** Two convolutions of 5 x 5 with 16 and 32 channels, each with ReLU and pooling, then a linear layer. */
export function convolutionNetwork(batch: number): Network {
  const layers: Layer[] = [
    convolution(1, 16, 5),
    { kind: 'relu' },
    { kind: 'pool' },
    convolution(16, 32, 5),
    { kind: 'relu' },
    { kind: 'pool' },
    { kind: 'flatten' },
    { kind: 'linear', inputs: 512, outputs: 10 },
  ];
  const images = numbers([batch, 1, 28, 28], 1000);
  return build(layers, { ...images, layout: 'images' }, classes(batch, 10));
}

/** Two convolutions with normalisation, and what goes past them (He et al. 2015, figure 5). */
function basicBlock(inputs: number, outputs: number, stride: number): Layer[] {
  const norm: Layer = { kind: 'batchNorm', channels: outputs };
  const same = stride === 1 && inputs === outputs;
  return [
    {
      kind: 'residual',
      body: [
        convolution(inputs, outputs, 3, { stride, padding: 1, bias: false }),
        norm,
        { kind: 'relu' },
        convolution(outputs, outputs, 3, { padding: 1, bias: false }),
        norm,
      ],
      shortcut: same ? [] : [convolution(inputs, outputs, 1, { stride, bias: false }), norm],
    },
    { kind: 'relu' },
  ];
}

/** ResNet-18 with the beginning that is usual for small images: a convolution of 3 x 3, no pooling. */
export function resNet18(batch: number, size: number, width: number): Network {
  const stages = [1, 2, 4, 8].map((factor) => factor * width);
  const blocks = stages.flatMap((outputs, at) => [
    ...basicBlock(at === 0 ? width : stages[at - 1], outputs, at === 0 ? 1 : 2),
    ...basicBlock(outputs, outputs, 1),
  ]);
  const layers: Layer[] = [
    convolution(3, width, 3, { padding: 1, bias: false }),
    { kind: 'batchNorm', channels: width },
    { kind: 'relu' },
    ...blocks,
    { kind: 'globalPool' },
    { kind: 'linear', inputs: 8 * width, outputs: 10 },
  ];
  const images = numbers([batch, 3, size, size], 1000);
  return build(layers, { ...images, layout: 'images' }, classes(batch, 10));
}

/** Layer norm before causal attention and before a perceptron with GELU, each with its residual. */
function transformerBlock(width: number, heads: number): Layer[] {
  const norm: Layer = { kind: 'layerNorm', width };
  return [
    { kind: 'residual', body: [norm, { kind: 'attention', width, heads, causal: true }], shortcut: [] },
    {
      kind: 'residual',
      body: [
        norm,
        { kind: 'linear', inputs: width, outputs: 4 * width },
        { kind: 'gelu' },
        { kind: 'linear', inputs: 4 * width, outputs: width },
      ],
      shortcut: [],
    },
  ];
}

export interface TransformerSizes {
  readonly batch: number;
  readonly length: number;
  readonly width: number;
  readonly heads: number;
}

export function transformer({ batch, length, width, heads }: TransformerSizes): Network {
  const shape = [batch, length, width];
  return build(transformerBlock(width, heads), numbers(shape, 1000), {
    kind: 'squares',
    target: numbers(shape, 1001),
  });
}

export interface GptSizes extends TransformerSizes {
  readonly blocks: number;
  readonly entries: number;
}

/** A language model of characters. */
export function gpt(sizes: GptSizes): Network {
  const { batch, length, width, heads, blocks, entries } = sizes;
  const layers: Layer[] = [
    { kind: 'embedding', entries, width },
    { kind: 'positions', length, width },
    ...Array.from({ length: blocks }, () => transformerBlock(width, heads)).flat(),
    { kind: 'layerNorm', width },
    { kind: 'linear', inputs: width, outputs: entries },
  ];
  const input: Input = { values: integers(batch * length, entries, 1000), shape: [batch, length] };
  return build(layers, input, classes(batch * length, entries));
}

export interface RecurrentSizes {
  readonly batch: number;
  readonly inputs: number;
  readonly hidden: number;
  readonly length: number;
}

export function memory({ batch, inputs, hidden, length }: RecurrentSizes): Network {
  const target = numbers([batch, hidden], 1001);
  return build([{ kind: 'lstm', inputs, hidden }], numbers([length, batch, inputs], 1000), {
    kind: 'squares',
    target,
  });
}

/** Multiplications and additions of the products in one forward pass, and in one step. */
export function flopsOf({ layers, input }: Network): { readonly forward: number; readonly step: number } {
  const forward = outputOfAll(layers, input.shape).flops;
  // Backwards: by the weight, and by the input unless that is the batch itself.
  const first = outputOf(layers[0], input.shape).flops;
  const plain = layers[0].kind === 'linear' || layers[0].kind === 'convolution';
  return { forward, step: 3 * forward - (plain ? first : 0) };
}
