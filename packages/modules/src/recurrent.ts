// Recurrent layers.
import { ArgumentError, type Tensor } from '@nn/tensor';
import type { PackedSequence } from './packed-sequence.ts';
import { RecurrentLayer, type RecurrentOptions } from './recurrent-layer.ts';
import { namedValues } from './representation.ts';

type Input = Tensor | PackedSequence;

// Layers declare their call signatures themselves: inherited ones may come behind those of the base class.

export interface RNNOptions extends RecurrentOptions {
  /** Default 'tanh'. */
  readonly nonlinearity?: 'tanh' | 'relu';
}

/** A packed sequence gives packed outputs. */
export interface RNN {
  (input: Tensor, hx?: Tensor | null): [output: Tensor, state: Tensor];
  (input: PackedSequence, hx?: Tensor | null): [output: PackedSequence, state: Tensor];
  (input: Input, hx?: Tensor | null): [output: Input, state: Tensor];
}

/**
 * Elman's recurrent layers: hₜ = tanh(W xₜ + b + V hₜ₋₁ + c), or with relu.
 *
 * Takes [time, batch, inputSize] ([batch, time, inputSize] with `batchFirst`), [time, inputSize] or a PackedSequence,
 * and the states at first, [layers · directions, batch, hiddenSize], if they are not zeros. Gives the last layer's
 * states at all times, [time, batch, directions · hiddenSize], and the last states of all layers.
 *
 * @throws {ShapeError} for inputs or states that do not fit.
 * @example
 * ```ts
 * import { RNN } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const layer = new RNN(10, 20, { numLayers: 2, bidirectional: true });
 * const [output, hidden] = layer(ones([5, 3, 10]));
 * console.log(output.shape, hidden.shape); // => [5, 3, 40] [4, 3, 20]
 * ```
 */
export class RNN extends RecurrentLayer<[Input, hx?: Tensor | null], [Input, Tensor]> {
  constructor(inputSize: number, hiddenSize: number, options: RNNOptions = {}) {
    const { nonlinearity = 'tanh' } = options;
    if (nonlinearity !== 'tanh' && nonlinearity !== 'relu')
      throw new ArgumentError(`RNN: nonlinearity must be 'tanh' or 'relu', got '${String(nonlinearity)}'`);
    super(nonlinearity, inputSize, hiddenSize, options, { names: ['nonlinearity'] });
  }

  override forward(input: Input, hx: Tensor | null = null): [Input, Tensor] {
    const { output, states } = this.run(input, [hx]);
    return [output, states[0]];
  }

  get nonlinearity(): 'tanh' | 'relu' {
    return this.mode === 'relu' ? 'relu' : 'tanh';
  }

  override extraRepr(): string {
    const { nonlinearity } = this;
    return nonlinearity === 'tanh'
      ? super.extraRepr()
      : `${super.extraRepr()}, ${namedValues({ nonlinearity })}`;
  }
}

/** A packed sequence gives packed outputs. */
export interface GRU {
  (input: Tensor, hx?: Tensor | null): [output: Tensor, state: Tensor];
  (input: PackedSequence, hx?: Tensor | null): [output: PackedSequence, state: Tensor];
  (input: Input, hx?: Tensor | null): [output: Input, state: Tensor];
}

/**
 * Gated recurrent layers (Cho et al. 2014), with the reset gate applied after the product, as in cuDNN and PyTorch.
 * Inputs and outputs as in RNN; the weights' rows are those of the reset, the update and the candidate's gate.
 *
 * @throws {ShapeError} for inputs or states that do not fit.
 */
export class GRU extends RecurrentLayer<[Input, hx?: Tensor | null], [Input, Tensor]> {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super('gru', inputSize, hiddenSize, options);
  }

  override forward(input: Input, hx: Tensor | null = null): [Input, Tensor] {
    const { output, states } = this.run(input, [hx]);
    return [output, states[0]];
  }
}

export interface LSTMOptions extends RecurrentOptions {
  /** The size that hidden states and outputs are projected to (Sak et al. 2014); 0 for none. Default 0. */
  readonly projSize?: number;
}

/** The hidden state and the cell's: [layers · directions, batch, hiddenSize (or projSize)] and [..., hiddenSize]. */
export type LSTMState = [hidden: Tensor, cell: Tensor];

/** A packed sequence gives packed outputs. */
export interface LSTM {
  (input: Tensor, hx?: Readonly<LSTMState> | null): [output: Tensor, state: LSTMState];
  (input: PackedSequence, hx?: Readonly<LSTMState> | null): [output: PackedSequence, state: LSTMState];
  (input: Input, hx?: Readonly<LSTMState> | null): [output: Input, state: LSTMState];
}

/**
 * Long short-term memory (Hochreiter and Schmidhuber 1997) with forget gates. Inputs and outputs as in RNN, but the
 * state is a pair: the hidden state and the cell's. The weights' rows are those of the input, the forget, the
 * candidate's and the output gate.
 *
 * @throws {ShapeError} for inputs or states that do not fit.
 * @example
 * ```ts
 * import { LSTM, packSequence } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const layer = new LSTM(10, 20, { projSize: 5 });
 * const [output, [hidden, cell]] = layer(packSequence([ones([4, 10]), ones([2, 10])]));
 * console.log(output.data.shape, hidden.shape, cell.shape); // => [6, 5] [1, 2, 5] [1, 2, 20]
 * ```
 */
export class LSTM extends RecurrentLayer<[Input, hx?: Readonly<LSTMState> | null], [Input, LSTMState]> {
  constructor(inputSize: number, hiddenSize: number, options: LSTMOptions = {}) {
    const { projSize = 0 } = options;
    super('lstm', inputSize, hiddenSize, options, { names: ['projSize'], projSize });
  }

  override forward(input: Input, hx: Readonly<LSTMState> | null = null): [Input, LSTMState] {
    if (hx !== null && !(Array.isArray(hx) && hx.length === 2))
      throw new ArgumentError('LSTM: the states at first must be [hidden, cell]');
    const { output, states } = this.run(input, hx ?? [null, null]);
    return [output, [states[0], states[1]]];
  }
}
