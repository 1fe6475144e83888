// Connectionist temporal classification (Graves et al. 2006): the likelihood of a label sequence, summed over all ways
// to align it with a longer one.
import {
  ArgumentError,
  categoryOf,
  checkOptions,
  DTypeError,
  formatShape,
  ShapeError,
  sizeOf,
} from '@nn/core';
import {
  apply,
  cat,
  logaddexp,
  remainder,
  requireTensor,
  scalarTensor,
  type Tensor,
  tensor,
  where,
} from '@nn/tensor';
import { checkChoice, type ReductionOptions, requireFloat } from './arguments.ts';

export interface CtcLossOptions extends ReductionOptions {
  /** The class that stands for no label. Default 0. */
  readonly blank?: number;
  /** Whether losses of targets that fit no alignment are 0, not infinite. Default false. */
  readonly zeroInfinity?: boolean;
}

/** Lengths as numbers, or as a tensor, which is read at once. */
export type Lengths = Tensor | number | readonly number[];

/**
 * In place of log 0: what is added to it, or multiplied by weights of 0, stays finite. Far below any log-likelihood,
 * and far enough above the least float32 for many time steps.
 */
const logZero = -1e30;
const impossible = -1e29;

/**
 * -log p(target) of a sequence of log-probabilities (from logSoftmax): [time, batch, classes] with targets
 * [batch, labels], or those of all entries one behind the other in one dimension, or [time, classes] with targets
 * [labels]. Each entry takes the first `inputLengths` of its time steps and `targetLengths` of its labels.
 *
 * 'mean' divides each loss by its number of labels first. The derivative is that of the loss as a function of logProbs;
 * PyTorch's adds exp(logProbs), which the derivative of logSoftmax takes away again. A target that fits no alignment
 * has an infinite loss, with the derivative NaN; with `zeroInfinity` both are 0.
 *
 * @throws {ShapeError | ArgumentError | DTypeError} for lengths, targets or a blank that do not fit.
 * @throws {DataError} for lengths in a tensor that cannot be read at once: give numbers instead.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, tensor, use, zeros } from '@nn/tensor';
 * use(interpreter());
 * // Two steps of three equally likely classes: "1 1", "1 -" and "- 1" all mean 1.
 * const logProbs = F.logSoftmax(zeros([2, 3]), -1);
 * const loss = F.ctcLoss(logProbs, tensor([1]), 2, 1);
 * console.log((await loss.item()).toFixed(4)); // => 1.0986
 * ```
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Lengths,
  targetLengths: Lengths,
  options: CtcLossOptions = {},
): Tensor {
  checkOptions('ctcLoss', options, ['blank', 'reduction', 'zeroInfinity']);
  requireFloat('ctcLoss', logProbs);
  requireTensor('ctcLoss', targets);
  const { blank = 0, reduction = 'mean', zeroInfinity = false } = options;
  checkChoice('ctcLoss', 'reduction', reduction, ['none', 'mean', 'sum']);
  if (logProbs.ndim !== 2 && logProbs.ndim !== 3) {
    throw new ShapeError(
      `ctcLoss: logProbs must be [time, batch, classes] or [time, classes], got ${formatShape(logProbs.shape)}`,
    );
  }
  if (categoryOf(targets.dtype) !== 'integer')
    throw new DTypeError(`ctcLoss: the targets must be integers, got ${targets.dtype}. Use targets.int()`);
  const batched = logProbs.ndim === 3;
  const steps = batched ? logProbs : logProbs.unsqueeze(1);
  const [time, batch, classes] = steps.shape;
  if (!Number.isInteger(blank) || blank < 0 || blank >= classes)
    throw new ArgumentError(`ctcLoss: blank must be one of ${classes} classes, got ${blank}`);
  const inputs = readLengths('inputLengths', inputLengths, batch, time);
  const labels = readLengths('targetLengths', targetLengths, batch);
  const extended = extendedTargets(targets, labels, blank);
  // Half precision would not hold log 0.
  const isHalf = logProbs.dtype === 'float16' || logProbs.dtype === 'bfloat16';
  const likelihood = logLikelihood(isHalf ? steps.float() : steps, extended, inputs, labels);
  const infeasible = likelihood.lt(impossible);
  const plain = zeroInfinity
    ? where(infeasible, 0, likelihood.neg())
    : asLogarithm(likelihood, infeasible).neg();
  const losses = isHalf ? plain.to(logProbs.dtype) : plain;
  if (reduction === 'sum') return losses.sum();
  if (reduction === 'none') return batched ? losses : losses.squeeze(0);
  return losses
    .div(
      vector(
        labels.map((length) => Math.max(length, 1)),
        losses,
      ),
    )
    .mean();
}

/** log 0 where the likelihood is 0: minus infinity, with the derivative NaN. */
function asLogarithm(likelihood: Tensor, isZero: Tensor): Tensor {
  return where(isZero, where(isZero, likelihood, 0).exp().log(), likelihood);
}

