// Recurrences over time, with their derivative: what recurrent layers and cells do after the input's projection.
//
// The loop is one differentiable function, for two reasons: the gradient of the recurrent weight is one product over all
// steps, where a record of single steps would add up a product each; and no step's gradient is padded to the size of the
// whole sequence. All that backward uses is an argument or a result, so that derivatives of derivatives go through it.
import { customFunction } from '@nn/autograd';
import { cat, type Tensor, zerosLike } from '@nn/tensor';
import { rowsOf, type TimeSteps } from './time-steps.ts';

type Tensors = readonly Tensor[];

/** A step that is gone through backwards. */
export interface Step {
  /** Its rows of the input's projection. */
  readonly projected: Tensor;
  /** The states that it started from. */
  readonly previous: Tensors;
  /** What the rule's `forward` gave. */
  readonly results: Tensors;
  /** Of the new states, and of what else it gave; null where there is none. */
  readonly stateGradients: Tensors;
  readonly otherGradients: readonly (Tensor | null)[];
  readonly weights: Tensors;
}

/** The gradients of what a step was computed from. */
export interface StepGradients {
  readonly projected: Tensor;
  readonly previous: Tensors;
  /** Of the products with weights, for `weights`. */
  readonly products: Tensors;
}

/** All steps at once, their rows one behind the other in time. */
export interface Sequence {
  /** The hidden states that steps started from. */
  previous(): Tensor;
  /** One of the results. */
  result(position: number): Tensor;
  /** The gradient of one of the products. */
  product(position: number): Tensor;
}

/** The arithmetic of a cell. Rows are independent of each other, and a step may have any number of them. */
export interface StepRule {
  readonly name: string;
  /** How many; the first is the hidden one, which is the output. */
  readonly states: number;
  /** The next states, then what else `backward` is computed from. */
  forward(projected: Tensor, previous: Tensors, weights: Tensors): Tensors;
  backward(step: Step): StepGradients;
  /** The gradients of the weights. */
  weights(sequence: Sequence, weights: Tensors): Tensors;
}

/** The sum of gradients that may be absent. */
function sum(x: Tensor | null, y: Tensor | null): Tensor | null {
  return x === null || y === null ? (x ?? y) : x.add(y);
}

type Arguments = [steps: TimeSteps, projected: Tensor, ...statesAndWeights: Tensors];

/**
 * Goes through all steps, and gives the results of each visit, one behind the other. Takes the rows of the input's
 * projection, the states at first, and the weights.
 */
export function recurrence(rule: StepRule): (...given: Arguments) => Tensors {
  return customFunction<Arguments, Tensors>({
    name: rule.name,
    forward(context, steps, projected, ...rest) {
      context.setMaterializeGrads(false);
      const initial = rest.slice(0, rule.states);
      const weights = rest.slice(rule.states);
      const results: Tensor[] = [];
      let former: Tensors = [];
      steps.visits.forEach(({ start, count }, visit) => {
        const previous = initial.map((state, i) => steps.previous(visit, former[i], state));
        former = rule.forward(rowsOf(projected, start, count), previous, weights);
        results.push(...former);
      });
      context.state['steps'] = steps;
      context.state['weights'] = weights.length;
      context.saveForBackward(projected, ...rest, ...results);
      return results;
    },
    backward(context, ...given) {
      const steps = context.state['steps'] as TimeSteps;
      const [projected, ...saved] = context.savedTensors;
      const initial = saved.splice(0, rule.states);
      const weights = saved.splice(0, context.state['weights'] as number);
      return backThrough(rule, steps, {
        projected,
        initial,
        weights,
        results: byVisit(saved, steps),
        gradients: byVisit<Tensor | null>(given, steps),
      });
    },
  });
}

interface Gone {
  readonly projected: Tensor;
  readonly initial: Tensors;
  readonly weights: Tensors;
  /** Of each visit. */
  readonly results: readonly Tensors[];
  readonly gradients: readonly (readonly (Tensor | null)[])[];
}

/** The gradients of the arguments. */
function backThrough(
  rule: StepRule,
  steps: TimeSteps,
  { projected, initial, weights, results, gradients }: Gone,
): (Tensor | null)[] {
  const found = new Array<StepGradients>(steps.visits.length);
  /** Of rows of the initial states, the first rows last. */
  const initialParts: Tensor[][] = initial.map(() => []);
  let carried: (Tensor | null)[] = initial.map(() => null);
  for (let visit = steps.visits.length - 1; visit >= 0; visit--) {
    const { start, count } = steps.visits[visit];
    const former = visit === 0 ? [] : results[visit - 1];
    found[visit] = rule.backward({
      projected: rowsOf(projected, start, count),
      previous: initial.map((state, i) => steps.previous(visit, former[i], state)),
      results: results[visit],
      stateGradients: carried.map(
        (gradient, i) => sum(gradients[visit][i], gradient) ?? zerosLike(results[visit][i]),
      ),
      otherGradients: gradients[visit].slice(rule.states),
      weights,
    });
    carried = found[visit].previous.map((gradient, i) => {
      const parts = steps.previousGradients(visit, gradient);
      if (parts.initial !== null) initialParts[i].push(parts.initial);
      return parts.former;
    });
  }
  const sequence: Sequence = {
    previous: () =>
      steps.allPrevious(
        results.map(([hidden]) => hidden),
        initial[0],
      ),
    result: (position) => steps.inTime(results.map((each) => each[position])),
    product: (position) => steps.inTime(found.map(({ products }) => products[position])),
  };
  return [
    null,
    steps.inTime(found.map((each) => each.projected)),
    ...initialParts.map((parts) => (parts.length === 1 ? parts[0] : cat(parts.reverse()))),
    ...rule.weights(sequence, weights),
  ];
}

function byVisit<T>(list: readonly T[], { visits }: TimeSteps): T[][] {
  const size = list.length / visits.length;
  return visits.map((_, visit) => list.slice(visit * size, (visit + 1) * size));
}
