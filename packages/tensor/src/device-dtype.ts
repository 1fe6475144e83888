// Dtypes that a device lacks.
import { type Backend, type DType, UnsupportedError } from '@nn/core';

/** @throws {UnsupportedError} naming another dtype where the device lacks this one. */
export function requireDType(functionName: string, dtype: DType, backend: Backend): void {
  if (backend.capabilities.dtypes.has(dtype)) return;
  const other = dtype === 'int64' ? 'int32' : 'float32';
  throw new UnsupportedError(
    `${functionName}: device '${backend.name}' has no ${dtype}. Use dtype '${other}', or another device`,
  );
}