function readLengths(name: string, given: Lengths, batch: number, most: number = Infinity): number[] {
  const lengths =
    typeof given === 'number'
      ? [given]
      : Array.isArray(given)
        ? [...(given as readonly number[])]
        : Array.from(requireTensor('ctcLoss', given as Tensor).dataSync(), Number);
  const fits =
    lengths.length === batch &&
    lengths.every((length) => Number.isInteger(length) && length >= 0 && length <= most);
  if (fits) return lengths;
  throw new ArgumentError(
    `ctcLoss: ${name} must be ${batch} integers from 0${most === Infinity ? '' : ` to ${most}`}, got ${formatShape(lengths)}`,
  );
}

/** A constant on the device and in the dtype of another tensor. */
function vector(values: readonly number[], like: Tensor): Tensor {
  return tensor([...values], { dtype: like.dtype, device: like.device });
}

function integers(values: readonly number[], device: string): Tensor {
  return tensor(Int32Array.from(values), { device });
}

function iota(shape: readonly number[], dim: number, device: string): Tensor {
  return apply('iota', [], { shape, dim, dtype: 'int32' }, device);
}

/** Labels with blanks before, between and behind them: [batch, 2 labels + 1], blank behind each entry's own. */
function extendedTargets(targets: Tensor, lengths: readonly number[], blank: number): Tensor {
  const batch = lengths.length;
  const longest = Math.max(0, ...lengths);
  const { device } = targets;
  const blanks = (count: number): Tensor => integers(new Array<number>(count).fill(blank), device);
  const rows = labelRows(targets, lengths, longest);
  if (rows === null) return blanks(batch).reshape(batch, 1);
  const isOwn = iota(rows.shape, 1, device).lt(integers(lengths, device).unsqueeze(1));
  const labels = where(isOwn, rows, blank).unsqueeze(2);
  const pairs = cat([blanks(1).expandTo([batch, longest, 1]), labels], 2).reshape(batch, 2 * longest);
  return cat([pairs, blanks(batch).reshape(batch, 1)], 1);
}

/** [batch, longest], null where there are no labels at all. */
function labelRows(targets: Tensor, lengths: readonly number[], longest: number): Tensor | null {
  const batch = lengths.length;
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (targets.ndim === 2 && targets.shape[0] === batch && targets.shape[1] >= longest)
    return longest === 0 ? null : targets.narrow(1, 0, longest).to('int32');
  // Padded labels of an input without batch are as good as its own.
  const isList =
    targets.ndim === 1 && (targets.numel() === total || (batch === 1 && targets.numel() >= total));
  if (isList) {
    if (longest === 0) return null;
    let start = 0;
    const places = lengths.flatMap((length) => {
      const own = Array.from({ length: longest }, (_, i) => Math.min(start + i, targets.numel() - 1));
      start += length;
      return own;
    });
    const index = integers(places, targets.device).reshape(batch, longest);
    return apply('take', [targets.to('int32'), index], {});
  }
  throw new ShapeError(
    `ctcLoss: targets of lengths ${formatShape(lengths)} are [${batch}, ${longest} or more], or [${total}] one behind ` +
      `the other, got ${formatShape(targets.shape)}`,
  );
}

