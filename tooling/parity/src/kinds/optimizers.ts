// Optimizers: ten steps on 0.5 * sum((A x + c - b)^2), each with a closure.
import { isTensor, type Tensor } from '@nn/tensor';
import { callMethod, construct } from '../api.ts';
import type { OptimizerCase } from '../case-file.ts';
import { compare, type Tolerance, type Tolerances } from '../compare.ts';
import { toOptions, withCamelCaseValues } from '../signature.ts';
import { Decoder, decodeTensor } from '../values.ts';

/**
 * By how much rounding grows: L-BFGS divides by differences of gradients that vanish. PyTorch itself, given the same
 * sums in another order, is up to 33 times the tolerance away from the listed values. The optimizers' own tests compare
 * it in float64, where it agrees to 1e-9.
 */
const amplification: Readonly<Record<string, number>> = { LBFGS: 40 };

function widened({ float32, float64 }: Tolerances, factor: number): Tolerances {
  const times = ({ relative, absolute }: Tolerance): Tolerance => ({
    relative: factor * relative,
    absolute: factor * absolute,
  });
  return { float32: times(float32), float64: times(float64) };
}

/** @throws {Difference} unless loss and parameters are PyTorch's after each step. */
export async function runOptimizerCase(test: OptimizerCase, tolerances: Tolerances): Promise<void> {
  const [matrix, target] = [decodeTensor(test.A), decodeTensor(test.b)];
  const [x, c] = [decodeTensor(test.x0).requiresGrad_(), decodeTensor(test.c0).requiresGrad_()];
  const options = toOptions(withCamelCaseValues(new Decoder().decodeNamed(test.kwargs)));
  const optimizer = construct('@nn/optim', test.optimizer, [[x, c], options]);
  const allowed = widened(tolerances, amplification[test.optimizer] ?? 1);
  const closure = (): Tensor => {
    callMethod(optimizer, 'zeroGrad', []);
    const loss = matrix.matmul(x).add(c).sub(target).square().sum().mul(0.5);
    loss.backward();
    return loss;
  };
  for (const [i, expected] of test.loss.entries()) {
    const loss = await callMethod(optimizer, 'step', [closure]);
    const value = { tensor: 'float32', shape: [], data: [expected] } as const;
    const actual = isTensor(loss) ? loss : Number(loss);
    await compare(`loss of step ${i + 1}`, actual, value, { tolerances: allowed });
    await compare(`x after step ${i + 1}`, x, test.x[i], { tolerances: allowed });
    await compare(`c after step ${i + 1}`, c, test.c[i], { tolerances: allowed });
  }
}
