// Softmax and sigmoid: what they are, why they are computed as they are, and how they hang together.
import { jacobian } from '@nn/autograd';
import { logSoftmax, sigmoid, softmax } from '@nn/functional';
import { linspace, stack, type Tensor, tensor } from '@nn/tensor';
import { type Point, plot } from './support/charts.ts';
import { example } from './support/example.ts';

const largest = (x: Tensor): Promise<number> => x.abs().amax().item();

export const softmaxAndSigmoid = example(
  'Softmax and sigmoid: large numbers, temperature, derivatives, and each made of the other.',
  {},
  async ({ out }) => {
    const scores = tensor([2, 1, 0.1]);
    console.log('softmax of 2, 1, 0.1, and of the same plus 1000:');
    await softmax(scores, 0).print();
    await softmax(scores.add(1000), 0).print();
    const naive = scores.add(1000).exp();
    console.log('by its formula, exp(x) / Σ exp(x), the latter is:');
    await naive.div(naive.sum()).print();
    const shifted = await largest(softmax(scores.add(1000), 0).sub(softmax(scores, 0)));

    console.log('log softmax keeps what the logarithm of softmax loses:');
    const far = tensor([0, -200], { dtype: 'float32' });
    const [kept, lost] = [logSoftmax(far, 0), softmax(far, 0).log()];
    console.log(await kept.toArray(), await lost.toArray());

    // sigmoid(x) is the softmax of x and 0.
    const x = linspace(-30, 30, 241);
    const pair = softmax(stack([x, x.mul(0)]), 0).at(0);
    const sigmoidDifference = await largest(sigmoid(x).sub(pair));

    // The derivative of softmax is diag(p) - p pᵀ.
    const p = softmax(scores, 0);
    const derivative = jacobian((z: Tensor) => softmax(z, 0), scores) as Tensor;
    console.log('the derivative of softmax:');
    await derivative.print();
    const jacobianDifference = await largest(derivative.sub(p.diag().sub(p.outer(p))));

    const temperatures = Array.from({ length: 61 }, (_, i) => 10 ** (-1.5 + i / 20));
    const shares = await softmax(scores.div(tensor(temperatures).unsqueeze(1)), 1).toArray<number[][]>();
    const line = (i: number): Point[] => temperatures.map((each, row) => [each, shares[row][i]]);
    await plot(out, 'softmax.svg', {
      title: 'softmax(scores / temperature)',
      x: 'temperature',
      y: 'share',
      logX: true,
      lines: { 'score 2': line(0), 'score 1': line(1), 'score 0.1': line(2) },
    });
    return { shifted, sigmoidDifference, jacobianDifference, keptLog: await kept.at(1).item() };
  },
);

if (import.meta.main) await softmaxAndSigmoid.main();
