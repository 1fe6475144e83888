// What L-BFGS remembers of the curvature: the last steps and changes of the gradient, and their products with each
// other. With the products at hand the two loops of the recursion run over numbers, and the direction is one matrix
// product (Chen, Wang and Zhou 2014, "Large-scale L-BFGS using MapReduce"): no kernels for each remembered pair, and the
// same ones in each iteration.
import { arange, cat, stack, type Tensor, tensor, where, zeros } from '@nn/tensor';

/** As it is in a state dict. */
export interface CurvatureState {
  /** Changes of the gradient, [rows, elements]; rows in `order` are in use. */
  oldDirs?: Tensor;
  /** Steps, likewise. */
  oldStps?: Tensor;
  /** Rows in use, the oldest first. */
  order: readonly number[];
  /** Products of step i with change j, and of change i with change j: at i * rows + j. */
  stepsByChanges: readonly number[];
  changesByChanges: readonly number[];
  /** The scale of the first approximation. */
  hDiag: number;
}

/** A step and the change of the gradient over it: [elements] each. */
interface Pair {
  readonly step: Tensor;
  readonly change: Tensor;
}

const leastRows = 4;
/** Pairs of less curvature are not remembered. */
const leastCurvature = 1e-10;

export class CurvatureHistory {
  readonly #state: CurvatureState;
  readonly #most: number;

  constructor(state: CurvatureState, most: number) {
    this.#state = state;
    this.#most = most;
  }

  static empty(): CurvatureState {
    return { order: [], stepsByChanges: [], changesByChanges: [], hDiag: 1 };
  }

  get #rows(): number {
    return this.#state.oldDirs?.shape[0] ?? 0;
  }

  /** What is held. */
  get tensors(): Tensor[] {
    const { oldDirs, oldStps } = this.#state;
    return oldDirs === undefined || oldStps === undefined ? [] : [oldDirs, oldStps];
  }

  /** Products of the new pair and the gradient with each other and with what is remembered, for `remember`. */
  products({ step, change }: Pair, gradient: Tensor): Tensor[] {
    const own = stack([step.mul(change), change.square(), step.mul(gradient), change.mul(gradient)]).sum(1);
    const { oldDirs, oldStps } = this.#state;
    if (oldDirs === undefined || oldStps === undefined) return [own];
    return [
      own,
      stack([change, gradient]).matmul(oldStps.T),
      stack([step, change, gradient]).matmul(oldDirs.T),
    ];
  }

  /** Remembers the pair, if it curves upwards; gives the direction against the gradient. */
  remember(pair: Pair, gradient: Tensor, products: readonly number[]): Tensor {
    const rows = this.#rows;
    const part = (at: number): number[] => products.slice(4 + at * rows, 4 + (at + 1) * rows);
    const [stepByChange, changeByChange, stepByGradient, changeByGradient] = products;
    const [stepsByNew, stepsByGradient, changesByStep, changesByNew, changesByGradient] = [0, 1, 2, 3, 4].map(
      part,
    );
    if (stepByChange > leastCurvature) {
      const row = this.#claimRow(pair);
      const { order } = this.#state;
      const stepsByChanges = [...this.#state.stepsByChanges];
      const changesByChanges = [...this.#state.changesByChanges];
      const now = this.#rows;
      for (const other of order) {
        if (other === row) continue;
        stepsByChanges[other * now + row] = stepsByNew[other];
        stepsByChanges[row * now + other] = changesByStep[other];
        changesByChanges[other * now + row] = changesByNew[other];
        changesByChanges[row * now + other] = changesByNew[other];
      }
      stepsByChanges[row * now + row] = stepByChange;
      changesByChanges[row * now + row] = changeByChange;
      stepsByGradient[row] = stepByGradient;
      changesByGradient[row] = changeByGradient;
      Object.assign(this.#state, { stepsByChanges, changesByChanges, hDiag: stepByChange / changeByChange });
    }
    return this.#direction(gradient, stepsByGradient, changesByGradient);
  }

  /** Puts the pair into a free row, or over the oldest. */
  #claimRow({ step, change }: Pair): number {
    const { order } = this.#state;
    const full = order.length === this.#most;
    if (!full && order.length === this.#rows) this.#grow(step);
    const row = full ? order[0] : order.length;
    const chosen = arange(this.#rows, { device: step.device }).eq(row).reshape(-1, 1);
    this.#state.oldStps = where(chosen, step, this.#state.oldStps!);
    this.#state.oldDirs = where(chosen, change, this.#state.oldDirs!);
    this.#state.order = [...(full ? order.slice(1) : order), row];
    return row;
  }

  /** Twice as many rows, so that few programs are compiled on the way to the most. */
  #grow({ shape: [elements], dtype, device }: Tensor): void {
    const { oldDirs, oldStps, stepsByChanges, changesByChanges } = this.#state;
    const before = this.#rows;
    const rows = Math.min(Math.max(leastRows, 2 * before), this.#most);
    const more = zeros([rows - before, elements], { dtype, device });
    const spread = (products: readonly number[]): number[] =>
      Array.from({ length: rows * rows }, (_, at) => {
        const [i, j] = [Math.floor(at / rows), at % rows];
        return i < before && j < before ? products[i * before + j] : 0;
      });
    Object.assign(this.#state, {
      oldDirs: oldDirs === undefined ? more : cat([oldDirs, more]),
      oldStps: oldStps === undefined ? more : cat([oldStps, more]),
      stepsByChanges: spread(stepsByChanges),
      changesByChanges: spread(changesByChanges),
    });
  }

  /** The recursion, over the coefficients of steps, changes and gradient in the direction. */
  #direction(
    gradient: Tensor,
    stepsByGradient: readonly number[],
    changesByGradient: readonly number[],
  ): Tensor {
    const { order, stepsByChanges, changesByChanges, hDiag, oldDirs, oldStps } = this.#state;
    const rows = this.#rows;
    if (oldDirs === undefined || oldStps === undefined || order.length === 0) return gradient.mul(-hDiag);
    const ofSteps = new Array<number>(rows).fill(0);
    const ofChanges = new Array<number>(rows).fill(0);
    const along = new Map<number, number>();
    for (const i of [...order].reverse()) {
      let product = -stepsByGradient[i];
      for (const j of order) product += ofChanges[j] * stepsByChanges[i * rows + j];
      const alpha = product / stepsByChanges[i * rows + i];
      along.set(i, alpha);
      ofChanges[i] = -alpha;
    }
    for (const i of order) ofChanges[i] *= hDiag;
    for (const i of order) {
      let product = -hDiag * changesByGradient[i];
      for (const j of order) {
        product += ofChanges[j] * changesByChanges[i * rows + j] + ofSteps[j] * stepsByChanges[j * rows + i];
      }
      ofSteps[i] += along.get(i)! - product / stepsByChanges[i * rows + i];
    }
    const { dtype, device } = gradient;
    const weigh = (coefficients: readonly number[], vectors: Tensor): Tensor =>
      tensor([coefficients as number[]], { dtype, device })
        .matmul(vectors)
        .reshape(-1);
    return weigh(ofSteps, oldStps).add(weigh(ofChanges, oldDirs)).sub(gradient.mul(hDiag));
  }
}
