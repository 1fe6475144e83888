// Derivatives of elementwise ops. g is the gradient of the output, x and y the inputs, z the output.
import { type ElementwiseOps, mishLimit } from '@nn/core';
import { type Tensor, where, zerosLike } from '@nn/tensor';
import { evenIfOverwritten } from '../saved.ts';
import { notDifferentiable, type Rule, type Rules } from './rule.ts';

type Unary = (g: Tensor, x: Tensor, z: Tensor) => Tensor;

function unary(derivative: Unary): Rule {
  return ({ gradient, inputs, output }) => [derivative(gradient, inputs[0], output)];
}

/** Steps: flat wherever they are differentiable. */
const flat: Rule = ({ gradient, needs }) => needs.map((need) => (need ? zerosLike(gradient) : null));

function gelu(g: Tensor, x: Tensor): Tensor {
  const cumulative = x.mul(Math.SQRT1_2).erf().add(1).mul(0.5);
  const density = x
    .square()
    .mul(-0.5)
    .exp()
    .mul(1 / Math.sqrt(2 * Math.PI));
  return g.mul(cumulative.add(x.mul(density)));
}

function tanhGelu(g: Tensor, x: Tensor): Tensor {
  const scale = Math.sqrt(2 / Math.PI);
  const tanh = x.pow(3).mul(0.044715).add(x).mul(scale).tanh();
  const slope = x
    .square()
    .mul(3 * 0.044715)
    .add(1)
    .mul(scale);
  const right = x.mul(0.5).mul(tanh.square().neg().add(1)).mul(slope);
  return g.mul(tanh.add(1).mul(0.5).add(right));
}

/** t + x 4e (e + 1) / (e² + 2e + 2)², with e = exp(x) and t = tanh(softplus(x)); x is limited as in the op. */
function mish(g: Tensor, x: Tensor): Tensor {
  const near = x.clamp(null, mishLimit(x.dtype));
  const e = near.exp();
  const numerator = e.mul(e.add(2));
  const inverse = numerator.add(2).reciprocal();
  const slope = e.mul(inverse).mul(e.add(1)).mul(4);
  return g.mul(near.mul(slope).add(numerator).mul(inverse));
}

/** Ties share the gradient, as in PyTorch. */
function extremum(wins: (a: Tensor, b: Tensor) => Tensor): Rule {
  return ({ gradient: g, inputs: [x, y], needs }) => {
    const tie = x.eq(y);
    const half = g.mul(0.5);
    const share = (a: Tensor, b: Tensor): Tensor => where(tie, half, where(wins(a, b), g, 0));
    return [needs[0] ? share(x, y) : null, needs[1] ? share(y, x) : null];
  };
}

