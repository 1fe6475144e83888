// Numbers for inputs: the same in every run and for every implementation.

/** Uniform numbers of [low, high) by Mulberry32, as float32. */
export function uniform(length: number, low: number, high: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return Float32Array.from({ length }, () => low + (high - low) * next());
}