/**
 * log p of each entry. A state is a place in the extended targets; from one time step to the next a path stays, goes on
 * by one, or skips a blank between two labels that differ. Two recursions in log space meet in the middle: from the
 * start, and from the end over reversed labels. They are rows of the same steps, so that there are half as many.
 */
function logLikelihood(
  steps: Tensor,
  extended: Tensor,
  inputs: readonly number[],
  labels: readonly number[],
): Tensor {
  const { device } = steps;
  const [batch, states] = extended.shape;
  if (batch === 0) return steps.sum([0, 2]);
  const state = iota([batch, states], 1, device);
  const ends = integers(labels, device).mul(2).unsqueeze(1);
  // The place of each state counted from the entry's end; in flat [batch, states].
  const mirrored = ends
    .sub(state)
    .clamp(0)
    .add(iota([batch, 1], 0, device).mul(states));
  const reversed = apply('take', [extended.reshape(batch * states), mirrored], {});
  const halves = [...inputs.map((length) => Math.ceil(length / 2)), ...inputs.map((length) => length >> 1)];
  const both = cat([extended, reversed], 0);
  const canSkip = skips(both);
  const emitted = emissions(steps, both, inputs, Math.max(...halves));
  const moved = (x: Tensor, by: number): Tensor =>
    by >= states
      ? x.mul(0).add(logZero)
      : apply('pad', [x.narrow(1, 0, states - by)], { before: [0, by], after: [0, 0], value: logZero });
  const onward = (x: Tensor): Tensor => logaddexp(x, moved(x, 1));
  const reached = (x: Tensor, skip: Tensor): Tensor =>
    logaddexp(onward(x), where(skip, moved(x, 2), logZero));
  const shortest = Math.min(...halves);
  const length = integers(halves, device).unsqueeze(1);
  // Before the first step all is at the first state, from which the first step goes on or stays.
  let paths = where(iota([2 * batch, states], 1, device).eq(0), scalarTensor(0, steps.dtype), logZero);
  for (let t = 0; t < emitted.shape[0]; t++) {
    const next = (t === 0 ? onward(paths) : reached(paths, canSkip)).add(emitted.select(0, t));
    paths = t < shortest ? next : where(length.gt(t), next, paths);
  }
  const before = reached(paths.narrow(0, 0, batch), canSkip.narrow(0, 0, batch));
  const after = apply('take', [paths.narrow(0, batch, batch).reshape(batch * states), mirrored], {});
  const joint = before.add(where(state.le(ends), after, logZero));
  const top = joint.detach().amax(1, { keepdim: true });
  return joint.sub(top).exp().sum(1).log().add(top.squeeze(1));
}

/** The log-probability of each state's class at each step from either end: [time, 2 batch, states]. */
function emissions(steps: Tensor, classes: Tensor, inputs: readonly number[], time: number): Tensor {
  const { device } = steps;
  const [, batch, count] = steps.shape;
  const last = integers([...inputs.map(() => 0), ...inputs.map((length) => length - 1)], device);
  const direction = integers([...inputs.map(() => 1), ...inputs.map(() => -1)], device);
  const at = iota([time, 1], 0, device).mul(direction).add(last).clamp(0);
  const entry = remainder(iota([2 * batch], 0, device), batch);
  const row = at.mul(batch).add(entry).mul(count).unsqueeze(2);
  const values = apply('take', [steps.reshape(sizeOf(steps.shape)), row.add(classes)], {});
  return values.clamp(logZero);
}

/** Whether a state can be reached from the one two before. */
function skips(extended: Tensor): Tensor {
  const [, states] = extended.shape;
  const isLabel = iota(extended.shape, 1, extended.device).bitwiseAnd(1).eq(1);
  if (states < 3) return extended.ne(extended);
  const before = apply('pad', [extended.narrow(1, 0, states - 2)], {
    before: [0, 2],
    after: [0, 0],
    value: -1,
  });
  return isLabel.logicalAnd(extended.ne(before));
}
