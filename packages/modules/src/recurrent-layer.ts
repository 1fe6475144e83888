// What recurrent layers share: their weights, and the way through layers and directions.
import { dropout } from '@nn/functional';
import { ArgumentError, cat, stack, type Tensor } from '@nn/tensor';
import { uniform_ } from './init.ts';
import { Module } from './module.ts';
import { checkLayerOptions, emptyParameter, type FactoryOptions } from './options.ts';
import type { PackedSequence } from './packed-sequence.ts';
import type { Parameter } from './parameter.ts';
import { initialStates, sequenceBatch } from './recurrent-input.ts';
import { namedValues } from './representation.ts';
import { type CellMode, type CellWeights, cellKinds, goThrough } from './step-rules.ts';
import { TimeSteps } from './time-steps.ts';

export interface RecurrentOptions extends FactoryOptions {
  /** Layers, each on the outputs of the one before. Default 1. */
  readonly numLayers?: number;
  /** Whether to learn additive biases. Default true. */
  readonly bias?: boolean;
  /** Whether the batch comes before time in input and output (not in states). Default false. */
  readonly batchFirst?: boolean;
  /** The part of the outputs of each layer but the last that is dropped in training. Default 0. */
  readonly dropout?: number;
  /** Whether each layer also goes backwards, and gives the outputs of both directions, one behind the other. Default false. */
  readonly bidirectional?: boolean;
}

const optionNames = ['numLayers', 'bias', 'batchFirst', 'dropout', 'bidirectional'] as const;

/** Options of one kind of layer alone. */
export interface KindOptions {
  /** Names of all of them. */
  readonly names?: readonly string[];
  readonly projSize?: number;
}

/** Layers of cells that go through sequences. */
export abstract class RecurrentLayer<Inputs extends unknown[], Output> extends Module<Inputs, Output> {
  readonly mode: CellMode;
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  /** The size that the hidden state is projected to; 0 if it is not. */
  readonly projSize: number;
  /** `weightIhL0`, `weightHhL0`, … and for the other direction `weightIhL0Reverse`, … */
  [weight: `weight${'Ih' | 'Hh' | 'Hr'}L${string}`]: Parameter;
  [bias: `bias${'Ih' | 'Hh'}L${string}`]: Parameter;

  constructor(
    mode: CellMode,
    inputSize: number,
    hiddenSize: number,
    options: RecurrentOptions,
    { names = [], projSize = 0 }: KindOptions = {},
  ) {
    super();
    const { name } = this.constructor;
    checkLayerOptions(name, options, [...optionNames, ...names]);
    const { numLayers = 1, bias = true, batchFirst = false, dropout = 0, bidirectional = false } = options;
    checkSizes(name, { inputSize, hiddenSize, numLayers });
    if (!(typeof dropout === 'number' && dropout >= 0 && dropout <= 1)) {
      throw new ArgumentError(
        `${name}: dropout is the part that is dropped, between 0 and 1, got ${String(dropout)}`,
      );
    }
    if (!Number.isInteger(projSize) || projSize < 0 || projSize >= hiddenSize) {
      throw new ArgumentError(
        `${name}: projSize must be an integer of at least 0 and less than hiddenSize, ${hiddenSize}, got ${projSize}`,
      );
    }
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = numLayers;
    this.bias = bias;
    this.batchFirst = batchFirst;
    this.dropout = dropout;
    this.bidirectional = bidirectional;
    this.projSize = projSize;
    this.mode = mode;
    this.createWeights(options);
    this.resetParameters();
  }

  private createWeights(options: FactoryOptions): void {
    const rows = cellKinds[this.mode].gates * this.hiddenSize;
    for (const [at, suffix] of this.suffixes().entries()) {
      const isFirst = at < this.directions;
      const size = isFirst ? this.inputSize : this.outputSize * this.directions;
      const create = (name: string, ...shape: number[]): void =>
        this.registerParameter(name + suffix, emptyParameter(shape, options));
      create('weightIh', rows, size);
      create('weightHh', rows, this.outputSize);
      if (this.bias) create('biasIh', rows);
      if (this.bias) create('biasHh', rows);
      if (this.projSize > 0) create('weightHr', this.projSize, this.hiddenSize);
    }
  }

