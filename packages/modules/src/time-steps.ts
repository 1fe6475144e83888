// Where the steps of a sequence lie in a matrix that has the rows of all of them, one step after the other in time.
import { pad } from '@nn/functional';
import { cat, type Tensor } from '@nn/tensor';

interface Rows {
  readonly start: number;
  readonly count: number;
}

/** Some rows; all of them are the tensor itself. */
export function rowsOf(x: Tensor, start: number, count: number): Tensor {
  return count === x.shape[0] ? x : x.narrow(0, start, count);
}

/** A direction through a sequence: steps may have fewer rows than the one before in time, where sequences end. */
export class TimeSteps {
  /** In the order in which the direction goes through them. */
  readonly visits: readonly Rows[];
  /** Rows of states: of the largest step. */
  readonly batch: number;
  readonly #isReverse: boolean;

  /** @param batchSizes rows of each step in time, not increasing */
  constructor(batchSizes: readonly number[], isReverse: boolean) {
    let end = 0;
    const visits = batchSizes.map((count) => {
      end += count;
      return { start: end - count, count };
    });
    this.#isReverse = isReverse;
    this.visits = isReverse ? visits.reverse() : visits;
    this.batch = batchSizes[0];
  }

  /** The state that a visit starts from: the former visit's, less the sequences that ended, and those that begin. */
  previous(visit: number, former: Tensor | undefined, initial: Tensor): Tensor {
    const { count } = this.visits[visit];
    if (former === undefined) return rowsOf(initial, 0, count);
    const present = former.shape[0];
    if (count <= present) return rowsOf(former, 0, count);
    return cat([former, rowsOf(initial, present, count - present)]);
  }

  /** The gradients of what `previous` took from the former visit and from the initial state. */
  previousGradients(visit: number, gradient: Tensor): { former: Tensor | null; initial: Tensor | null } {
    if (visit === 0) return { former: null, initial: gradient };
    const { count } = this.visits[visit - 1];
    const more = gradient.shape[0] - count;
    if (more > 0) return { former: rowsOf(gradient, 0, count), initial: rowsOf(gradient, count, more) };
    return { former: more === 0 ? gradient : pad(gradient, [0, 0, 0, -more]), initial: null };
  }

  /** The values of visits, one behind the other in time. */
  inTime(values: readonly Tensor[]): Tensor {
    return cat(this.#isReverse ? values.toReversed() : values);
  }

  /** The states that visits start from, one behind the other in time. */
  allPrevious(states: readonly Tensor[], initial: Tensor): Tensor {
    const { visits, batch } = this;
    if (visits.every(({ count }) => count === batch)) {
      const all = this.inTime(states);
      const others = (visits.length - 1) * batch;
      return this.#isReverse
        ? cat([rowsOf(all, batch, others), initial])
        : cat([initial, rowsOf(all, 0, others)]);
    }
    return this.inTime(visits.map((_, visit) => this.previous(visit, states[visit - 1], initial)));
  }

  /** Each sequence's last value. */
  final(values: readonly Tensor[]): Tensor {
    const last = values.length - 1;
    const ended = values.slice(0, -1).flatMap((value, visit) => {
      const { count } = this.visits[visit + 1];
      const ending = value.shape[0] - count;
      return ending > 0 ? [rowsOf(value, count, ending)] : [];
    });
    return ended.length === 0 ? values[last] : cat([values[last], ...ended.reverse()]);
  }
}
