// A small training loop, whose losses every engine and device must reproduce.
import '@nn/autograd';
import { SGD } from '@nn/optim';
import { manualSeed, rand, randn, type Tensor } from '@nn/tensor';
import { expect } from 'vitest';

function weights(inputs: number, outputs: number): Tensor {
  return rand([inputs, outputs])
    .sub(0.5)
    .mul(2 / Math.sqrt(inputs))
    .detach()
    .requiresGrad_();
}

/** Learns a smooth function of 64 numbers on the device in use; returns the loss before each step. */
export async function train(steps: number, width: number = 128): Promise<number[]> {
  manualSeed(7);
  const x = randn([256, 64]);
  const y = x.mul(0.1).sum(1, { keepdim: true }).sin();
  const first = weights(64, width);
  const second = weights(width, 1);
  const optimizer = new SGD([first, second], { lr: 0.3 });
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const loss = x.matmul(first).tanh().matmul(second).sub(y).square().mean();
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    losses.push(Number(await loss.item()));
  }
  return losses;
}

/** What `train` gives on the interpreter, in Node. */
export const expectedLosses: readonly number[] = [
  0.41801503, 0.15136358, 0.08516659, 0.05663418, 0.04245479, 0.0346442, 0.03005998, 0.02724838,
];

/** Expects the losses to agree with the interpreter's: sums in another order move the last digits only. */
export function expectLosses(losses: readonly number[]): void {
  for (const [step, expected] of expectedLosses.entries())
    expect(losses[step], `step ${step}`).toBeCloseTo(expected, 6);
}
