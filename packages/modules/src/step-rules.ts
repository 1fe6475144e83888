// The arithmetic of recurrent cells, one step forwards and backwards.
import { linear } from '@nn/functional';
import { cat, scalarFunction, sizeOf, type Tensor, where } from '@nn/tensor';
import { recurrence, type StepRule } from './recurrence.ts';
import type { TimeSteps } from './time-steps.ts';

// Each is one op: what a step takes on the host is recording ops, and it has these for every gate.
const tanhGradient = scalarFunction({
  name: 'modules.throughTanh',
  expression: (b, [gradient, y]) =>
    b.binary('sub', gradient, b.binary('mul', gradient, b.binary('mul', y, y))),
  derivative: ({ gradient, inputs: [g, y], needs }) => [
    needs[0] ? throughTanh(gradient, y) : null,
    needs[1] ? gradient.mul(g).mul(y).mul(-2) : null,
  ],
});

const sigmoidGradient = scalarFunction({
  name: 'modules.throughSigmoid',
  expression: (b, [gradient, y]) => {
    const part = b.binary('mul', gradient, y);
    return b.binary('sub', part, b.binary('mul', part, y));
  },
  derivative: ({ gradient, inputs: [g, y], needs }) => [
    needs[0] ? throughSigmoid(gradient, y) : null,
    needs[1] ? gradient.mul(g).mul(y.mul(-2).add(1)) : null,
  ],
});

/** Back through y = tanh(x): g (1 - y²). */
function throughTanh(gradient: Tensor, y: Tensor): Tensor {
  return tanhGradient([gradient, y]);
}

/** Back through y = sigmoid(x): g y (1 - y). */
function throughSigmoid(gradient: Tensor, y: Tensor): Tensor {
  return sigmoidGradient([gradient, y]);
}

const plus = (x: Tensor, y: Tensor | null): Tensor => (y === null ? x : x.add(y));

/** h' = act(x + W h). Weights: W [hidden, hidden]. */
function elman(name: string, act: (x: Tensor) => Tensor, back: (g: Tensor, y: Tensor) => Tensor): StepRule {
  return {
    name,
    states: 1,
    forward(projected, [hidden], [weight]) {
      return [act(projected.add(hidden.matmul(weight.T)))];
    },
    backward({ results: [hidden], stateGradients: [gradient], weights: [weight] }) {
      const sum = back(gradient, hidden);
      return { projected: sum, previous: [sum.matmul(weight)], products: [sum] };
    },
    weights: (sequence) => [sequence.product(0).T.matmul(sequence.previous())],
  };
}

/**
 * Hochreiter and Schmidhuber 1997, with forget gates (Gers et al. 2000): i, f, g, o from x + W h, c' = f c + i g,
 * h' = o tanh(c'), or V (o tanh(c')) (Sak et al. 2014). Weights: W [4 · cell, hidden], V [hidden, cell] or none.
 */
const lstmRule: StepRule = {
  name: 'lstm',
  states: 2,
  forward(projected, [hidden, cell], [weight, projection]) {
    const sums = projected.add(hidden.matmul(weight.T));
    const [input, forget, candidate, output] = sums.chunk(4, 1);
    const next = forget.sigmoid().mul(cell).add(input.sigmoid().mul(candidate.tanh()));
    const shown = output.sigmoid().mul(next.tanh());
    return [projection === undefined ? shown : shown.matmul(projection.T), next, sums];
  },
  backward({ previous, results, stateGradients: [ofHidden, ofCell], otherGradients, weights }) {
    const [, cell, sums] = results;
    const [weight, projection] = weights;
    const [inputSum, forgetSum, candidateSum, outputSum] = sums.chunk(4, 1);
    const [input, forget, output] = [inputSum.sigmoid(), forgetSum.sigmoid(), outputSum.sigmoid()];
    const [candidate, squashed] = [candidateSum.tanh(), cell.tanh()];
    const shown = projection === undefined ? ofHidden : ofHidden.matmul(projection);
    const total = ofCell.add(throughTanh(shown.mul(output), squashed));
    const gates = cat(
      [
        throughSigmoid(total.mul(candidate), input),
        throughSigmoid(total.mul(previous[1]), forget),
        throughTanh(total.mul(input), candidate),
        throughSigmoid(shown.mul(squashed), output),
      ],
      1,
    );
    const ofSums = plus(gates, otherGradients[0]);
    return {
      projected: ofSums,
      previous: [ofSums.matmul(weight), total.mul(forget)],
      products: [ofSums, ofHidden],
    };
  },
  weights(sequence, weights) {
    const recurrent = sequence.product(0).T.matmul(sequence.previous());
    if (weights.length === 1) return [recurrent];
    const output = sequence.result(2).chunk(4, 1)[3].sigmoid();
    const shown = output.mul(sequence.result(1).tanh());
    return [recurrent, sequence.product(1).T.matmul(shown)];
  },
};

