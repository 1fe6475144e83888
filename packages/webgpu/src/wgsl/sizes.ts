/**
 * The numbers of a kernel that may change without its code changing: extents, strides, offsets and constants
 * lie in a uniform buffer, so that a new batch size compiles nothing. Only what changes the shape of the code
 * (an extent or a stride of 0 or 1) is written into it.
 */

const lanes = 'xyzw';

export class SizeTable {
  readonly #words: number[] = [];

  get words(): Int32Array<ArrayBuffer> {
    return Int32Array.from(this.#words);
  }

  /** Vectors of four words that the uniform array needs. */
  get vectors(): number {
    return Math.max(1, Math.ceil(this.#words.length / 4));
  }

  /** The WGSL for an integer given at run time. */
  integer(value: number): string {
    const at = this.#words.push(value) - 1;
    return `sizes[${at >> 2}].${lanes[at & 3]}`;
  }

  /** The WGSL for a float given at run time; also infinities and NaN, which WGSL cannot write as constants. */
  float(value: number): string {
    return `bitcast<f32>(${this.integer(floatBits(value))})`;
  }
}

/** The bits of a float32 as a signed integer. */
export function floatBits(value: number): number {
  return new Int32Array(Float32Array.of(value).buffer)[0];
}
