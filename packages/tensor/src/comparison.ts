// Functions whose results are truth values or bits.
import { ArgumentError, checkOptions, DTypeError, isFloat, sameShape } from '@nn/core';
import { absent } from './blending.ts';
import { apply, castTo, promote, requireTensor } from './dispatch.ts';
import {
  type Binary,
  type BinaryOperands,
  type BinaryTensors,
  binary,
  binaryAs,
  type PlainOp,
  requireOneTensor,
} from './operands.ts';
import { deliverOnly, elementwise, type OutOptions } from './out.ts';
import { item, itemSync } from './reading.ts';
import type { Tensor } from './tensor.ts';

export const eq: Binary = binary('eq');
export const ne: Binary = binary('ne');
export const lt: Binary = binary('lt');
export const le: Binary = binary('le');
export const gt: Binary = binary('gt');
export const ge: Binary = binary('ge');

function bitwise(name: string, op: PlainOp): BinaryOperands {
  return (a, b, options) => {
    requireOneTensor(name, a, b);
    return deliverOnly(name, binaryAs(name, op, a, b, promote(a, b)), options, [a, b], elementwise);
  };
}

export const bitwiseAnd: BinaryOperands = bitwise('bitwiseAnd', 'bitwiseAnd');
export const bitwiseOr: BinaryOperands = bitwise('bitwiseOr', 'bitwiseOr');
export const bitwiseXor: BinaryOperands = bitwise('bitwiseXor', 'bitwiseXor');
/** `torch.bitwise_left_shift`. */
export const bitwiseLeftShift: BinaryOperands = bitwise('bitwiseLeftShift', 'leftShift');
/** `torch.bitwise_right_shift`: the sign fills in. */
export const bitwiseRightShift: BinaryOperands = bitwise('bitwiseRightShift', 'rightShift');

/** `torch.bitwise_not`; on bool: not. */
export function bitwiseNot(x: Tensor, options?: OutOptions): Tensor {
  return deliverOnly(
    'bitwiseNot',
    apply('bitwiseNot', [requireTensor('bitwiseNot', x)], {}),
    options,
    [x],
    elementwise,
  );
}

function logical(name: string, op: PlainOp): BinaryTensors {
  return (a, b, options) => {
    const result = apply(op, [truth(name, a), truth(name, b)], {} as never);
    return deliverOnly(name, result, options, [a, b], elementwise);
  };
}

/** Whether each element is not zero. */
function truth(name: string, value: Tensor): Tensor {
  return castTo(requireTensor(name, value), 'bool');
}

export const logicalAnd: BinaryTensors = logical('logicalAnd', 'bitwiseAnd');
export const logicalOr: BinaryTensors = logical('logicalOr', 'bitwiseOr');
export const logicalXor: BinaryTensors = logical('logicalXor', 'bitwiseXor');

export function logicalNot(x: Tensor, options?: OutOptions): Tensor {
  return deliverOnly(
    'logicalNot',
    apply('bitwiseNot', [castTo(requireTensor('logicalNot', x), 'bool')], {}),
    options,
    [x],
    elementwise,
  );
}

/** `torch.isnan`. */
export function isnan(x: Tensor): Tensor {
  return absent(requireTensor('isnan', x));
}

/** `torch.isinf`. */
export function isinf(x: Tensor): Tensor {
  return isFloat(requireTensor('isinf', x).dtype) ? x.abs().eq(Infinity) : never(x);
}

/** `torch.isposinf`. */
export function isposinf(x: Tensor, options?: OutOptions): Tensor {
  return deliverOnly(
    'isposinf',
    isFloat(requireTensor('isposinf', x).dtype) ? x.eq(Infinity) : never(x),
    options,
    [x],
    elementwise,
  );
}

/** `torch.isneginf`. */
export function isneginf(x: Tensor, options?: OutOptions): Tensor {
  return deliverOnly(
    'isneginf',
    isFloat(requireTensor('isneginf', x).dtype) ? x.eq(-Infinity) : never(x),
    options,
    [x],
    elementwise,
  );
}

/** `torch.isfinite`. */
export function isfinite(x: Tensor): Tensor {
  return isFloat(requireTensor('isfinite', x).dtype) ? x.abs().lt(Infinity) : never(x).logicalNot();
}

/** `torch.isreal`: true for every real number. */
export function isreal(x: Tensor): Tensor {
  return never(requireTensor('isreal', x)).logicalNot();
}

/** False of x's shape. */
function never(x: Tensor): Tensor {
  return absent(castTo(x, 'bool'));
}

export interface CloseOptions {
  /** Relative tolerance. Default 1e-5. */
  readonly rtol?: number;
  /** Absolute tolerance. Default 1e-8. */
  readonly atol?: number;
  /** Whether NaN equals NaN. Default false. */
  readonly equalNan?: boolean;
}

/** `torch.isclose`: |a - b| <= atol + rtol * |b|; equal infinities are close. */
export function isclose(a: Tensor, b: Tensor, options: CloseOptions = {}): Tensor {
  checkOptions('isclose', options, ['rtol', 'atol', 'equalNan']);
  const { rtol = 1e-5, atol = 1e-8, equalNan = false } = options;
  if (!(rtol >= 0) || !(atol >= 0))
    throw new ArgumentError(`isclose: rtol and atol must be at least 0, got ${rtol} and ${atol}`);
  if (requireTensor('isclose', a).dtype !== requireTensor('isclose', b).dtype)
    throw new DTypeError(`isclose: dtypes ${a.dtype} and ${b.dtype} differ; cast one of them`);
  const same = a.eq(b);
  const equal = equalNan ? same.logicalOr(absent(a).logicalAnd(absent(b))) : same;
  if (rtol === 0 && atol === 0) return equal;
  // Integers compare as floats: differences of a narrow integer dtype would wrap around.
  const [x, y] = isFloat(a.dtype) ? [a, b] : [a.float(), b.float()];
  const distance = x.sub(y).abs();
  return equal.logicalOr(distance.lt(Infinity).logicalAnd(distance.le(y.abs().mul(rtol).add(atol))));
}

/** `torch.allclose`: whether all elements are close; see `isclose`. Asynchronous, since it reads. */
export async function allclose(a: Tensor, b: Tensor, options: CloseOptions = {}): Promise<boolean> {
  return (await item(isclose(a, b, options).all())) as boolean;
}

/** As `allclose`. @throws {DeviceError} where the device cannot be read synchronously. */
export function allcloseSync(a: Tensor, b: Tensor, options: CloseOptions = {}): boolean {
  return itemSync(isclose(a, b, options).all()) as boolean;
}

function sameElements(a: Tensor, b: Tensor): Tensor | null {
  requireTensor('equal', a);
  requireTensor('equal', b);
  return sameShape(a.shape, b.shape) ? eq(a, b).all() : null;
}

/** `torch.equal`: whether shapes and all elements are equal. Asynchronous, since it reads. */
export async function equal(a: Tensor, b: Tensor): Promise<boolean> {
  const same = sameElements(a, b);
  return same === null ? false : ((await item(same)) as boolean);
}

/** As `equal`. @throws {DeviceError} where the device cannot be read synchronously. */
export function equalSync(a: Tensor, b: Tensor): boolean {
  const same = sameElements(a, b);
  return same === null ? false : (itemSync(same) as boolean);
}
