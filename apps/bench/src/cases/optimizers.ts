// Updates of a million parameters in fifty tensors, without the steps that their gradients come from.
import { Adam, AdamW, type Optimizer, RMSprop, SGD } from '@nn/optim';
import type { Tensor } from '@nn/tensor';
import type { Jax, JaxArray, StatefulOperation, Tfjs } from '../benchmark.ts';
import { expectedAt, random, type Sizes, shared } from './data.ts';

const tensors = 50;
const learningRate = 0.01;

interface Rule {
  readonly name: string;
  /** Arrays that are read or written in a step, of a parameter's size. */
  readonly passes: number;
  readonly nn: (parameters: Tensor[]) => Optimizer;
  readonly torch: string;
  readonly tfjs?: (tf: Tfjs) => import('@tensorflow/tfjs').Optimizer;
  /** How many arrays of state a parameter has, and a step: from [parameter, gradient, ...state] to [parameter, ...state]. */
  readonly jax: {
    readonly state: number;
    readonly step: (
      jax: Jax,
      gradient: JaxArray,
      parameter: JaxArray,
      state: JaxArray[],
      count: JaxArray,
    ) => JaxArray[];
  };
  /** The parameter after the first step. */
  readonly reference: (parameter: number, gradient: number) => number;
}

const decay = 0.01;

function adamStep(weightDecay: number): Rule['jax']['step'] {
  return ({ numpy: np }, gradient, parameter, [first, second], count) => {
    const mean = first.mul(0.9).add(gradient.ref.mul(0.1));
    const square = second.mul(0.999).add(gradient.ref.mul(gradient).mul(0.001));
    const correction = np.subtract(1, np.power(0.9, count.ref));
    const secondCorrection = np.subtract(1, np.power(0.999, count));
    const divisor = np.sqrt(square.ref.div(secondCorrection)).add(1e-8);
    const change = mean.ref.div(correction).div(divisor).mul(learningRate);
    const decayed = weightDecay === 0 ? parameter : parameter.mul(1 - learningRate * weightDecay);
    return [decayed.sub(change), mean, square];
  };
}

const adamFirst = (parameter: number, gradient: number): number =>
  parameter - (learningRate * gradient) / (Math.abs(gradient) + 1e-8);

const rules: readonly Rule[] = [
  {
    name: 'SGD with momentum',
    passes: 5,
    nn: (parameters) => new SGD(parameters, { lr: learningRate, momentum: 0.9 }),
    torch: `torch.optim.SGD(parameters, lr=${learningRate}, momentum=0.9)`,
    tfjs: (tf) => tf.train.momentum(learningRate, 0.9),
    jax: {
      state: 1,
      step: (_jax, gradient, parameter, [momentum], count) => {
        count.dispose();
        const next = momentum.mul(0.9).add(gradient);
        return [parameter.sub(next.ref.mul(learningRate)), next];
      },
    },
    reference: (parameter, gradient) => parameter - learningRate * gradient,
  },
  {
    name: 'Adam',
    passes: 7,
    nn: (parameters) => new Adam(parameters, { lr: learningRate }),
    torch: `torch.optim.Adam(parameters, lr=${learningRate})`,
    tfjs: (tf) => tf.train.adam(learningRate, 0.9, 0.999, 1e-8),
    jax: { state: 2, step: adamStep(0) },
    reference: adamFirst,
  },
  {
    name: 'AdamW',
    passes: 7,
    nn: (parameters) => new AdamW(parameters, { lr: learningRate, weightDecay: decay }),
    torch: `torch.optim.AdamW(parameters, lr=${learningRate}, weight_decay=${decay})`,
    jax: { state: 2, step: adamStep(decay) },
    reference: (parameter, gradient) => adamFirst(parameter * (1 - learningRate * decay), gradient),
  },
  {
    name: 'RMSprop',
    passes: 5,
    nn: (parameters) => new RMSprop(parameters, { lr: learningRate }),
    torch: `torch.optim.RMSprop(parameters, lr=${learningRate})`,
    // It adds its epsilon below the root.
    tfjs: (tf) => tf.train.rmsprop(learningRate, 0.99, 0, 1e-14),
    jax: {
      state: 1,
      step: ({ numpy: np }, gradient, parameter, [square], count) => {
        count.dispose();
        const next = square.mul(0.99).add(gradient.ref.mul(gradient.ref).mul(0.01));
        const divisor = np.sqrt(next.ref).add(1e-8);
        return [parameter.sub(gradient.div(divisor).mul(learningRate)), next];
      },
    },
    reference: (parameter, gradient) =>
      parameter - (learningRate * gradient) / (Math.sqrt(0.01 * gradient ** 2) + 1e-8),
  },
];

