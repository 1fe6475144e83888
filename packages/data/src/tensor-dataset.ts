// Samples that are rows of tensors.
import { ArgumentError, formatShape, ShapeError } from '@nn/core';
import { indexSelect, isTensor, type Tensor, tensor } from '@nn/tensor';
import { checkIndex, Dataset } from './dataset.ts';
import type { Recipe } from './worker/recipe.ts';

type Rows<Tensors extends readonly Tensor[]> = { [I in keyof Tensors]: Tensor };

/**
 * Rows of tensors that share their first size, as `torch.utils.data.TensorDataset`. A batch is one lookup on the
 * tensors' device; workers can serve it too, from memory that they share, but have nothing to win by it.
 */
export class TensorDataset<Tensors extends readonly Tensor[]> extends Dataset<Rows<Tensors>> {
  readonly tensors: Tensors;
  readonly length: number;

  /** @throws {ShapeError} when the first sizes differ. @throws {ArgumentError} for what is no tensor. */
  constructor(...tensors: Tensors) {
    super();
    if (tensors.length === 0) throw new ArgumentError('TensorDataset: needs at least one tensor');
    for (const each of tensors) {
      if (!isTensor(each)) {
        throw new ArgumentError(`TensorDataset: expected tensors, got ${typeof each}. Use tensor(data)`);
      }
      if (each.ndim === 0 || each.shape[0] !== tensors[0].shape[0]) {
        throw new ShapeError(
          `TensorDataset: the first sizes must be equal, got shapes ${tensors.map((x) => formatShape(x.shape)).join(', ')}`,
        );
      }
    }
    this.tensors = tensors;
    this.length = tensors[0].shape[0];
  }

  get(index: number): Rows<Tensors> {
    const position = checkIndex('TensorDataset', index, this.length);
    return this.tensors.map((each) => each.select(0, position)) as never;
  }

  override getBatch(indices: readonly number[]): never {
    const rows = Int32Array.from(indices, (index) => checkIndex('TensorDataset', index, this.length));
    return this.tensors.map((each) => indexSelect(each, 0, tensor(rows, { device: each.device }))) as never;
  }

  /** How a worker makes it. @throws {ArgumentError} when only this thread can. */
  workerRecipe(): Recipe {
    return { kind: 'rows', tensors: this.tensors };
  }
}
