// Every activation of one element, as each implementation writes it.
import * as F from '@nn/functional';
import { full } from '@nn/tensor';
import { clamp, erf, type ScalarFunction, sigmoid, softplus } from './scalar-function.ts';

// SELU's constants (Klambauer et al. 2017).
const seluAlpha = 1.6732632423543772;
const seluScale = 1.0507009873554805;
const elu = (x: number): number => (x > 0 ? x : Math.expm1(x));

export const activationFunctions: readonly ScalarFunction[] = [
  {
    name: 'relu',
    reference: (x) => Math.max(0, x),
    versions: {
      nn: (x) => F.relu(x),
      jax:
        ({ nn }) =>
        (x) =>
          nn.relu(x),
      tfjs: (tf) => (x) => tf.relu(x),
      torch: 'F.relu(a)',
    },
  },
  {
    name: 'relu6',
    reference: (x) => clamp(x, 0, 6),
    versions: {
      nn: (x) => F.relu6(x),
      jax:
        ({ nn }) =>
        (x) =>
          nn.relu6(x),
      tfjs: (tf) => (x) => tf.relu6(x),
      torch: 'F.relu6(a)',
    },
  },
  {
    name: 'leakyRelu',
    reference: (x) => (x > 0 ? x : 0.01 * x),
    versions: {
      nn: (x) => F.leakyRelu(x, 0.01),
      jax:
        ({ nn }) =>
        (x) =>
          nn.leakyRelu(x, 0.01),
      tfjs: (tf) => (x) => tf.leakyRelu(x, 0.01),
      torch: 'F.leaky_relu(a, 0.01)',
    },
  },
  {
    name: 'threshold',
    reference: (x) => (x > 0.1 ? x : 20),
    versions: {
      nn: (x) => F.threshold(x, 0.1, 20),
      jax:
        ({ numpy: np }) =>
        (x) =>
          np.where(np.greater(x.ref, 0.1), x, 20),
      tfjs: (tf) => (x) => tf.tidy(() => tf.where(tf.greater(x, 0.1), x, 20)),
      torch: 'F.threshold(a, 0.1, 20)',
    },
  },
  {
    name: 'hardtanh',
    reference: (x) => clamp(x, -1, 1),
    versions: {
      nn: (x) => F.hardtanh(x),
      jax:
        ({ nn }) =>
        (x) =>
          nn.hardTanh(x),
      tfjs: (tf) => (x) => tf.clipByValue(x, -1, 1),
      torch: 'F.hardtanh(a)',
    },
  },
  {
    name: 'hardsigmoid',
    reference: (x) => clamp(x + 3, 0, 6) / 6,
    versions: {
      nn: (x) => F.hardsigmoid(x),
      jax:
        ({ nn }) =>
        (x) =>
          nn.hardSigmoid(x),
      tfjs: (tf) => (x) => tf.tidy(() => tf.relu6(x.add(3)).div(6)),
      torch: 'F.hardsigmoid(a)',
    },
  },
  {
    name: 'hardswish',
    reference: (x) => (x * clamp(x + 3, 0, 6)) / 6,
    versions: {
      nn: (x) => F.hardswish(x),
      jax:
        ({ nn }) =>
        (x) =>
          nn.hardSilu(x),
      tfjs: (tf) => (x) => tf.tidy(() => tf.relu6(x.add(3)).mul(x).div(6)),
      torch: 'F.hardswish(a)',
    },
  },
  {
    name: 'hardshrink',
    reference: (x) => (Math.abs(x) > 0.5 ? x : 0),
    versions: {
      nn: (x) => F.hardshrink(x, 0.5),
      jax:
        ({ numpy: np }) =>
        (x) =>
          np.where(np.greater(np.abs(x.ref), 0.5), x, 0),
      tfjs: (tf) => (x) => tf.tidy(() => tf.where(tf.greater(tf.abs(x), 0.5), x, 0)),
      torch: 'F.hardshrink(a, 0.5)',
    },
  },
  {
    name: 'softshrink',
    reference: (x) => Math.sign(x) * Math.max(0, Math.abs(x) - 0.5),
    versions: {
      nn: (x) => F.softshrink(x, 0.5),
      jax:
        ({ numpy: np }) =>
        (x) =>
          x.ref.sub(np.clip(x, -0.5, 0.5)),
      tfjs: (tf) => (x) => tf.tidy(() => x.sub(tf.clipByValue(x, -0.5, 0.5))),
      torch: 'F.softshrink(a, 0.5)',
    },
  },
  {
    name: 'prelu',
    reference: (x) => (x > 0 ? x : 0.25 * x),
    versions: {
      nn: (x) => F.prelu(x, full([1], 0.25)),
      jax:
        ({ nn }) =>
        (x) =>
          nn.leakyRelu(x, 0.25),
      tfjs: (tf) => (x) => tf.tidy(() => tf.prelu(x, tf.scalar(0.25))),
      torch: 'F.prelu(a, torch.tensor([0.25]))',
    },
  },
  {
    name: 'rrelu',
    reference: (x) => (x > 0 ? x : (x * (1 / 8 + 1 / 3)) / 2),
    versions: {
      nn: (x) => F.rrelu(x),
      jax:
        ({ nn }) =>
        (x) =>
          nn.leakyRelu(x, (1 / 8 + 1 / 3) / 2),
      tfjs: (tf) => (x) => tf.leakyRelu(x, (1 / 8 + 1 / 3) / 2),
      torch: 'F.rrelu(a)',
    },
  },
  {
    name: 'elu',
    reference: elu,
    versions: {
      nn: (x) => F.elu(x),
      jax:
        ({ nn }) =>
        (x) =>
          nn.elu(x),
      tfjs: (tf) => (x) => tf.elu(x),
      torch: 'F.elu(a)',
    },
  },
  {
    name: 'selu',
    reference: (x) => seluScale * (x > 0 ? x : seluAlpha * Math.expm1(x)),
    versions: {
      nn: (x) => F.selu(x),
      jax:
        ({ nn }) =>
        (x) =>
          nn.selu(x),
      tfjs: (tf) => (x) => tf.selu(x),
      torch: 'F.selu(a)',
    },
  },
  {
    name: 'celu',
    reference: (x) => Math.max(0, x) + Math.min(0, 0.5 * Math.expm1(x / 0.5)),
    versions: {
      nn: (x) => F.celu(x, 0.5),
      jax:
        ({ nn }) =>
        (x) =>
          nn.celu(x, 0.5),
      tfjs: (tf) => (x) => tf.tidy(() => tf.relu(x).add(tf.minimum(0, tf.expm1(x.div(0.5)).mul(0.5)))),
      torch: 'F.celu(a, 0.5)',
    },
  },
  {
    name: 'gelu',
    reference: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
    versions: {
      nn: (x) => F.gelu(x),
      jax:
        ({ nn }) =>
        (x) =>
          nn.gelu(x, { approximate: false }),
      tfjs: (tf) => (x) => tf.tidy(() => x.mul(Math.SQRT1_2).erf().add(1).mul(x).mul(0.5)),
      torch: 'F.gelu(a)',
    },
  },
  {
    name: 'gelu by tanh',
    reference: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    versions: {
      nn: (x) => F.gelu(x, { approximate: 'tanh' }),
      jax:
        ({ nn }) =>
        (x) =>
          nn.gelu(x, { approximate: true }),
      tfjs: (tf) => (x) =>
        tf.tidy(() => {
          const inner = x
            .square()
            .mul(0.044715)
            .add(1)
            .mul(x)
            .mul(Math.sqrt(2 / Math.PI));
          return tf.tanh(inner).add(1).mul(x).mul(0.5);
        }),
      torch: "F.gelu(a, approximate='tanh')",
    },
  },
  {
    name: 'silu',
    reference: (x) => x * sigmoid(x),
    versions: {
      nn: (x) => F.silu(x),
      jax:
        ({ nn }) =>
        (x) =>
          nn.silu(x),
      tfjs: (tf) => (x) => tf.tidy(() => tf.sigmoid(x).mul(x)),
      torch: 'F.silu(a)',
    },
  },
  {
    name: 'mish',
    reference: (x) => x * Math.tanh(softplus(x)),
    versions: {
      nn: (x) => F.mish(x),
      jax:
        ({ nn }) =>
        (x) =>
          nn.mish(x),
      tfjs: (tf) => (x) => tf.tidy(() => tf.tanh(tf.softplus(x)).mul(x)),
      torch: 'F.mish(a)',
    },
  },
  {
    name: 'softplus',
    reference: softplus,
    versions: {
      nn: (x) => F.softplus(x),
      jax:
        ({ nn }) =>
        (x) =>
          nn.softplus(x),
      tfjs: (tf) => (x) => tf.softplus(x),
      torch: 'F.softplus(a)',
    },
  },
  {
    name: 'sigmoid',
    reference: sigmoid,
    versions: {
      nn: (x) => F.sigmoid(x),
      jax:
        ({ nn }) =>
        (x) =>
          nn.sigmoid(x),
      tfjs: (tf) => (x) => tf.sigmoid(x),
      torch: 'torch.sigmoid(a)',
    },
  },
  {
    name: 'logSigmoid',
    reference: (x) => -softplus(-x),
    versions: {
      nn: (x) => F.logSigmoid(x),
      jax:
        ({ nn }) =>
        (x) =>
          nn.logSigmoid(x),
      tfjs: (tf) => (x) => tf.logSigmoid(x),
      torch: 'F.logsigmoid(a)',
    },
  },
  {
    name: 'tanh',
    reference: Math.tanh,
    versions: {
      nn: (x) => F.tanh(x),
      jax:
        ({ numpy: np }) =>
        (x) =>
          np.tanh(x),
      tfjs: (tf) => (x) => tf.tanh(x),
      torch: 'torch.tanh(a)',
    },
  },
  {
    name: 'tanhshrink',
    reference: (x) => x - Math.tanh(x),
    versions: {
      nn: (x) => F.tanhshrink(x),
      jax:
        ({ numpy: np }) =>
        (x) =>
          x.ref.sub(np.tanh(x)),
      tfjs: (tf) => (x) => tf.tidy(() => x.sub(tf.tanh(x))),
      torch: 'F.tanhshrink(a)',
    },
  },
  {
    name: 'softsign',
    reference: (x) => x / (1 + Math.abs(x)),
    versions: {
      nn: (x) => F.softsign(x),
      jax:
        ({ nn }) =>
        (x) =>
          nn.softSign(x),
      tfjs: (tf) => (x) => tf.tidy(() => x.div(tf.abs(x).add(1))),
      torch: 'F.softsign(a)',
    },
  },
];
