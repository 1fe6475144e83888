// What is pruned: masks from scores. All is computed on the device, so that nothing waits for a mask to be read.
import {
  ArgumentError,
  argsort,
  formatShape,
  normalizeDim,
  rand,
  ShapeError,
  sameShape,
  type Tensor,
  where,
} from '@nn/tensor';

/** A fraction below 1 of what is left, or from 1 on a number of elements or slices. */
export type Amount = number;

function checkAmount(name: string, amount: Amount): Amount {
  if (amount >= 0 && (amount < 1 || Number.isInteger(amount))) return amount;
  throw new ArgumentError(
    `${name}: amount must be a fraction from 0 to 1, or from 1 on a whole number of elements or slices, got ${amount}`,
  );
}

/** Takes the lowest of what is left away. `left` is boolean, of the shape of `scores`. */
function withoutLowest(name: string, scores: Tensor, left: Tensor, amount: Amount): Tensor {
  const size = scores.numel();
  if (amount > size)
    throw new ArgumentError(`${name}: amount is ${amount}, but there are only ${size} to prune`);
  const rank = argsort(argsort(where(left, scores, Infinity).reshape(-1), 0), 0).reshape(scores.shape);
  if (amount >= 1) return left.logicalAnd(rank.ge(amount));
  // Rounded to even, as Python's round.
  const count = left.to('float32').sum().mul(amount).round();
  return left.logicalAnd(rank.to('float32').ge(count));
}

/** How a tensor is pruned. Extend it for a method of one's own. */
export abstract class BasePruningMethod {
  /**
   * A mask of what stays, of the tensor's shape, as booleans or ones and zeros.
   *
   * @param scores How much each element matters: the tensor itself, unless others were given.
   * @param left Booleans: what pruning before has left. What was pruned stays so, whatever the mask says.
   */
  abstract computeMask(scores: Tensor, left: Tensor): Tensor;
}

/** Prunes nothing, but has the parameter take part in pruning. */
export class Identity extends BasePruningMethod {
  override computeMask(_: Tensor, left: Tensor): Tensor {
    return left;
  }
}

abstract class UnstructuredMethod extends BasePruningMethod {
  readonly amount: Amount;

  constructor(amount: Amount) {
    super();
    this.amount = checkAmount(this.constructor.name, amount);
  }
}

/** Prunes elements at random. */
export class RandomUnstructured extends UnstructuredMethod {
  override computeMask(scores: Tensor, left: Tensor): Tensor {
    return withoutLowest(
      'RandomUnstructured',
      rand(scores.shape, { device: scores.device }),
      left,
      this.amount,
    );
  }
}

/** Prunes the elements of the smallest absolute value. */
export class L1Unstructured extends UnstructuredMethod {
  override computeMask(scores: Tensor, left: Tensor): Tensor {
    return withoutLowest('L1Unstructured', scores.abs(), left, this.amount);
  }
}

/** Prunes slices along a dimension. */
abstract class StructuredMethod extends UnstructuredMethod {
  readonly dim: number;

  constructor(amount: Amount, dim: number = -1) {
    super(amount);
    this.dim = dim;
  }

  /** How much each row matters: [slices] for [slices, elements]. */
  protected abstract scoresOf(slices: Tensor): Tensor;

  override computeMask(scores: Tensor, left: Tensor): Tensor {
    const { name } = this.constructor;
    const { ndim, shape } = scores;
    if (ndim < 2) throw new ShapeError(`${name}: takes at least 2 dimensions, got ${formatShape(shape)}`);
    const dim = normalizeDim(name, this.dim, ndim);
    const rows = (x: Tensor): Tensor => x.movedim(dim, 0).flatten(1);
    const kept = withoutLowest(name, this.scoresOf(rows(scores)), rows(left).any(1), this.amount);
    return kept.reshape(shape.map((extent, i) => (i === dim ? extent : 1))).expandTo(shape);
  }
}

/** Prunes slices along a dimension (default the last) at random. */
export class RandomStructured extends StructuredMethod {
  protected override scoresOf(slices: Tensor): Tensor {
    return rand([slices.shape[0]], { device: slices.device });
  }
}

/** Prunes the slices along a dimension (default the last) whose n-norm is smallest. */
export class LnStructured extends StructuredMethod {
  readonly n: number;

  constructor(amount: Amount, n: number, dim: number = -1) {
    super(amount, dim);
    this.n = n;
  }

  protected override scoresOf(slices: Tensor): Tensor {
    return slices.norm(this.n, 1);
  }
}

/** Prunes where a mask is 0. */
export class CustomFromMask extends BasePruningMethod {
  readonly mask: Tensor;

  constructor(mask: Tensor) {
    super();
    this.mask = mask;
  }

  override computeMask(scores: Tensor): Tensor {
    if (sameShape(this.mask.shape, scores.shape)) return this.mask;
    throw new ShapeError(
      `CustomFromMask: the mask has shape ${formatShape(this.mask.shape)}, the tensor ${formatShape(scores.shape)}`,
    );
  }
}
