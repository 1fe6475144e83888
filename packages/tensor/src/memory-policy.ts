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
  /** Recorded operations after which the graph is run by itself. Default 8192. */
  pendingNodes: number;
  /** Bytes of recorded results after which the graph is run by itself. Default 512 MiB. */
  pendingBytes: number;
}

export const policy: MemoryPolicy = {
  keptBytes: 8 * 2 ** 20,
  uploadBytes: 2 ** 30,
  pendingNodes: 8192,
  pendingBytes: 512 * 2 ** 20,
};

/** Reads or changes the byte budgets. */
export function memoryPolicy(changes: Partial<MemoryPolicy> = {}): Readonly<MemoryPolicy> {
  Object.assign(policy, changes);
  return { ...policy };
}
