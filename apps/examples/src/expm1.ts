// Why `expm1` and `log1p` exist: near zero, exp(x) - 1 and log(1 + x) lose all their digits.
import '@nn/autograd';
import { log1p, type Tensor, tensor, expm1 as tensorExpm1 } from '@nn/tensor';
import { type Point, plot } from './support/charts.ts';
import { example } from './support/example.ts';

/** Fixed-point numbers of 400 bits behind the point: more than any double near 1 needs. */
const one = 1n << 400n;
const toFixed = (x: number): bigint => {
  let [mantissa, shift] = [x, 0n];
  while (!Number.isInteger(mantissa)) [mantissa, shift] = [mantissa * 2, shift + 1n];
  return (BigInt(mantissa) * one) >> shift;
};
/** A fixed-point number as the nearest double, up to one unit in the last place. */
function fromFixed(x: bigint): number {
  const surplus = Math.max(0, (x < 0n ? -x : x).toString(2).length - 64);
  return Number(x >> BigInt(surplus)) * 2 ** (surplus - 400);
}

/** exp(x) - 1 by its series x + x²/2! + x³/3! + …, in exact arithmetic. */
export function trueExpm1(x: number): number {
  const fixed = toFixed(x);
  let [term, sum] = [fixed, fixed];
  for (let n = 2n; term !== 0n; n++) sum += term = (term * fixed) / one / n;
  return fromFixed(sum);
}

/** log(1 + x) by the series 2 (z + z³/3 + z⁵/5 + …) of z = x / (2 + x), in exact arithmetic. */
export function trueLog1p(x: number): number {
  const fixed = toFixed(x);
  const z = (fixed * one) / (2n * one + fixed);
  let [power, sum] = [z, z];
  for (let n = 3n; power !== 0n; n += 2n) {
    power = (((power * z) / one) * z) / one;
    sum += power / n;
  }
  return fromFixed(2n * sum);
}

/** Relative errors of computed values. */
async function errorsOf(computed: Tensor, truths: readonly number[]): Promise<number[]> {
  const values = await computed.data<Float32Array>();
  return truths.map((truth, i) => Math.abs(values[i] / truth - 1));
}

export const expm1 = example(
  'exp(x) - 1 and log(1 + x) near zero, beside expm1, log1p and the true values.',
  {},
  async ({ out }) => {
    // Powers of ten on both sides of zero, as float32 holds them.
    const powers = Array.from({ length: 11 }, (_, i) => 10 ** -i);
    const xs = Float32Array.from([...powers, ...powers.slice(1).map((power) => -power)]);
    const x = tensor(xs);
    const inputs = Array.from(xs);
    const truths = { expm1: inputs.map(trueExpm1), log1p: inputs.map(trueLog1p) };
    const plainExp = x.exp().sub(1);
    const plainLog = x.add(1).log();
    const errors = {
      'exp(x) - 1': await errorsOf(plainExp, truths.expm1),
      'expm1(x)': await errorsOf(tensorExpm1(x), truths.expm1),
      'log(1 + x)': await errorsOf(plainLog, truths.log1p),
      'log1p(x)': await errorsOf(log1p(x), truths.log1p),
    };

    const plain = await plainExp.data<Float32Array>();
    const accurate = await tensorExpm1(x).data<Float32Array>();
    console.table(
      inputs.map((each, i) => ({
        x: each.toPrecision(3),
        'exp(x) - 1': plain[i].toPrecision(9),
        'expm1(x)': accurate[i].toPrecision(9),
        true: truths.expm1[i].toPrecision(9),
      })),
    );

    // Derivatives lose nothing either: that of expm1 at 0 is 1.
    const zero = tensor(0, { dtype: 'float32', requiresGrad: true });
    tensorExpm1(zero).backward();
    const positive = (all: readonly number[]): Point[] =>
      powers.map((power, i): Point => [power, Math.max(all[i], 1e-9)]);
    await plot(out, 'expm1.svg', {
      title: 'Relative error near zero, float32 (no error is drawn at 1e-9)',
      x: 'x',
      y: 'relative error',
      logX: true,
      logY: true,
      lines: Object.fromEntries(Object.entries(errors).map(([name, all]) => [name, positive(all)])),
    });
    const worst = (name: keyof typeof errors): number => Math.max(...errors[name]);
    return {
      plainExpError: worst('exp(x) - 1'),
      expm1Error: worst('expm1(x)'),
      plainLogError: worst('log(1 + x)'),
      log1pError: worst('log1p(x)'),
      slopeAtZero: await zero.grad!.item(),
    };
  },
);

if (import.meta.main) await expm1.main();
