// Accumulators of a reduction: one running value for each lane of the kernel's own coordinates, fed with runs of
// consecutive values.
import type { DType } from '../dtype.ts';
import type { Accumulator } from '../kernel.ts';
import { fitBlock } from './arithmetic.ts';
import { accumulating, type CombineOp, identityOf } from './combine.ts';
import type { Element } from './element.ts';
import type { Register, RegisterFile } from './registers.ts';

export interface RunningAccumulator {
  /** The results, valid after `finish`. */
  readonly result: Register;
  reset(count: number): void;
  /** Takes values[from, to) for one lane; the first of them is at `position` of the reduced extents. */
  take(lane: number, from: number, to: number, position: number): void;
  finish(count: number): void;
}

/** An accumulator of the values of dtype `valueDType` in a register. */
export function startAccumulator(
  { op, dtype }: Accumulator,
  valueDType: DType,
  values: Register,
  registers: RegisterFile,
): RunningAccumulator {
  if (op === 'argmax' || op === 'argmin') return new Locator(op === 'argmax', values, registers);
  if (op === 'sum' && valueDType === 'float64') return new CompensatedSum(values as Float64Array, registers);
  return new Combiner(op, dtype, values, registers.of(dtype));
}

/** Floats shorter than float64 accumulate in it and are rounded once; integers wrap around. */
class Combiner implements RunningAccumulator {
  readonly result: Register;
  readonly #values: { readonly [lane: number]: Element };
  readonly #running: { [lane: number]: Element };
  readonly #combine: (x: Element, y: Element) => Element;
  readonly #identity: Element;
  readonly #fit: ((values: Float64Array, count: number) => void) | null;
  readonly #plainSum: boolean;

  constructor(op: CombineOp, dtype: DType, values: Register, result: Register) {
    this.result = result;
    this.#values = values;
    this.#running = result;
    this.#combine = accumulating(op, dtype);
    this.#identity = identityOf(op, dtype);
    this.#fit = fitBlock(dtype);
    this.#plainSum = op === 'sum' && values instanceof Float64Array;
  }

  reset(count: number): void {
    for (let lane = 0; lane < count; lane++) this.#running[lane] = this.#identity;
  }

  take(lane: number, from: number, to: number): void {
    if (this.#plainSum) {
      // Whole numbers of up to 32 bits add up exactly within a block, so this serves integers too.
      let sum = 0;
      const values = this.#values as Float64Array;
      for (let i = from; i < to; i++) sum += values[i];
      this.#running[lane] = this.#combine(this.#running[lane], sum);
      return;
    }
    let running = this.#running[lane];
    for (let i = from; i < to; i++) running = this.#combine(running, this.#values[i]);
    this.#running[lane] = running;
  }

  finish(count: number): void {
    this.#fit?.(this.result as Float64Array, count);
  }
}

/** Neumaier's compensated sum (1974): float64 results stay good to the last place over millions of terms. */
class CompensatedSum implements RunningAccumulator {
  readonly result: Float64Array;
  readonly #values: Float64Array;
  readonly #lost: Float64Array;

  constructor(values: Float64Array, registers: RegisterFile) {
    this.result = registers.number();
    this.#values = values;
    this.#lost = registers.number();
  }

  reset(count: number): void {
    this.result.fill(0, 0, count);
    this.#lost.fill(0, 0, count);
  }

  take(lane: number, from: number, to: number): void {
    let sum = this.result[lane];
    let lost = this.#lost[lane];
    for (let i = from; i < to; i++) {
      const value = this.#values[i];
      const next = sum + value;
      lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
      sum = next;
    }
    this.result[lane] = sum;
    this.#lost[lane] = lost;
  }

  finish(count: number): void {
    // Once the sum is infinite or NaN, what was lost means nothing.
    for (let lane = 0; lane < count; lane++)
      if (Number.isFinite(this.result[lane])) this.result[lane] += this.#lost[lane];
  }
}

/** Position of the first greatest or least value; the first NaN beats them all. */
class Locator implements RunningAccumulator {
  readonly result: Float64Array;
  readonly #greatest: boolean;
  readonly #values: { readonly [lane: number]: Element };
  readonly #best: { [lane: number]: Element };
  readonly #bigints: boolean;

  constructor(greatest: boolean, values: Register, registers: RegisterFile) {
    this.#greatest = greatest;
    this.#values = values;
    this.#bigints = values instanceof BigInt64Array;
    this.#best = this.#bigints ? registers.bigint() : registers.number();
    this.result = registers.number();
  }

  reset(count: number): void {
    // -1 until the first value is seen, so that infinities are found too.
    this.result.fill(-1, 0, count);
    for (let lane = 0; lane < count; lane++) this.#best[lane] = this.#bigints ? 0n : 0;
  }

  take(lane: number, from: number, to: number, position: number): void {
    for (let i = from; i < to; i++) {
      const value = this.#values[i];
      const best = this.#best[lane];
      const better = this.#greatest ? value > best : value < best;
      const firstNaN = Number.isNaN(value) && !Number.isNaN(best);
      if (this.result[lane] >= 0 && !better && !firstNaN) continue;
      this.#best[lane] = value;
      this.result[lane] = position + i - from;
    }
  }

  finish(count: number): void {
    for (let lane = 0; lane < count; lane++) if (this.result[lane] < 0) this.result[lane] = 0;
  }
}
