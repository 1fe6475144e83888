// The same networks in plain JavaScript and float64, as a reference that shares no code with any implementation.
import { type Layer, outputOf, parameterShapes } from './layer.ts';
import type { Network } from './network.ts';

interface ReferenceLayer {
  forward(input: Float64Array): Float64Array;
  /** From the gradient of the output to that of the input; updates the parameters. */
  backward(gradient: Float64Array, learningRate: number): Float64Array;
}

class ReferenceLinear implements ReferenceLayer {
  readonly #inputs: number;
  readonly #outputs: number;
  readonly #weight: Float64Array;
  readonly #bias: Float64Array;
  #input: Float64Array = new Float64Array();

  constructor(inputs: number, outputs: number, weight: ArrayLike<number>, bias: ArrayLike<number>) {
    this.#inputs = inputs;
    this.#outputs = outputs;
    this.#weight = Float64Array.from(weight);
    this.#bias = Float64Array.from(bias);
  }

  forward(input: Float64Array): Float64Array {
    this.#input = input;
    const batch = input.length / this.#inputs;
    const output = new Float64Array(batch * this.#outputs);
    for (let row = 0; row < batch; row++) {
      for (let to = 0; to < this.#outputs; to++) {
        let sum = this.#bias[to];
        for (let from = 0; from < this.#inputs; from++)
          sum += input[row * this.#inputs + from] * this.#weight[to * this.#inputs + from];
        output[row * this.#outputs + to] = sum;
      }
    }
    return output;
  }

  backward(gradient: Float64Array, learningRate: number): Float64Array {
    const input = this.#input;
    const back = new Float64Array(input.length);
    const weightChange = new Float64Array(this.#weight.length);
    for (let row = 0; row < input.length / this.#inputs; row++) {
      for (let to = 0; to < this.#outputs; to++) {
        const slope = gradient[row * this.#outputs + to];
        for (let from = 0; from < this.#inputs; from++) {
          back[row * this.#inputs + from] += slope * this.#weight[to * this.#inputs + from];
          weightChange[to * this.#inputs + from] += slope * input[row * this.#inputs + from];
        }
        this.#bias[to] -= learningRate * slope;
      }
    }
    for (let at = 0; at < weightChange.length; at++) this.#weight[at] -= learningRate * weightChange[at];
    return back;
  }
}

type Convolution = Layer & { readonly kind: 'convolution' };

/** A convolution as a linear layer of all windows, which are gathered and scattered; no padding, no stride. */
class ReferenceConvolution implements ReferenceLayer {
  readonly #layer: Convolution & { readonly size: number };
  readonly #linear: ReferenceLinear;
  #length = 0;

  constructor(layer: Convolution, size: number, weight: ArrayLike<number>, bias: ArrayLike<number>) {
    this.#layer = { ...layer, size };
    this.#linear = new ReferenceLinear(layer.inputs * layer.window ** 2, layer.outputs, weight, bias);
  }

  forward(input: Float64Array): Float64Array {
    this.#length = input.length;
    const { window, inputs, outputs } = this.#layer;
    const windows = new Float64Array(this.#images * this.#pixels * inputs * window ** 2);
    this.#forEachTap((tap, pixel) => {
      windows[tap] = input[pixel];
    });
    return this.#exchange(this.#linear.forward(windows), this.#pixels, outputs);
  }

  backward(gradient: Float64Array, learningRate: number): Float64Array {
    const byPixel = this.#exchange(gradient, this.#layer.outputs, this.#pixels);
    const windows = this.#linear.backward(byPixel, learningRate);
    const back = new Float64Array(this.#length);
    this.#forEachTap((tap, pixel) => {
      back[pixel] += windows[tap];
    });
    return back;
  }

  get #images(): number {
    return this.#length / (this.#layer.inputs * this.#layer.size ** 2);
  }

  get #pixels(): number {
    return (this.#layer.size - this.#layer.window + 1) ** 2;
  }

  #forEachTap(visit: (tap: number, pixel: number) => void): void {
    const { inputs, size, window } = this.#layer;
    const reach = size - window + 1;
    let tap = 0;
    for (let image = 0; image < this.#images; image++) {
      for (let y = 0; y < reach; y++) {
        for (let x = 0; x < reach; x++) {
          for (let channel = 0; channel < inputs; channel++) {
            const corner = ((image * inputs + channel) * size + y) * size + x;
            for (let dy = 0; dy < window; dy++)
              for (let dx = 0; dx < window; dx++) visit(tap++, corner + dy * size + dx);
          }
        }
      }
    }
  }

  /** [images, rows, columns] to [images, columns, rows]. */
  #exchange(values: Float64Array, rows: number, columns: number): Float64Array {
    const exchanged = new Float64Array(values.length);
    let at = 0;
    for (let image = 0; image < this.#images; image++)
      for (let column = 0; column < columns; column++)
        for (let row = 0; row < rows; row++)
          exchanged[at++] = values[(image * rows + row) * columns + column];
    return exchanged;
  }
}

/** ReLU and pooling: each output is one input, or zero. */
class ReferenceSelection implements ReferenceLayer {
  readonly #choose: (input: Float64Array) => Int32Array;
  #chosen: Int32Array = new Int32Array();
  #length = 0;

  /** `choose` gives the position of each output's input, -1 for zero. */
  constructor(choose: (input: Float64Array) => Int32Array) {
    this.#choose = choose;
  }

  forward(input: Float64Array): Float64Array {
    this.#chosen = this.#choose(input);
    this.#length = input.length;
    return Float64Array.from(this.#chosen, (at) => (at < 0 ? 0 : input[at]));
  }

  backward(gradient: Float64Array): Float64Array {
    const back = new Float64Array(this.#length);
    for (const [at, from] of this.#chosen.entries()) if (from >= 0) back[from] += gradient[at];
    return back;
  }
}

const positives = (input: Float64Array): Int32Array =>
  Int32Array.from(input, (value, at) => (value > 0 ? at : -1));

/** Where the maxima of windows of 2 x 2 are; the first one wins. */
function maxima(input: Float64Array, size: number): Int32Array {
  const half = size / 2;
  return Int32Array.from({ length: input.length / 4 }, (_, at) => {
    const [plane, y, x] = [Math.floor(at / half ** 2), Math.floor(at / half) % half, at % half];
    const corner = plane * size ** 2 + 2 * y * size + 2 * x;
    return [corner + 1, corner + size, corner + size + 1].reduce(
      (best, other) => (input[other] > input[best] ? other : best),
      corner,
    );
  });
}

const identity: ReferenceLayer = { forward: (input) => input, backward: (gradient) => gradient };

function referenceLayer(
  layer: Layer,
  shape: readonly number[],
  [weight, bias]: readonly ArrayLike<number>[],
): ReferenceLayer {
  switch (layer.kind) {
    case 'linear':
      return new ReferenceLinear(layer.inputs, layer.outputs, weight, bias);
    case 'convolution':
      return new ReferenceConvolution(layer, shape[2], weight, bias);
    case 'relu':
      return new ReferenceSelection(positives);
    case 'pool':
      return new ReferenceSelection((input) => maxima(input, shape[2]));
    case 'flatten':
      return identity;
    default:
      throw new Error(`the reference knows no layer of kind '${layer.kind}'`);
  }
}

function referenceLayers({ layers, parameters, input }: Network): ReferenceLayer[] {
  let shape = [...input.shape];
  let next = 0;
  return layers.map((layer) => {
    const own = parameters.slice(next, next + parameterShapes(layer).shapes.length);
    next += own.length;
    const made = referenceLayer(
      layer,
      shape,
      own.map(({ values }) => values),
    );
    shape = outputOf(layer, shape).shape;
    return made;
  });
}

/** The mean cross entropy of the outputs, and its gradient. */
function crossEntropy(outputs: Float64Array, { loss: measure }: Network): [number, Float64Array] {
  if (measure.kind !== 'crossEntropy') throw new Error('the reference knows no loss but the cross entropy');
  const { labels, classes } = measure;
  const gradient = new Float64Array(outputs.length);
  let loss = 0;
  for (const [row, label] of labels.entries()) {
    const scores = outputs.subarray(row * classes, (row + 1) * classes);
    const top = Math.max(...scores);
    const total = scores.reduce((sum, score) => sum + Math.exp(score - top), 0);
    loss += (Math.log(total) + top - scores[label]) / labels.length;
    for (const [at, score] of scores.entries()) {
      const probability = Math.exp(score - top) / total;
      gradient[row * classes + at] = (probability - (at === label ? 1 : 0)) / labels.length;
    }
  }
  return [loss, gradient];
}

/** The outputs before training, and the losses that the first steps see. */
export function trainReference(
  network: Network,
  steps: number,
): { readonly outputs: Float64Array; readonly losses: readonly number[] } {
  const layers = referenceLayers(network);
  const forward = (): Float64Array =>
    layers.reduce<Float64Array>(
      (values, layer) => layer.forward(values),
      Float64Array.from(network.input.values),
    );
  const losses: number[] = [];
  const first = forward();
  let outputs = first;
  for (let step = 0; step < steps; step++) {
    if (step > 0) outputs = forward();
    const [loss, gradient] = crossEntropy(outputs, network);
    losses.push(loss);
    layers.reduceRight<Float64Array>((back, layer) => layer.backward(back, network.learningRate), gradient);
  }
  return { outputs: first, losses };
}
