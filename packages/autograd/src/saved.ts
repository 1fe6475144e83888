// What a derivative needs of forward: the values as they were then, and whether they were overwritten since.
import { AutogradError, formatShape } from '@nn/core';
import { type GradientState, Storage, type Tensor } from '@nn/tensor';
import { Recomputation } from './recomputation.ts';

/** Notices when a derivative uses the value of a saved tensor, not only its shape. */
class SavedStorage extends Storage {
  #onUse: (() => void) | null;

  constructor(tensor: Tensor, onUse: () => void) {
    super(tensor.node);
    this.#onUse = onUse;
  }

  override get node(): Storage['node'] {
    this.#onUse?.();
    return super.node;
  }

  allow(): void {
    this.#onUse = null;
  }
}

/**
 * The saved tensor, to be used even if it was overwritten since: where PyTorch keeps something else that the write does
 * not change, such as positions. The value is the right one in any case.
 */
export function evenIfOverwritten(saved: Tensor): Tensor {
  if (saved.storage instanceof SavedStorage) saved.storage.allow();
  return saved;
}

/** Copies of the tensors that call `onUse` with their numbers when a value is used. */
export function watched(tensors: readonly Tensor[], onUse: (position: number) => void): Tensor[] {
  return tensors.map((tensor, i) => tensor.snapshot(new SavedStorage(tensor, () => onUse(i))));
}

export interface SavedOwner {
  readonly name: string;
  /** What the saved tensor of this number is to the owner. */
  savedAs(position: number): string;
}

/**
 * Tensors that a derivative needs, with the values of when it was recorded: later writes to their storages do not show.
 * PyTorch, which keeps no old values, throws an error when one was overwritten before it is used; so does this, since a
 * program that comes to it is likely to be wrong.
 */
export class SavedTensors {
  readonly #owner: SavedOwner;
  readonly #tensors: readonly Tensor[];
  /** Where the tensors were; null where a later write does not matter. */
  readonly #sources: (Storage | null)[] = [];
  readonly #versions: number[] = [];
  readonly #recomputation: Recomputation | null = Recomputation.current;

  constructor(tensors: readonly Tensor[], owner: SavedOwner) {
    this.#owner = owner;
    for (const { storage } of tensors) {
      this.#sources.push(storage);
      this.#versions.push(storage.version);
    }
    this.#tensors =
      this.#recomputation === null
        ? watched(tensors, (position) => this.#check(position))
        : tensors.map((tensor) => tensor.snapshot());
  }

  #check(position: number): void {
    const source = this.#sources[position];
    if (source === null || source.version === this.#versions[position]) return;
    const { shape, dtype } = this.#tensors[position];
    throw new AutogradError(
      `backward: '${this.#owner.name}' needs ${this.#owner.savedAs(position)}, a tensor of shape ${formatShape(shape)} and dtype ` +
        `${dtype}, as it was at version ${this.#versions[position]}, but it was written in place since: it is at version ` +
        `${source.version}. Write to a copy (x.clone()), use the operation without the underscore, or call backward ` +
        'before the write. setDetectAnomaly(true) shows where the operation was called',
    );
  }

  /** The tensors; those of a checkpoint will be computed again, once the gradient (null: none yet) is there. */
  restored(gradient: Tensor | null): readonly Tensor[] {
    const recomputation = this.#recomputation;
    if (recomputation === null || gradient === null) return this.#tensors;
    return this.#tensors.map((tensor) => recomputation.restore(tensor, gradient));
  }

  /** Has a tensor take part in differentiation. */
  link(position: number, state: GradientState): void {
    this.#tensors[position].gradient = state;
  }

  /** The coming write to the storage does not matter: it is of what was computed from the value itself. */
  allowWrite(storage: Storage): void {
    this.#sources.forEach((source, i) => {
      if (source === storage && this.#versions[i] === storage.version) this.#sources[i] = null;
    });
  }

  /** The tensor was put into another storage just now. */
  move(position: number, storage: Storage): void {
    this.#sources[position] = storage;
    this.#versions[position] = storage.version;
  }
}