/** Inputs are the parameters, then the gradients. */
function versionsOf({ nn, torch, tfjs, jax: { state: states, step } }: Rule): StatefulOperation['versions'] {
  return {
    nn: (...inputs) => {
      const parameters = inputs.slice(0, tensors).map((input) => input.clone().requiresGrad_());
      for (const [at, parameter] of parameters.entries()) parameter.grad = inputs[tensors + at];
      const optimizer = nn(parameters);
      return () => {
        optimizer.step();
        return parameters;
      };
    },
    jax:
      (jax) =>
      (...inputs) => {
        const { jit, numpy: np } = jax;
        const update = jit(
          (parameters: JaxArray[], gradients: JaxArray[], state: JaxArray[][], count: JaxArray) => {
            const next = parameters.map((parameter, at) =>
              step(jax, gradients[at], parameter, state[at], count.ref),
            );
            count.dispose();
            return next;
          },
        );
        const gradients = inputs.slice(tensors);
        let parameters = inputs.slice(0, tensors).map((input) => input.ref);
        let state = gradients.map(({ shape }) => Array.from({ length: states }, () => np.zeros(shape)));
        let count = 0;
        return () => {
          count++;
          const references = gradients.map((gradient) => gradient.ref);
          const next = update(parameters, references, state, np.array(count)) as JaxArray[][];
          parameters = next.map(([parameter]) => parameter);
          state = next.map(([, ...rest]) => rest);
          return parameters;
        };
      },
    ...(tfjs === undefined
      ? {}
      : {
          tfjs:
            (tf: Tfjs) =>
            (...inputs: import('@tensorflow/tfjs').Tensor[]) => {
              const variables = inputs.slice(0, tensors).map((input) => tf.variable(input.clone()));
              const gradients = Object.fromEntries(
                variables.map(({ name }, at) => [name, inputs[tensors + at]]),
              );
              const optimizer = tfjs(tf);
              return () => {
                optimizer.applyGradients(gradients);
                return variables;
              };
            },
        }),
    torch: [
      `parameters = [torch.nn.Parameter(x.clone()) for x in inputs[:${tensors}]]`,
      `for parameter, gradient in zip(parameters, inputs[${tensors}:]): parameter.grad = gradient`,
      `optimizer = ${torch}`,
      'def run():',
      '    optimizer.step()',
      '    return parameters',
    ].join('\n'),
  };
}

export function optimizerCases(sizes: Sizes): StatefulOperation[] {
  const shape = [sizes(100), sizes(200)];
  const length = shape[0] * shape[1];
  const inputs = shared(() =>
    Array.from({ length: 2 * tensors }, (_, at) => random(shape, { seed: at + 1 })),
  );
  return rules.map((rule) => ({
    kind: 'stateful',
    group: 'train',
    subject: 'optimizer updates',
    name: `${rule.name}, 1M parameters in ${tensors} tensors`,
    cost: { bytes: 4 * rule.passes * tensors * length },
    tolerance: { absolute: 5e-6 },
    inputs,
    versions: versionsOf(rule),
    expected: () => {
      const made = inputs();
      return expectedAt(tensors * length, (position) => {
        const [at, element] = [Math.floor(position / length), position % length];
        return rule.reference(made[at].values[element], made[tensors + at].values[element]);
      });
    },
  }));
}
