// Single steps of recurrent layers.
import {
  ArgumentError,
  formatShape,
  requireTensor,
  ShapeError,
  sameShape,
  type Tensor,
  zeros,
} from '@nn/tensor';
import { uniform_ } from './init.ts';
import { Module } from './module.ts';
import { checkLayerOptions, emptyParameter, type FactoryOptions } from './options.ts';
import type { Parameter } from './parameter.ts';
import { type CellMode, cellKinds, goThrough } from './step-rules.ts';
import { TimeSteps } from './time-steps.ts';

export interface RecurrentCellOptions extends FactoryOptions {
  /** Whether to learn additive biases. Default true. */
  readonly bias?: boolean;
}

abstract class RecurrentCell<Inputs extends unknown[], Output> extends Module<Inputs, Output> {
  readonly mode: CellMode;
  readonly inputSize: number;
  readonly hiddenSize: number;
  /** [gates · hiddenSize, inputSize] */
  weightIh: Parameter;
  /** [gates · hiddenSize, hiddenSize] */
  weightHh: Parameter;
  /** [gates · hiddenSize] */
  biasIh: Parameter | null;
  /** [gates · hiddenSize] */
  biasHh: Parameter | null;

  constructor(
    mode: CellMode,
    inputSize: number,
    hiddenSize: number,
    options: RecurrentCellOptions,
    names: readonly string[] = [],
  ) {
    super();
    checkLayerOptions(this.constructor.name, options, ['bias', ...names]);
    this.mode = mode;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    const rows = cellKinds[mode].gates * hiddenSize;
    const bias = (): Parameter | null => (options.bias === false ? null : emptyParameter([rows], options));
    this.weightIh = emptyParameter([rows, inputSize], options);
    this.weightHh = emptyParameter([rows, hiddenSize], options);
    this.biasIh = bias();
    this.biasHh = bias();
    this.resetParameters();
  }

  /** PyTorch's initial values: uniform within 1 / √hiddenSize. */
  resetParameters(): void {
    const bound = this.hiddenSize > 0 ? 1 / Math.sqrt(this.hiddenSize) : 0;
    for (const parameter of this.parameters()) uniform_(parameter, { a: -bound, b: bound });
  }

  /** The next states; null stands for zeros. */
  protected step(input: Tensor, states: readonly (Tensor | null)[]): Tensor[] {
    const { name } = this.constructor;
    const { inputSize, hiddenSize } = this;
    const { ndim, dtype, device } = requireTensor(name, input);
    if ((ndim !== 1 && ndim !== 2) || input.shape[ndim - 1] !== inputSize) {
      throw new ShapeError(
        `${name}: takes [batch, ${inputSize}] or [${inputSize}], got ${formatShape(input.shape)}`,
      );
    }
    const shape = [...input.shape.slice(0, -1), hiddenSize];
    const rows = (x: Tensor): Tensor => (ndim === 1 ? x.unsqueeze(0) : x);
    const initial = states.map((state) => {
      if (state === null) return rows(zeros(shape, { dtype, device }));
      if (sameShape(requireTensor(name, state).shape, shape)) return rows(state);
      throw new ShapeError(
        `${name}: a state of shape ${formatShape(shape)} goes with this input, got ${formatShape(state.shape)}`,
      );
    });
    const x = rows(input);
    const next = goThrough(cellKinds[this.mode], new TimeSteps([x.shape[0]], false), x, initial, {
      input: this.weightIh,
      hidden: this.weightHh,
      inputBias: this.biasIh,
      hiddenBias: this.biasHh,
      projection: null,
    });
    return next.map(([state]) => (ndim === 1 ? state.squeeze(0) : state));
  }

  override extraRepr(): string {
    const { inputSize, hiddenSize, biasIh } = this;
    return `${inputSize}, ${hiddenSize}${biasIh === null ? ', bias=false' : ''}`;
  }
}

export interface RNNCellOptions extends RecurrentCellOptions {
  /** Default 'tanh'. */
  readonly nonlinearity?: 'tanh' | 'relu';
}

/**
 * One step of an RNN: an input [batch, inputSize] or [inputSize] and the state [batch, hiddenSize] or [hiddenSize]
 * (zeros if there is none) to the next state.
 *
 * @throws {ShapeError} for an input or a state that does not fit.
 * @example
 * ```ts
 * import { RNNCell } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const cell = new RNNCell(10, 20);
 * let hidden = cell(ones([3, 10]));
 * hidden = cell(ones([3, 10]), hidden);
 * console.log(hidden.shape); // => [3, 20]
 * ```
 */
export class RNNCell extends RecurrentCell<[input: Tensor, hx?: Tensor | null], Tensor> {
  constructor(inputSize: number, hiddenSize: number, options: RNNCellOptions = {}) {
    const { nonlinearity = 'tanh' } = options;
    if (nonlinearity !== 'tanh' && nonlinearity !== 'relu')
      throw new ArgumentError(
        `RNNCell: nonlinearity must be 'tanh' or 'relu', got '${String(nonlinearity)}'`,
      );
    super(nonlinearity, inputSize, hiddenSize, options, ['nonlinearity']);
  }

  override forward(input: Tensor, hx: Tensor | null = null): Tensor {
    return this.step(input, [hx])[0];
  }

  get nonlinearity(): 'tanh' | 'relu' {
    return this.mode === 'relu' ? 'relu' : 'tanh';
  }

  override extraRepr(): string {
    return `${super.extraRepr()}${this.nonlinearity === 'tanh' ? '' : `, nonlinearity='${this.nonlinearity}'`}`;
  }
}

/** One step of a GRU: inputs and states as in RNNCell. */
export class GRUCell extends RecurrentCell<[input: Tensor, hx?: Tensor | null], Tensor> {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions = {}) {
    super('gru', inputSize, hiddenSize, options);
  }

  override forward(input: Tensor, hx: Tensor | null = null): Tensor {
    return this.step(input, [hx])[0];
  }
}

/** One step of an LSTM: an input [batch, inputSize] or [inputSize] and a pair of states to the next pair: hidden and cell. */
export class LSTMCell extends RecurrentCell<
  [input: Tensor, hx?: readonly [hidden: Tensor, cell: Tensor] | null],
  [hidden: Tensor, cell: Tensor]
> {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions = {}) {
    super('lstm', inputSize, hiddenSize, options);
  }

  override forward(input: Tensor, hx: readonly [Tensor, Tensor] | null = null): [Tensor, Tensor] {
    if (hx !== null && !(Array.isArray(hx) && hx.length === 2))
      throw new ArgumentError('LSTMCell: the states must be [hidden, cell]');
    const [hidden, cell] = this.step(input, hx ?? [null, null]);
    return [hidden, cell];
  }
}
