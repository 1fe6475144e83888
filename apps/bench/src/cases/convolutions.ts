// Convolutions of images, forward, and their derivatives by the input and by the weight.
import { grad } from '@nn/autograd';
import { conv2d } from '@nn/functional';
import type { Jax, JaxArray, Layout, Operation, Tfjs, TfTensor, Versions } from '../benchmark.ts';
import { convolutionAt, type Extents, inputGradientAt, weightGradientAt } from './convolution-reference.ts';
import { type ConvolutionShape, convolutionShapes } from './convolution-shapes.ts';
import { count, expectedAt, random, type Sizes, shared } from './data.ts';

type Direction = 'forward' | 'by input' | 'by weight';

interface Shapes {
  readonly input: number[];
  readonly weight: number[];
  readonly output: number[];
}

function shapesOf(extents: Extents): Shapes {
  const { batch, inputs, outputs, size, window, groups, reach } = extents;
  return {
    input: [batch, inputs, size, size],
    weight: [outputs, inputs / groups, window, window],
    output: [batch, outputs, reach, reach],
  };
}

function extentsOf(shape: ConvolutionShape, sizes: Sizes): Extents {
  const { window, stride, padding, depthwise } = shape;
  const [batch, inputs, outputs, size] = [shape.batch, shape.inputs, shape.outputs, shape.size].map(sizes);
  const reach = Math.floor((size + 2 * padding - window) / stride) + 1;
  return { batch, inputs, outputs, size, window, stride, padding, groups: depthwise ? inputs : 1, reach };
}

/** jax's own, from [batch, channels, height, width]. */
function convolve(
  { lax }: Jax,
  { stride, padding, groups }: Extents,
  x: JaxArray,
  weight: JaxArray,
): JaxArray {
  const border: [number, number] = [padding, padding];
  return lax.convGeneralDilated(x, weight, [stride, stride], [border, border], { featureGroupCount: groups });
}

/** Derivatives have kernels, and no function of their own. */
function tfKernel(tf: Tfjs, name: string, inputs: Record<string, TfTensor>, attributes: object): TfTensor {
  return tf.engine().runKernel(name, inputs, attributes as never) as TfTensor;
}

function versionsOf(direction: Direction, extents: Extents): Versions {
  const { stride, padding, groups, batch, inputs, outputs, size, window } = extents;
  const options = { stride, padding, groups };
  const depthwise = groups > 1;
  const imageShape = [batch, size, size, inputs];
  const filterShape = depthwise ? [window, window, inputs, 1] : [window, window, inputs, outputs];
  // TensorFlow.js wants strides and borders of each dimension.
  const pad = padding;
  const strides: [number, number] = [stride, stride];
  const common = { strides, pad, dilations: [1, 1], dataFormat: 'NHWC', dimRoundingMode: 'floor' };
  const torchOptions = `stride=${stride}, padding=${padding}, groups=${groups}`;
  const torchShape = (shape: readonly number[]): string => `(${shape.join(', ')})`;
  const shapes = shapesOf(extents);
  switch (direction) {
    case 'forward':
      return {
        nn: (x, weight) => conv2d(x, weight, null, options),
        jax: (jax) => (x, weight) => convolve(jax, extents, x, weight),
        tfjs: (tf) => (x, weight) => {
          const [image, filter] = [
            x as import('@tensorflow/tfjs').Tensor4D,
            weight as import('@tensorflow/tfjs').Tensor4D,
          ];
          return depthwise
            ? tf.depthwiseConv2d(image, filter, strides, pad, 'NHWC', [1, 1], 'floor')
            : tf.conv2d(image, filter, strides, pad, 'NHWC', [1, 1], 'floor');
        },
        torch: `F.conv2d(a, b, ${torchOptions})`,
      };
    case 'by input':
      return {
        nn: (x, weight, gradient) => {
          const input = x.detach().requiresGrad_();
          return grad(conv2d(input, weight, null, options), input, { gradOutputs: gradient });
        },
        jax: (jax) => (x, weight, gradient) => {
          const [output, back] = jax.vjp((input: JaxArray) => convolve(jax, extents, input, weight), [x]);
          output.dispose();
          const [result] = back(gradient) as [JaxArray];
          back.dispose();
          return result;
        },
        tfjs: (tf) => (_x, filter, dy) =>
          depthwise
            ? tfKernel(
                tf,
                'DepthwiseConv2dNativeBackpropInput',
                { dy, filter },
                { ...common, inputShape: imageShape },
              )
            : tfKernel(tf, 'Conv2DBackpropInput', { dy, filter }, { ...common, inputShape: imageShape }),
        torch: `torch.nn.grad.conv2d_input(${torchShape(shapes.input)}, b, c, ${torchOptions})`,
      };
    case 'by weight':
      return {
        nn: (x, weight, gradient) => {
          const kernel = weight.detach().requiresGrad_();
          return grad(conv2d(x, kernel, null, options), kernel, { gradOutputs: gradient });
        },
        jax: (jax) => (x, weight, gradient) => {
          const [output, back] = jax.vjp((kernel: JaxArray) => convolve(jax, extents, x, kernel), [weight]);
          output.dispose();
          const [result] = back(gradient) as [JaxArray];
          back.dispose();
          return result;
        },
        tfjs: (tf) => (x, _weight, dy) =>
          depthwise
            ? tfKernel(tf, 'DepthwiseConv2dNativeBackpropFilter', { x, dy }, { ...common, filterShape })
            : tfKernel(tf, 'Conv2DBackpropFilter', { x, dy }, { ...common, filterShape }),
        torch: `torch.nn.grad.conv2d_weight(a, ${torchShape(shapes.weight)}, c, ${torchOptions})`,
      };
  }
}