export const elementwiseRules: Rules<keyof ElementwiseOps> = {
  neg: unary((g) => g.neg()),
  abs: unary((g, x) => g.mul(x.sign())),
  sign: flat,
  floor: flat,
  ceil: flat,
  trunc: flat,
  round: flat,
  square: unary((g, x) => g.mul(x).mul(2)),
  relu: unary((g, _, z) => where(z.gt(0), g, 0)),
  sqrt: unary((g, _, z) => g.div(z.mul(2))),
  rsqrt: unary((g, _, z) => g.mul(z.pow(3)).mul(-0.5)),
  reciprocal: unary((g, _, z) => g.mul(z.square()).neg()),
  exp: unary((g, _, z) => g.mul(z)),
  log: unary((g, x) => g.div(x)),
  expm1: unary((g, _, z) => g.mul(z.add(1))),
  log1p: unary((g, x) => g.div(x.add(1))),
  exp2: unary((g, _, z) => g.mul(z).mul(Math.LN2)),
  log2: unary((g, x) => g.div(x.mul(Math.LN2))),
  log10: unary((g, x) => g.div(x.mul(Math.LN10))),
  sin: unary((g, x) => g.mul(x.cos())),
  cos: unary((g, x) => g.mul(x.sin()).neg()),
  tan: unary((g, _, z) => g.mul(z.square().add(1))),
  asin: unary((g, x) => g.mul(x.square().neg().add(1).rsqrt())),
  acos: unary((g, x) => g.mul(x.square().neg().add(1).rsqrt()).neg()),
  atan: unary((g, x) => g.div(x.square().add(1))),
  sinh: unary((g, x) => g.mul(x.cosh())),
  cosh: unary((g, x) => g.mul(x.sinh())),
  tanh: unary((g, _, z) => g.mul(z.square().neg().add(1))),
  asinh: unary((g, x) => g.mul(x.square().add(1).rsqrt())),
  acosh: unary((g, x) => g.mul(x.square().sub(1).rsqrt())),
  atanh: unary((g, x) => g.div(x.square().neg().add(1))),
  erf: unary((g, x) => g.mul(x.square().neg().exp()).mul(2 / Math.sqrt(Math.PI))),
  erfc: unary((g, x) => g.mul(x.square().neg().exp()).mul(-2 / Math.sqrt(Math.PI))),
  erfinv: unary((g, _, z) => g.mul(evenIfOverwritten(z).square().exp()).mul(Math.sqrt(Math.PI) / 2)),
  sigmoid: unary((g, _, z) => g.mul(z.mul(z.neg().add(1)))),
  silu: unary((g, x) => {
    const s = x.sigmoid();
    return g.mul(s.mul(x.mul(s.neg().add(1)).add(1)));
  }),
  mish: unary(mish),
  logSigmoid: unary((g, x) => g.mul(x.neg().sigmoid())),
  gelu: ({ gradient, inputs: [x], attributes }) => [
    attributes.approximate === 'tanh' ? tanhGelu(gradient, x) : gelu(gradient, x),
  ],
  celu: ({ gradient: g, inputs: [x], attributes: { alpha } }) => [
    where(x.gt(0), g, g.mul(x.div(alpha).exp())),
  ],
  elu: ({ gradient: g, inputs: [x], attributes: { alpha } }) => [
    where(x.gt(0), g, g.mul(x.exp()).mul(alpha)),
  ],
  leakyRelu: ({ gradient: g, inputs: [x], attributes: { negativeSlope } }) => [
    where(x.gt(0), g, g.mul(negativeSlope)),
  ],
  softplus: ({ gradient: g, inputs: [x], attributes: { beta, threshold } }) => {
    const scaled = x.mul(beta);
    return [where(scaled.gt(threshold), g, g.mul(scaled.sigmoid()))];
  },
  add: ({ gradient }) => [gradient, gradient],
  sub: ({ gradient, needs }) => [gradient, needs[1] ? gradient.neg() : null],
  mul: ({ gradient, inputs: [x, y], needs }) => [
    needs[0] ? gradient.mul(y) : null,
    needs[1] ? gradient.mul(x) : null,
  ],
  // As in PyTorch, the quotient may be overwritten.
  div: ({ gradient, inputs: [, y], output, needs }) => [
    needs[0] ? gradient.div(y) : null,
    needs[1] ? gradient.mul(evenIfOverwritten(output).div(y)).neg() : null,
  ],
  truncDivide: flat,
  floorDivide: flat,
  remainder: ({ gradient, inputs: [x, y], needs }) => [
    gradient,
    needs[1] ? gradient.mul(x.div(y, { roundingMode: 'floor' })).neg() : null,
  ],
  fmod: ({ gradient, inputs: [x, y], needs }) => [
    gradient,
    needs[1] ? gradient.mul(x.div(y, { roundingMode: 'trunc' })).neg() : null,
  ],
  pow: ({ gradient, inputs: [x, y], output, needs }) => [
    needs[0] ? where(y.eq(0), 0, gradient.mul(y.mul(x.pow(y.sub(1))))) : null,
    needs[1] ? gradient.mul(where(x.eq(0).logicalAnd(y.ge(0)), 0, output.mul(x.log()))) : null,
  ],
  atan2: ({ gradient, inputs: [y, x] }) => {
    const both = y.eq(0).logicalAnd(x.eq(0));
    const scaled = gradient.mul(where(both, 0, y.square().add(x.square()).reciprocal()));
    return [scaled.mul(x), scaled.mul(y).neg()];
  },
  xlogy: ({ gradient, inputs: [x, y], needs }) => [
    needs[0] ? where(x.eq(0).logicalAnd(y.le(0)), 0, gradient.mul(y.log())) : null,
    needs[1] ? gradient.mul(x).div(y) : null,
  ],
  xlog1py: ({ gradient, inputs: [x, y], needs }) => [
    needs[0] ? where(x.eq(0).logicalAnd(y.le(-1)), 0, gradient.mul(y.log1p())) : null,
    needs[1] ? gradient.mul(x).div(y.add(1)) : null,
  ],
  maximum: extremum((a, b) => a.gt(b)),
  minimum: extremum((a, b) => a.lt(b)),
  where: ({ gradient, inputs: [condition], needs }) => [
    null,
    needs[1] ? where(condition, gradient, 0) : null,
    needs[2] ? where(condition, 0, gradient) : null,
  ],
  cast: ({ gradient, inputs: [x] }) => [gradient.to(x.dtype)],
  bitcast: notDifferentiable,
  integerPow: notDifferentiable,
  gcd: notDifferentiable,
  eq: notDifferentiable,
  ne: notDifferentiable,
  lt: notDifferentiable,
  le: notDifferentiable,
  gt: notDifferentiable,
  ge: notDifferentiable,
  bitwiseAnd: notDifferentiable,
  bitwiseOr: notDifferentiable,
  bitwiseXor: notDifferentiable,
  bitwiseNot: notDifferentiable,
  leftShift: notDifferentiable,
  rightShift: notDifferentiable,
  isnan: notDifferentiable,
};
