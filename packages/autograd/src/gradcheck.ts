// Derivatives against finite differences.
import { AutogradError, checkOptions, isFloat } from '@nn/core';
import { type Tensor, tensor } from '@nn/tensor';
import { grad } from './engine.ts';
import { enableGrad, noGrad } from './modes.ts';

export interface GradcheckOptions {
  /** Step of the central differences. Default 1e-6. */
  readonly eps?: number;
  /** Default 1e-5. */
  readonly atol?: number;
  /** Default 1e-3. */
  readonly rtol?: number;
}

type Differentiable = (...inputs: Tensor[]) => Tensor;

/** Fixed weights, different for each element, so that errors do not cancel in the sum. */
function weightsFor(output: Tensor, shift: number): Tensor {
  const values = Float64Array.from(
    { length: output.numel() },
    (_, i) => 0.5 + Math.abs(Math.sin(i * 1.7 + shift)),
  );
  return tensor(values, { shape: output.shape, dtype: output.dtype, device: output.device });
}

function leavesOf(inputs: readonly Tensor[]): Tensor[] {
  return inputs.map((x) => x.detach().clone().requiresGrad_(x.requiresGrad));
}

async function numeric(
  fn: Differentiable,
  inputs: readonly Tensor[],
  at: number,
  eps: number,
): Promise<Float64Array> {
  const base = Float64Array.from(await inputs[at].data(), Number);
  const result = new Float64Array(base.length);
  const valueAt = async (index: number, step: number): Promise<number> => {
    const moved = base.slice();
    moved[index] += step;
    const replaced = inputs.map((x, i) =>
      i === at ? tensor(moved, { shape: x.shape, dtype: x.dtype, device: x.device }) : x.detach(),
    );
    const output = noGrad(() => fn(...replaced));
    return output.mul(weightsFor(output, 0)).sum().item();
  };
  for (let i = 0; i < base.length; i++)
    result[i] = ((await valueAt(i, eps)) - (await valueAt(i, -eps))) / (2 * eps);
  return result;
}

/**
 * Compares derivatives with central differences, as `torch.autograd.gradcheck`. Inputs should be float64.
 *
 * @returns true.
 * @throws {AutogradError} naming the input, the element and both values where they differ.
 */
export async function gradcheck(
  fn: Differentiable,
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): Promise<true> {
  checkOptions('gradcheck', options, ['eps', 'atol', 'rtol']);
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3 } = options;
  const leaves = leavesOf(inputs);
  const checked = leaves.flatMap((x, i) => (x.requiresGrad && isFloat(x.dtype) ? [i] : []));
  if (checked.length === 0) throw new AutogradError('gradcheck: none of the inputs requires gradients');
  const output = fn(...leaves);
  const gradients = grad(
    output,
    checked.map((i) => leaves[i]),
    { gradOutputs: weightsFor(output, 0), allowUnused: true },
  );
  for (const [k, at] of checked.entries()) {
    const expected = await numeric(fn, leaves, at, eps);
    const found =
      gradients[k] === null
        ? new Float64Array(expected.length)
        : Float64Array.from(await gradients[k].data(), Number);
    expected.forEach((value, i) => {
      const close = Math.abs(found[i] - value) <= atol + rtol * Math.abs(value);
      if (!close) {
        throw new AutogradError(
          `gradcheck: input ${at}, element ${i}: the derivative is ${found[i]}, differences give ${value}`,
        );
      }
    });
  }
  return true;
}

/** `gradcheck` of the derivative itself. */
export async function gradgradcheck(
  fn: Differentiable,
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): Promise<true> {
  const first: Differentiable = (...given) => {
    const leaves = given.map((x, i) =>
      inputs[i].requiresGrad && !x.requiresGrad ? x.clone().requiresGrad_() : x,
    );
    const wanted = leaves.filter((x) => x.requiresGrad);
    const run = (): Tensor => {
      const output = fn(...leaves);
      const gradients = grad(output, wanted, {
        gradOutputs: weightsFor(output, 1),
        createGraph: true,
        allowUnused: true,
      });
      return gradients.reduce<Tensor>(
        (sum, each, i) => (each === null ? sum : sum.add(each.mul(weightsFor(wanted[i], 2 + i)).sum())),
        // Depends on the input also where the derivative does not: that of linear functions is constant.
        wanted[0].sum().mul(0),
      );
    };
    // The numeric side runs under noGrad, but this function differentiates inside.
    return enableGrad(run);
  };
  return gradcheck(first, inputs, options);
}
