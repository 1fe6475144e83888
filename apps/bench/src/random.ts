// Numbers for inputs: the same in every run and for every implementation.

/** Numbers of [0, 1) by Mulberry32. */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Uniform numbers of [low, high), as float32. */
export function uniform(length: number, low: number, high: number, seed: number): Float32Array<ArrayBuffer> {
  const next = generator(seed);
  const values = new Float32Array(length);
  for (let at = 0; at < length; at++) values[at] = low + (high - low) * next();
  return values;
}

/** Uniform integers of 0 to bound - 1. */
export function integers(length: number, bound: number, seed: number): Int32Array<ArrayBuffer> {
  const next = generator(seed);
  const values = new Int32Array(length);
  for (let at = 0; at < length; at++) values[at] = Math.floor(bound * next());
  return values;
}

/** The integers from 0 on, in an order of chance. */
export function permutation(length: number, seed: number): Int32Array<ArrayBuffer> {
  const next = generator(seed);
  const values = Int32Array.from({ length }, (_, at) => at);
  for (let at = length - 1; at > 0; at--) {
    const other = Math.floor((at + 1) * next());
    [values[at], values[other]] = [values[other], values[at]];
  }
  return values;
}
