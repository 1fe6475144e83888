// Where intermediate values lie. The interpreter runs each instruction over a block of up to `lanes` coordinates
// at once, so that a step costs one loop instead of one call for each element. Registers are shared by all
// kernels: running is synchronous and one kernel's values never outlive it.
import type { DType } from '../dtype.ts';

/** Coordinates handled by one pass over the instructions. */
export const lanes = 512;

export type Register = Float64Array | BigInt64Array;

const numberPool: Float64Array[] = [];
const bigintPool: BigInt64Array[] = [];

/** Hands out registers for one kernel. */
export class RegisterFile {
  #numbers = 0;
  #bigints = 0;

  number(): Float64Array {
    const slot = this.#numbers++;
    numberPool[slot] ??= new Float64Array(lanes);
    return numberPool[slot];
  }

  bigint(): BigInt64Array {
    const slot = this.#bigints++;
    bigintPool[slot] ??= new BigInt64Array(lanes);
    return bigintPool[slot];
  }

  of(dtype: DType): Register {
    return dtype === 'int64' ? this.bigint() : this.number();
  }
}
