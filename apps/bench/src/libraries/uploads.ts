// Inputs as tensors: kept as long as one case after the other asks for the same.
import type { Input } from '../benchmark.ts';

export class Uploads<T> {
  readonly #upload: (input: Input) => T;
  readonly #free: (tensor: T) => void;
  readonly #kept: Map<Input, T> = new Map();

  constructor(upload: (input: Input) => T, free: (tensor: T) => void) {
    this.#upload = upload;
    this.#free = free;
  }

  /** The inputs as tensors; all others are freed. */
  get(inputs: readonly Input[]): T[] {
    this.keepOnly(inputs);
    return inputs.map((input) => {
      const tensor = this.#kept.get(input) ?? this.#upload(input);
      this.#kept.set(input, tensor);
      return tensor;
    });
  }

  keepOnly(inputs: readonly Input[]): void {
    for (const [input, tensor] of this.#kept) {
      if (inputs.includes(input)) continue;
      this.#free(tensor);
      this.#kept.delete(input);
    }
  }
}
