// Indices that are at hand are checked where the caller stands. Others are computed later, on a device that clamps
// or ignores what is out of range.
import { IndexError } from '@nn/core';
import type { Tensor } from '@nn/tensor';

/** Above this, checking would cost more than it helps. */
const mostChecked = 2 ** 16;

/** @throws {IndexError} for an element outside of [0, count), if the data is on the host. `except` is always allowed. */
export function checkHostIndices(functionName: string, index: Tensor, count: number, except?: number): void {
  const host = index.viewInfo === null ? index.node.state?.host : undefined;
  if (host === undefined || host.length > mostChecked) return;
  for (let i = 0; i < host.length; i++) {
    const value = Number(host[i]);
    if ((value < 0 || value >= count) && value !== except) {
      throw new IndexError(
        `${functionName}: index ${value} is out of range for ${count} classes or rows (0 to ${count - 1})`,
      );
    }
  }
}
