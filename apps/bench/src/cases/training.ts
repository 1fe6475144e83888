// Whole steps of training (forward, backward, update by plain gradient descent), and forward passes.
import type { Expected, Group, Training } from '../benchmark.ts';
import { comparedSteps, lossDifferences } from '../libraries/library.ts';
import {
  convolutionNetwork,
  flopsOf,
  type GptSizes,
  gpt,
  memory,
  type Network,
  perceptron,
  resNet18,
  type TransformerSizes,
  transformer,
} from '../networks/network.ts';
import { trainReference } from '../networks/reference.ts';
import { expectedAt, type Sizes } from './data.ts';

export interface TrainingCase {
  readonly group?: Group;
  readonly name: string;
  readonly make: () => Network;
  readonly pass?: Training['pass'];
  /** Whether plain JavaScript has an answer to compare with. Default false. */
  readonly reference?: boolean;
  readonly suits?: Training['suits'];
}

/** What the cases of a run have in common is made once. */
function once<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function expectedOf(network: Network, pass: Training['pass']): Expected {
  const { outputs, losses } = trainReference(network, pass === 'step' ? comparedSteps : 0);
  if (pass === 'forward') return expectedAt(outputs.length, (at) => outputs[at]);
  const values = lossDifferences(losses);
  return { positions: values.map((_, at) => at), values };
}

export function trainingCase({
  group = 'train',
  name,
  make,
  pass = 'step',
  reference = false,
  suits,
}: TrainingCase): Training {
  const network = once(make);
  return {
    kind: 'training',
    group,
    subject: group === 'overhead' ? 'overhead' : 'training',
    name: `${name}, ${pass}`,
    get cost() {
      return { flops: flopsOf(network())[pass] };
    },
    // Losses are of about 2, where float32 has steps of 2e-7; a step makes more of the roundings of deep networks.
    tolerance: pass === 'step' ? { absolute: 4e-6, relative: reference ? 1e-4 : 1e-3 } : { absolute: 1e-5 },
    pass,
    network,
    ...(suits === undefined ? {} : { suits }),
    ...(reference ? { expected: once(() => expectedOf(network(), pass)) } : {}),
  };
}

/** TensorFlow.js in plain JavaScript takes up to half a minute for a step. */
const suits = (implementation: string): boolean => implementation !== 'tfjs-cpu';

const tiny: TransformerSizes = { batch: 2, length: 6, width: 8, heads: 2 };

const languageModels: readonly { readonly name: string; readonly sizes: GptSizes }[] = [
  {
    name: 'GPT 0.4 M, T 64 batch 16',
    sizes: { batch: 16, length: 64, width: 128, heads: 4, blocks: 2, entries: 65 },
  },
  {
    name: 'GPT 2.5 M, T 128 batch 8',
    sizes: { batch: 8, length: 128, width: 256, heads: 8, blocks: 3, entries: 65 },
  },
];

export function trainingCases(sizes: Sizes): Training[] {
  const batch = (count: number): number => (sizes(count) === count ? count : 3);
  const small = sizes(1024) !== 1024;
  const layers = small ? [12, 11, 9, 5] : [784, 512, 256, 10];
  return [
    trainingCase({
      name: 'MLP 784-512-256-10 batch 128',
      make: () => perceptron(batch(128), layers),
      reference: true,
    }),
    trainingCase({
      name: 'CNN batch 64',
      make: () => convolutionNetwork(batch(64)),
      pass: 'forward',
      reference: true,
    }),
    trainingCase({ name: 'CNN batch 64', make: () => convolutionNetwork(batch(64)), reference: true, suits }),
    trainingCase({
      name: 'ResNet-18 32x32 batch 16',
      make: () => (small ? resNet18(2, 16, 4) : resNet18(16, 32, 64)),
      // jax-js takes minutes for its convolutions.
      suits: (implementation) => suits(implementation) && implementation !== 'jax-js',
    }),
    trainingCase({
      name: 'transformer block d 256 T 128 batch 8',
      make: () => transformer(small ? tiny : { batch: 8, length: 128, width: 256, heads: 4 }),
      suits,
    }),
    ...languageModels.map(({ name, sizes: full }) =>
      trainingCase({ name, make: () => gpt(small ? { ...tiny, blocks: 2, entries: 9 } : full), suits }),
    ),
    trainingCase({
      name: 'LSTM 64-128 T 32 batch 16',
      make: () =>
        memory(
          small
            ? { batch: 2, inputs: 5, hidden: 6, length: 4 }
            : { batch: 16, inputs: 64, hidden: 128, length: 32 },
        ),
      suits,
    }),
  ];
}
