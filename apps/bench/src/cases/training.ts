// Whole steps of training, and forward passes.
import type { Benchmark, Expected, Group, Prepared } from '../benchmark.ts';
import type { Library } from '../libraries/library.ts';
import { convolutionNetwork, flopsOf, type Network, perceptron } from '../networks/network.ts';
import { trainReference } from '../networks/reference.ts';
import { samplePositions } from './sampling.ts';

/** Steps whose losses are compared: the second depends on every gradient. */
const comparedSteps = 2;

function once<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

export function stepCase(
  group: Group,
  name: string,
  makeNetwork: () => Network,
  suits?: Benchmark['suits'],
): Benchmark {
  const network = once(makeNetwork);
  return {
    group,
    name,
    get cost() {
      return { flops: flopsOf(network()).step };
    },
    ...(suits === undefined ? {} : { suits }),
    prepare<T>(library: Library<T>): Prepared {
      const trainer = library.trainer(network());
      return {
        run: () => trainer.step(),
        /** The first loss, then how far it fell with a step: that is where a wrong gradient shows. */
        async results() {
          const losses: number[] = [];
          for (let step = 0; step < comparedSteps; step++) {
            await trainer.step();
            losses.push(await trainer.loss());
          }
          return differences(losses);
        },
        dispose: () => trainer.dispose(),
      };
    },
    expected: once((): Expected => {
      const { losses } = trainReference(network(), comparedSteps);
      const values = differences(losses);
      // The losses are of about 2, where float32 has steps of 2e-7.
      return { positions: values.map((_, at) => at), values, tolerance: 4e-6 };
    }),
  };
}

function differences(losses: readonly number[]): number[] {
  return losses.map((loss, at) => (at === 0 ? loss : loss - losses[0]));
}

function forwardCase(name: string, makeNetwork: () => Network): Benchmark {
  const network = once(makeNetwork);
  return {
    group: 'train',
    name,
    get cost() {
      return { flops: flopsOf(network()).forward };
    },
    prepare<T>(library: Library<T>): Prepared {
      const trainer = library.trainer(network());
      return {
        run: () => trainer.forward(),
        results: () => trainer.outputs(),
        dispose: () => trainer.dispose(),
      };
    },
    expected: once((): Expected => {
      const { outputs } = trainReference(network(), 0);
      const positions = samplePositions(outputs.length);
      return { positions, values: positions.map((at) => outputs[at]), tolerance: 1e-5 };
    }),
  };
}

export const trainingCases: readonly Benchmark[] = [
  stepCase('train', 'MLP 784-512-256-10 batch 128, step', () => perceptron(128, [784, 512, 256, 10])),
  forwardCase('CNN batch 64, forward', () => convolutionNetwork(64)),
  // TensorFlow.js in plain JavaScript takes half a minute for a step.
  stepCase(
    'train',
    'CNN batch 64, step',
    () => convolutionNetwork(64),
    ({ name }) => name !== 'tfjs-cpu',
  ),
];
