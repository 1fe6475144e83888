// What is held does not grow with steps, also where values are read in between and vectors are remembered.
import { cpu } from '@nn/cpu';
import * as optim from '@nn/optim';
import { autocast, interpreter, runtimeOf, type Tensor, tensor, use } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

describe.each(['interpreter', 'cpu'])('on %s', (device) => {
  beforeAll(() => {
    use(device === 'cpu' ? cpu({ threads: 1 }) : interpreter());
  });
  const leaf = (): Tensor =>
    tensor(
      Array.from({ length: 256 }, (_, i) => Math.sin(i) + 2),
      { dtype: 'float32', requiresGrad: true },
    );
  /** Bytes of values after so many steps; old versions and outputs go by their budgets. */
  const heldAfter = (x: Tensor, step: () => void, steps: number): number => {
    for (let i = 0; i < steps; i++) step();
    return runtimeOf(x.device).heldBytes().value;
  };

  it.each(['strongWolfe', null] as const)('L-BFGS with line search %s', (lineSearchFn) => {
    const x = leaf();
    const optimizer = new optim.LBFGS([x], { lr: 0.05, maxIter: 4, historySize: 5, lineSearchFn });
    let at = 0;
    const step = (): void => {
      at++;
      optimizer.step(() => {
        optimizer.zeroGrad();
        // Another function each time, so that there is always something to do.
        const loss = x.sub(Math.cos(at)).pow(4).sum();
        loss.backward();
        return loss;
      });
    };
    const early = heldAfter(x, step, 12);
    expect(heldAfter(x, step, 40)).toBeLessThanOrEqual(early);
  });

  it('GradScaler and Schedule-Free', () => {
    const x = leaf();
    const optimizer = new optim.AdamWScheduleFree([x], { lr: 0.01 });
    const scaler = new optim.GradScaler({ initScale: 16 });
    const step = (): void => {
      optimizer.zeroGrad();
      const loss = autocast(() => x.square().sum(), { dtype: 'float16' });
      scaler.scale(loss).backward();
      scaler.step(optimizer);
      scaler.update();
      optimizer.eval();
      optimizer.train();
    };
    const early = heldAfter(x, step, 6);
    expect(heldAfter(x, step, 60)).toBeLessThanOrEqual(early);
  });
});