/**
 * Cho et al. 2014, the reset gate after the product as in cuDNN: r, z, n from x and s = W h + b, with n = tanh(xₙ + r sₙ),
 * h' = (1 - z) n + z h. Weights: W [3 · hidden, hidden], b [3 · hidden] or none.
 */
const gruRule: StepRule = {
  name: 'gru',
  states: 1,
  forward(projected, [hidden], [weight, bias]) {
    const product = hidden.matmul(weight.T);
    const sums = bias === undefined ? product : product.add(bias);
    const { update, candidate } = gruGates(projected, sums);
    return [candidate.add(update.mul(hidden.sub(candidate))), sums];
  },
  backward({ projected, previous: [hidden], results: [, sums], stateGradients: [gradient], ...step }) {
    const [weight] = step.weights;
    const { reset, update, candidate, candidateSum } = gruGates(projected, sums);
    const kept = gradient.mul(update);
    const ofCandidate = throughTanh(gradient.sub(kept), candidate);
    const ofReset = throughSigmoid(ofCandidate.mul(candidateSum), reset);
    const ofUpdate = throughSigmoid(gradient.mul(hidden.sub(candidate)), update);
    const ofSums = plus(cat([ofReset, ofUpdate, ofCandidate.mul(reset)], 1), step.otherGradients[0]);
    return {
      projected: cat([ofReset, ofUpdate, ofCandidate], 1),
      previous: [kept.add(ofSums.matmul(weight))],
      products: [ofSums],
    };
  },
  weights(sequence, weights) {
    const ofSums = sequence.product(0);
    const recurrent = ofSums.T.matmul(sequence.previous());
    return weights.length === 1 ? [recurrent] : [recurrent, ofSums.sum(0)];
  },
};

function gruGates(
  projected: Tensor,
  sums: Tensor,
): Readonly<Record<'reset' | 'update' | 'candidate' | 'candidateSum', Tensor>> {
  const [resetInput, updateInput, candidateInput] = projected.chunk(3, 1);
  const [resetSum, updateSum, candidateSum] = sums.chunk(3, 1);
  const reset = resetInput.add(resetSum).sigmoid();
  const update = updateInput.add(updateSum).sigmoid();
  return { reset, update, candidate: candidateInput.add(reset.mul(candidateSum)).tanh(), candidateSum };
}

/** A kind of recurrent cell. */
export interface CellKind {
  /** Rows of the weights are this many times the hidden size. */
  readonly gates: number;
  /** How many: the hidden state, and that of the cell. */
  readonly states: 1 | 2;
  /** Whether the bias of the recurrent product stands by itself: gates change their sum before the input's is added. */
  readonly hasOwnBias: boolean;
  readonly recurrence: ReturnType<typeof recurrence>;
}

const elmanKind = (rule: StepRule): CellKind => ({
  gates: 1,
  states: 1,
  hasOwnBias: false,
  recurrence: recurrence(rule),
});

export type CellMode = 'tanh' | 'relu' | 'lstm' | 'gru';

export const cellKinds: Readonly<Record<CellMode, CellKind>> = {
  tanh: elmanKind(elman('rnnTanh', (x) => x.tanh(), throughTanh)),
  relu: elmanKind(
    elman(
      'rnnRelu',
      (x) => x.relu(),
      (gradient, y) => where(y.gt(0), gradient, 0),
    ),
  ),
  lstm: { gates: 4, states: 2, hasOwnBias: false, recurrence: recurrence(lstmRule) },
  gru: { gates: 3, states: 1, hasOwnBias: true, recurrence: recurrence(gruRule) },
};

/** The parameters of a cell. */
export interface CellWeights {
  /** [gates · hidden, input] */
  readonly input: Tensor;
  /** [gates · hidden, output] */
  readonly hidden: Tensor;
  readonly inputBias: Tensor | null;
  readonly hiddenBias: Tensor | null;
  /** [output, hidden] */
  readonly projection: Tensor | null;
}

/** Takes inputs [..., size] through all steps; gives the values of each state after each visit. */
export function goThrough(
  { recurrence: run, hasOwnBias }: CellKind,
  steps: TimeSteps,
  x: Tensor,
  initial: readonly Tensor[],
  { input, hidden, inputBias, hiddenBias, projection }: CellWeights,
): Tensor[][] {
  const bias =
    hasOwnBias || inputBias === null || hiddenBias === null ? inputBias : inputBias.add(hiddenBias);
  // One product for all steps; only that with the hidden state is left to each.
  const projected = linear(x, input, bias).reshape([sizeOf(x.shape.slice(0, -1)), input.shape[0]]);
  const weights = [hidden, hasOwnBias ? hiddenBias : null, projection].filter((each) => each !== null);
  const results = run(steps, projected, ...initial, ...weights);
  const size = results.length / steps.visits.length;
  return initial.map((_, state) => steps.visits.map((_, visit) => results[visit * size + state]));
}
