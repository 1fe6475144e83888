// Settings that creation functions fall back to.
import { ArgumentError, checkDType, type DType, isFloat } from '@nn/core';

let defaultDType: DType = 'float32';

/** The dtype of float tensors made without naming one. */
export function getDefaultDType(): DType {
  return defaultDType;
}

/** @throws {ArgumentError} unless the dtype is a float one. */
export function setDefaultDType(dtype: DType): void {
  if (!isFloat(checkDType(dtype, 'setDefaultDType'))) {
    throw new ArgumentError(`setDefaultDType: takes a float dtype, got ${dtype}`);
  }
  defaultDType = dtype;
}
