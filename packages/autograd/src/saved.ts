// What a derivative needs of forward: the values as they were then, and whether they were overwritten since.
import { AutogradError, type DType, formatShape, type Shape } from '@nn/core';
import { type GradientState, Storage, Tensor } from '@nn/tensor';
import { Batched } from './batching/kind.ts';
import { Recomputation } from './recomputation.ts';

/** Is told when a derivative uses the value of a saved tensor, not only its shape. */
interface Watcher {
  used(saved: SavedStorage): void;
}

/** The value that a tensor had. There is a handle to it only if somebody asks for one: most rules use few. */
class SavedStorage extends Storage {
  #watcher: Watcher | null;
  #tensor: Tensor | null;
  #gradient: GradientState | null;
  /** Where the tensor was; null where a later write does not matter. */
  source: Storage | null;
  sourceVersion: number;

  constructor(tensor: Tensor, watcher: Watcher | null) {
    super(tensor.node);
    this.#watcher = watcher;
    this.#gradient = tensor.gradient;
    this.source = tensor.storage;
    this.sourceVersion = tensor.storage.version;
    this.#tensor = tensor instanceof Batched ? tensor.snapshot(this) : null;
  }

  override get node(): Storage['node'] {
    this.#watcher?.used(this);
    return super.node;
  }

  get tensor(): Tensor {
    if (this.#tensor === null) {
      this.#tensor = new Tensor(this, this.shape, null);
      this.#tensor.gradient = this.#gradient;
    }
    return this.#tensor;
  }

  /** Has it take part in differentiation. */
  link(state: GradientState): void {
    this.#gradient = state;
    if (this.#tensor !== null) this.#tensor.gradient = state;
  }

  /** From now on it may be used whatever was written. */
  allow(): void {
    this.#watcher = null;
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

/** For a rule that does without the value of a saved tensor which PyTorch's needs: throws where it was overwritten since. */
export function requireIntact(saved: Tensor): void {
  void saved.storage.node;
}

/** Copies of the tensors that call `onUse` with their numbers when a value is used. */
export function watched(tensors: readonly Tensor[], onUse: (position: number) => void): Tensor[] {
  return tensors.map((tensor, i) => new SavedStorage(tensor, { used: () => onUse(i) }).tensor);
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
export class SavedTensors implements Watcher {
  readonly #owner: SavedOwner;
  readonly #saved: SavedStorage[] = [];
  readonly #recomputation: Recomputation | null = Recomputation.current;

  constructor(owner: SavedOwner) {
    this.#owner = owner;
  }

  add(tensor: Tensor): void {
    this.#saved.push(new SavedStorage(tensor, this.#recomputation === null ? this : null));
  }

  used(saved: SavedStorage): void {
    if (saved.source === null || saved.source.version === saved.sourceVersion) return;
    throw new AutogradError(
      `backward: '${this.#owner.name}' needs ${this.#owner.savedAs(this.#saved.indexOf(saved))}, a tensor of shape ` +
        `${formatShape(saved.shape)} and dtype ${saved.dtype}, as it was at version ${saved.sourceVersion}, but it was written ` +
        `in place since: it is at version ${saved.source.version}. Write to a copy (x.clone()), use the operation without ` +
        'the underscore, or call backward before the write. setDetectAnomaly(true) shows where the operation was called',
    );
  }

  get count(): number {
    return this.#saved.length;
  }

  shape(position: number): Shape {
    return this.#saved[position].shape;
  }

  dtype(position: number): DType {
    return this.#saved[position].dtype;
  }

  /** A tensor; one of a checkpoint will be computed again, once the gradient (null: none yet) is there. */
  restored(position: number, gradient: Tensor | null): Tensor {
    const { tensor } = this.#saved[position];
    if (this.#recomputation === null || gradient === null) return tensor;
    return this.#recomputation.restore(tensor, gradient);
  }

  /** Has a tensor take part in differentiation. */
  link(position: number, state: GradientState): void {
    this.#saved[position].link(state);
  }

  /** The coming write to the storage does not matter: it is of what was computed from the value itself. */
  allowWrite(storage: Storage): void {
    for (const saved of this.#saved)
      if (saved.source === storage && saved.sourceVersion === storage.version) saved.source = null;
  }

  /** The tensor was put into another storage just now. */
  move(position: number, storage: Storage): void {
    this.#saved[position].source = storage;
    this.#saved[position].sourceVersion = storage.version;
  }
}
