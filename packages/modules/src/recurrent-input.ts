// What recurrent layers take, as the rows of all steps, and what they give, in the form that it came in.
import {
  formatShape,
  requireTensor,
  type Shape,
  ShapeError,
  sameShape,
  type Tensor,
  zeros,
} from '@nn/tensor';
import { isPackedSequence, type PackedSequence, takeRows } from './packed-sequence.ts';

/** A batch of sequences, and how it came. */
export interface SequenceBatch {
  /** [time, batch, size], or [rows, size] where sequences end one after the other. */
  readonly x: Tensor;
  /** How many sequences have each step; not increasing. */
  readonly batchSizes: readonly number[];
  /** Outputs [rows, size] in the input's form. */
  restore(rows: Tensor): Tensor | PackedSequence;
  /** States [layers, batch, size] (or [layers, size]) in the batch's order. */
  enter(states: Tensor): Tensor;
  /** The inverse of `enter`. */
  leave(states: Tensor): Tensor;
  /** The shape of states to `enter`. */
  stateShape(layers: number, size: number): Shape;
}

/**
 * @param name of the layer, for errors
 * @throws {ShapeError} for inputs of other than two or three dimensions, or another last size than `size`.
 */
export function sequenceBatch(
  name: string,
  input: Tensor | PackedSequence,
  size: number,
  batchFirst: boolean,
): SequenceBatch {
  const given = isPackedSequence(input) ? input.data : requireTensor(name, input);
  const { ndim } = given;
  const takes = isPackedSequence(input)
    ? 'packed rows [rows, size]'
    : batchFirst
      ? '[batch, time, size]'
      : '[time, batch, size]';
  if (ndim !== 2 && (ndim !== 3 || isPackedSequence(input))) {
    throw new ShapeError(
      `${name}: takes ${takes} or, without batch, [time, size], got ${formatShape(given.shape)}`,
    );
  }
  if (given.shape[ndim - 1] !== size) {
    throw new ShapeError(
      `${name}: the input's last size must be inputSize, ${size}, got an input of shape ${formatShape(given.shape)}`,
    );
  }
  if (isPackedSequence(input)) return packedBatch(input);
  const turned = batchFirst && ndim === 3;
  const x = ndim === 2 ? input.unsqueeze(1) : turned ? input.transpose(0, 1) : input;
  const [time, batch] = x.shape;
  if (time === 0)
    throw new ShapeError(`${name}: sequences must have one step at least, got ${formatShape(input.shape)}`);
  return {
    x,
    batchSizes: new Array<number>(time).fill(batch),
    restore(rows) {
      if (ndim === 2) return rows;
      const output = rows.reshape([time, batch, rows.shape[1]]);
      return turned ? output.transpose(0, 1) : output;
    },
    enter: (states) => (ndim === 2 ? states.unsqueeze(1) : states),
    leave: (states) => (ndim === 2 ? states.squeeze(1) : states),
    stateShape: (layers, stateSize) => (ndim === 2 ? [layers, stateSize] : [layers, batch, stateSize]),
  };
}

function packedBatch(input: PackedSequence): SequenceBatch {
  const { data, batchSizes, sortedIndices, unsortedIndices } = input;
  const reordered = (states: Tensor, order: readonly number[] | null): Tensor =>
    order === null ? states : takeRows(states.transpose(0, 1), order, 0).transpose(0, 1);
  return {
    x: data,
    batchSizes,
    restore: (rows) => input.withData(rows),
    enter: (states) => reordered(states, sortedIndices),
    leave: (states) => reordered(states, unsortedIndices),
    stateShape: (layers, size) => [layers, batchSizes[0], size],
  };
}

/**
 * The states that each layer and direction starts from: zeros where none are given.
 *
 * @throws {ShapeError} for states of another shape than [layers, batch, size], without batch as the input.
 */
export function initialStates(
  name: string,
  batch: SequenceBatch,
  given: Tensor | null,
  layers: number,
  size: number,
): Tensor[] {
  const { dtype, device } = batch.x;
  if (given === null) {
    const none = zeros([batch.batchSizes[0], size], { dtype, device });
    return Array.from({ length: layers }, () => none);
  }
  const shape = batch.stateShape(layers, size);
  if (!sameShape(requireTensor(name, given).shape, shape)) {
    throw new ShapeError(
      `${name}: a state of shape ${formatShape(shape)} goes with this input ([layers · directions, batch, size], the ` +
        `batch second whatever batchFirst says), got ${formatShape(given.shape)}`,
    );
  }
  const all = batch.enter(given);
  return Array.from({ length: layers }, (_, at) => all.select(0, at));
}