  /** PyTorch's initial values: uniform within 1 / √hiddenSize. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const parameter of this.parameters()) uniform_(parameter, { a: -bound, b: bound });
  }

  /** The parameters of each layer and direction: weightIh, weightHh, biasIh, biasHh, weightHr, as far as there are. */
  get allWeights(): Parameter[][] {
    return this.suffixes().map((suffix) =>
      ['weightIh', 'weightHh', 'biasIh', 'biasHh', 'weightHr'].flatMap(
        (name) => this.weight(name, suffix) ?? [],
      ),
    );
  }

  private get directions(): number {
    return this.bidirectional ? 2 : 1;
  }

  private get outputSize(): number {
    return this.projSize > 0 ? this.projSize : this.hiddenSize;
  }

  /** How parameters of layers and directions end. */
  private suffixes(): string[] {
    const directions = this.bidirectional ? ['', 'Reverse'] : [''];
    return Array.from({ length: this.numLayers }, (_, layer) =>
      directions.map((end) => `L${layer}${end}`),
    ).flat();
  }

  private weight(name: string, suffix: string): Parameter | null {
    return (Reflect.get(this, name + suffix) as Parameter | null | undefined) ?? null;
  }

  private weights(suffix: string): CellWeights {
    return {
      input: this.weight('weightIh', suffix) as Parameter,
      hidden: this.weight('weightHh', suffix) as Parameter,
      inputBias: this.weight('biasIh', suffix),
      hiddenBias: this.weight('biasHh', suffix),
      projection: this.weight('weightHr', suffix),
    };
  }

  /** Goes through all layers, from states [layers · directions, batch, size]; null stands for zeros. */
  protected run(
    input: Tensor | PackedSequence,
    states: readonly (Tensor | null)[],
  ): { readonly output: Tensor | PackedSequence; readonly states: Tensor[] } {
    const { name } = this.constructor;
    const batch = sequenceBatch(name, input, this.inputSize, this.batchFirst);
    const suffixes = this.suffixes();
    const initial = states.map((state, i) =>
      initialStates(name, batch, state, suffixes.length, i === 0 ? this.outputSize : this.hiddenSize),
    );
    const directions = [false, true].slice(0, this.directions);
    const steps = directions.map((isReverse) => new TimeSteps(batch.batchSizes, isReverse));
    const finals: Tensor[][] = states.map(() => []);
    let x = batch.x;
    for (let layer = 0; layer < this.numLayers; layer++) {
      if (layer > 0) x = dropout(x, { p: this.dropout, training: this.training });
      const outputs = steps.map((direction, i) => {
        const at = layer * steps.length + i;
        const values = goThrough(
          cellKinds[this.mode],
          direction,
          x,
          initial.map((each) => each[at]),
          this.weights(suffixes[at]),
        );
        values.forEach((each, state) => void finals[state].push(direction.final(each)));
        return direction.inTime(values[0]);
      });
      x = outputs.length === 1 ? outputs[0] : cat(outputs, 1);
    }
    return { output: batch.restore(x), states: finals.map((each) => batch.leave(stack(each))) };
  }

  override extraRepr(): string {
    const { inputSize, hiddenSize, projSize, numLayers, bias, batchFirst, dropout, bidirectional } = this;
    const set = {
      projSize: projSize === 0 ? undefined : projSize,
      numLayers: numLayers === 1 ? undefined : numLayers,
      bias: bias ? undefined : bias,
      batchFirst: batchFirst || undefined,
      dropout: dropout === 0 ? undefined : dropout,
      bidirectional: bidirectional || undefined,
    };
    return [inputSize, hiddenSize, namedValues(set)].filter((each) => each !== '').join(', ');
  }
}

function checkSizes(name: string, sizes: Readonly<Record<string, number>>): void {
  for (const [what, value] of Object.entries(sizes)) {
    if (!Number.isInteger(value) || value < 1)
      throw new ArgumentError(`${name}: ${what} must be a positive integer, got ${String(value)}`);
  }
}
