// Inputs and expected values of cases.
import type { Expected, Input } from '../benchmark.ts';
import { uniform } from '../random.ts';

/** Sizes as they are, or small ones for tests that compare results and measure nothing. */
export type Sizes = (size: number) => number;

export const fullSizes: Sizes = (size) => size;
/** Odd ones stay odd, powers of two even. */
export const smallSizes: Sizes = (size) => (size <= 8 ? size : 6 + (size % 5) * 2 + (size % 2));

export const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** The same inputs for all who ask while somebody has them. */
export function shared(make: () => readonly Input[]): () => readonly Input[] {
  let made: readonly WeakRef<Input>[] = [];
  return () => {
    const known = made.flatMap((input) => input.deref() ?? []);
    if (made.length > 0 && known.length === made.length) return known;
    const inputs = make();
    made = inputs.map((input) => new WeakRef(input));
    return inputs;
  };
}

export interface Range {
  readonly low?: number;
  readonly high?: number;
  readonly seed?: number;
}

/** Uniform numbers, of [-1, 1) where not said otherwise. */
export function random(shape: readonly number[], { low = -1, high = 1, seed = 1 }: Range = {}): Input {
  return { values: uniform(count(shape), low, high, seed), shape };
}

/** Positions from the first to the last: comparing everywhere would take longer than the cases themselves. */
export function samplePositions(length: number, most: number = 97): number[] {
  const positions = Math.min(length, most);
  if (positions === 1) return [0];
  return Array.from({ length: positions }, (_, at) => Math.round((at * (length - 1)) / (positions - 1)));
}

/** The results' values at some positions, from a function of the position. */
export function expectedAt(length: number, valueAt: (position: number) => number, most?: number): Expected {
  const positions = samplePositions(length, most);
  return { positions, values: positions.map(valueAt) };
}

/** The indices of each dimension at a position of a tensor that lies row by row. */
export function indicesOf(position: number, shape: readonly number[]): number[] {
  const indices: number[] = [];
  for (const size of [...shape].reverse()) {
    indices.unshift(position % size);
    position = Math.floor(position / size);
  }
  return indices;
}
