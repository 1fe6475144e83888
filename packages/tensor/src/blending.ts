// Choosing between elements: where, clamp, maximum and their kin.
import { ArgumentError, checkOptions, isFloat } from '@nn/core';
import { apply, asOperand, castTo, floatFor, promote, requireTensor } from './dispatch.ts';
import {
  asPair,
  type BinaryTensors,
  binaryTensors,
  deliverElements,
  type Operand,
  requireBroadcast,
} from './operands.ts';
import { deliverOnly, elementwise, type OutOptions } from './out.ts';
import { Tensor } from './tensor.ts';

/** `torch.maximum`: the greater of two elements; NaN if one is. Equal ones share the gradient. */
export const maximum: BinaryTensors = binaryTensors('maximum');
/** `torch.minimum`: the lesser of two elements; NaN if one is. Equal ones share the gradient. */
export const minimum: BinaryTensors = binaryTensors('minimum');

/** `torch.where`: condition ? a : b, broadcast. The condition is bool. */
export function where(condition: Tensor, a: Operand, b: Operand, options?: OutOptions): Tensor {
  const dtype = promote(a, b);
  return deliverOnly(
    'where',
    apply(
      'where',
      [requireTensor('where', condition), asOperand('where', a, dtype), asOperand('where', b, dtype)],
      {},
    ),
    options,
    [condition, a, b],
    elementwise,
  );
}

/** Where a value is NaN: never, for integers. */
export function absent(x: Tensor): Tensor {
  return apply('isnan', [x], {});
}

/** Where the bound applies: below it (or above), or, for tensors, where it is NaN itself. */
function beyond(x: Tensor, bound: Operand, below: boolean): Tensor {
  const outside = below ? x.lt(bound) : x.gt(bound);
  return bound instanceof Tensor && isFloat(bound.dtype) ? outside.logicalOr(absent(bound)) : outside;
}

/** `torch.clamp`: limited to [min, max]; a bound that is null or left out does not limit. Where min > max: max. */
export function clamp(x: Tensor, min?: Operand | null, max?: Operand | null, options?: OutOptions): Tensor {
  requireTensor('clamp', x);
  checkOptions('clamp', options, ['out']);
  requireBroadcast('clamp', x, min, max);
  if (min == null && max == null) throw new ArgumentError('clamp: needs min or max');
  let result = x;
  if (min != null) result = where(beyond(result, min, true), min, result);
  if (max != null) result = where(beyond(result, max, false), max, result);
  return deliverElements('clamp', result, options, [x, min, max]);
}

/** `torch.clip`: clamp. */
export function clip(x: Tensor, min?: Operand | null, max?: Operand | null, options?: OutOptions): Tensor {
  return deliverOnly('clip', clamp(x, min, max), options, [x, min, max], elementwise);
}

/** `torch.clamp_min`. */
export function clampMin(x: Tensor, min: Operand, options?: OutOptions): Tensor {
  requireBroadcast('clampMin', x, min);
  return deliverOnly(
    'clampMin',
    where(beyond(requireTensor('clampMin', x), min, true), min, x),
    options,
    [x, min],
    elementwise,
  );
}

/** `torch.clamp_max`. */
export function clampMax(x: Tensor, max: Operand, options?: OutOptions): Tensor {
  requireBroadcast('clampMax', x, max);
  return deliverOnly(
    'clampMax',
    where(beyond(requireTensor('clampMax', x), max, false), max, x),
    options,
    [x, max],
    elementwise,
  );
}

/** `torch.fmax`: the greater of two elements; the other one where one is NaN. */
export function fmax(a: Tensor, b: Tensor, options?: OutOptions): Tensor {
  const [x, y] = asPair('fmax', requireTensor('fmax', a), requireTensor('fmax', b), false);
  return deliverOnly('fmax', where(x.ge(y).logicalOr(absent(y)), x, y), options, [a, b], elementwise);
}

/** `torch.fmin`: the lesser of two elements; the other one where one is NaN. */
export function fmin(a: Tensor, b: Tensor, options?: OutOptions): Tensor {
  const [x, y] = asPair('fmin', requireTensor('fmin', a), requireTensor('fmin', b), false);
  return deliverOnly('fmin', where(x.le(y).logicalOr(absent(y)), x, y), options, [a, b], elementwise);
}

/** `torch.lerp`: start + weight * (end - start), exact at both ends. */
export function lerp(start: Tensor, end: Tensor, weight: Tensor | number, options?: OutOptions): Tensor {
  return deliverOnly('lerp', between(start, end, weight), options, [start, end, weight], elementwise);
}

function between(start: Tensor, end: Tensor, weight: Tensor | number): Tensor {
  const dtype = floatFor(promote(requireTensor('lerp', start), requireTensor('lerp', end)));
  requireBroadcast('lerp', start, end, weight);
  const [a, b] = [castTo(start, dtype), castTo(end, dtype)];
  const gap = b.sub(a);
  if (typeof weight === 'number')
    return Math.abs(weight) < 0.5 ? a.add(gap.mul(weight)) : b.sub(gap.mul(1 - weight));
  const w = castTo(weight, dtype);
  return where(w.abs().lt(0.5), a.add(gap.mul(w)), b.sub(gap.mul(w.neg().add(1))));
}

/** `torch.heaviside`: 0 below 0, 1 above it, `values` at it. */
export function heaviside(x: Tensor, values: Tensor, options?: OutOptions): Tensor {
  const [source, middle] = asPair(
    'heaviside',
    requireTensor('heaviside', x),
    requireTensor('heaviside', values),
    false,
  );
  return deliverOnly(
    'heaviside',
    where(source.eq(0), middle, castTo(source.gt(0), source.dtype)),
    options,
    [x, values],
    elementwise,
  );
}

/** Whether the sign bit is set: for floats also that of -0 and NaN. */
export function signbit(x: Tensor, options?: OutOptions): Tensor {
  return deliverOnly('signbit', signBitOf(requireTensor('signbit', x)), options, [x], elementwise);
}

function signBitOf(x: Tensor): Tensor {
  if (!isFloat(x.dtype)) return x.dtype === 'bool' ? x.logicalXor(x) : x.lt(0);
  if (x.dtype === 'float64') return apply('bitcast', [x], { dtype: 'int64' }).lt(0);
  return apply('bitcast', [castTo(x, 'float32')], { dtype: 'int32' }).lt(0);
}

/** `torch.copysign`: |a| with b's sign. */
export function copysign(a: Tensor, b: Operand, options?: OutOptions): Tensor {
  const [x, y] = asPair('copysign', requireTensor('copysign', a), b, true);
  // By way of sign, which gives b the gradient zero; the bit itself counts at zeros and NaNs.
  const sign = y.sign();
  return deliverOnly(
    'copysign',
    x.abs().mul(where(sign.abs().eq(1), sign, where(signbit(y), -1, 1))),
    options,
    [a, b],
    elementwise,
  );
}