/** It does two in ten nanoseconds: larger ones take seconds. */
const heaviestForJax = 1e8;

const directions: readonly Direction[] = ['forward', 'by input', 'by weight'];

function nameOf({ network, inputs, outputs, window, size, stride, depthwise }: ConvolutionShape): string {
  const channels = depthwise ? `depthwise ${inputs}` : `${inputs}-${outputs}`;
  return `conv ${network} ${channels} ${window}x${window}${stride === 1 ? '' : `/${stride}`} at ${size}`;
}

function convolution(shape: ConvolutionShape, sizes: Sizes): Operation[] {
  const extents = extentsOf(shape, shape.depthwise ? (size) => sizes(size) : sizes);
  const shapes = shapesOf(extents);
  const { batch, reach, outputs, inputs: channels, groups, window } = extents;
  const kernelLayout: Layout = shape.depthwise ? 'depthwise kernel' : 'kernel';
  const inputs = shared(() => [
    { ...random(shapes.input, { seed: 1 }), layout: 'images' },
    { ...random(shapes.weight, { seed: 2 }), layout: kernelLayout },
    { ...random(shapes.output, { seed: 3 }), layout: 'images' },
  ]);
  const taps = (channels / groups) * window ** 2;
  const terms = {
    forward: taps,
    'by input': (outputs / groups) * window ** 2,
    'by weight': batch * reach ** 2,
  };
  const result = { forward: shapes.output, 'by input': shapes.input, 'by weight': shapes.weight };
  const valueAt = { forward: convolutionAt, 'by input': inputGradientAt, 'by weight': weightGradientAt };
  const flops = 2 * batch * outputs * reach ** 2 * taps;
  return directions.map((direction) => ({
    kind: 'operation',
    group: 'cpu',
    subject: 'convolutions',
    name: `${nameOf(shape)} ${direction}`,
    cost: {
      flops,
      bytes: 4 * (count(shapes.input) + count(shapes.weight) + count(shapes.output)),
    },
    tolerance: { absolute: 2e-7 * terms[direction] + 1e-5 },
    suits: (implementation) => implementation !== 'jax-js' || flops <= heaviestForJax,
    inputs,
    resultLayout: direction === 'by weight' ? kernelLayout : 'images',
    versions: versionsOf(direction, extents),
    expected: () => {
      const [x, weight, gradient] = inputs().map(({ values }) => values);
      const length = count(result[direction]);
      return expectedAt(length, (at) => valueAt[direction](extents, { x, weight, gradient }, at), 41);
    },
  }));
}

export function convolutions(sizes: Sizes): Operation[] {
  return convolutionShapes.flatMap((shape) => convolution(shape, sizes));
}
