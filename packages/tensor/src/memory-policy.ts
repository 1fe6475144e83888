// How much may be kept though nobody may need it.

/** Byte budgets of a device for values that are kept though nobody may need them. */
export interface MemoryPolicy {
  /**
   * Old versions of overwritten tensors and gradients; and eight times as much for outputs. Default 8 MiB: more is
   * slower, since it is no longer in the processor's caches when its memory is used again. Where the tensors that an optimizer
   * updates in one step take more than this, it updates them in place, and no old versions are kept. Compiled functions
   * keep them only for what was recorded outside.
   */
  keptBytes: number;
  /** Device copies of host data. Default 1 GiB. */
  uploadBytes: number;
  /**
   * Recorded operations after which the graph is run by itself; eight times as many where some were recorded for
   * derivatives, since what such a run computes on the way to results is not kept: a training step that is cut in two
   * computes part of its forward pass again. Default 8192.
   */
  pendingNodes: number;
  /** Bytes of values that recorded operations wait to use, after which the graph is run by itself. Default 1 GiB. */
  pendingBytes: number;
}

export const policy: MemoryPolicy = {
  keptBytes: 8 * 2 ** 20,
  uploadBytes: 2 ** 30,
  pendingNodes: 8192,
  pendingBytes: 2 ** 30,
};

/** Reads or changes the byte budgets. */
export function memoryPolicy(changes: Partial<MemoryPolicy> = {}): Readonly<MemoryPolicy> {
  Object.assign(policy, changes);
  return { ...policy };
}
