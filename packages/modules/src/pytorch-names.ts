// Names of state dicts as PyTorch writes them, and back: `running_mean` is `runningMean` here.
import type { Tensor } from '@nn/tensor';

function renamed<Value>(
  state: { readonly [path: string]: Value },
  rename: (name: string) => string,
): { [path: string]: Value } {
  return Object.fromEntries(
    Object.entries(state).map(([path, value]) => [path.split('.').map(rename).join('.'), value]),
  );
}

/**
 * A state dict with PyTorch's names, `layers.0.running_mean`, from one with this library's, `layers.0.runningMean`:
 * each capital letter becomes an underscore and a small one. Values are handed through.
 *
 * @example
 * ```ts
 * import { BatchNorm1d, Sequential, toPyTorchNames } from '@nn/modules';
 * import { interpreter, use } from '@nn/tensor';
 * use(interpreter());
 * const state = new Sequential(new BatchNorm1d(2)).stateDict();
 * console.log(Object.keys(toPyTorchNames(state)));
 * // => ['0.weight', '0.bias', '0.running_mean', '0.running_var', '0.num_batches_tracked']
 * ```
 */
export function toPyTorchNames<Value = Tensor>(state: {
  readonly [path: string]: Value;
}): {
  [path: string]: Value;
} {
  return renamed(state, (name) => name.replace(/(?<!^)[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

/**
 * The inverse of `toPyTorchNames`: an underscore and a small letter become a capital one. Other underscores stay
 * (`layer_1`, `_private`), so that names in snake case come back as they were.
 *
 * @example
 * ```ts
 * import { fromPyTorchNames } from '@nn/modules';
 * console.log(Object.keys(fromPyTorchNames({ 'lstm.weight_ih_l0_reverse': 1, 'block_1.bias': 2 })));
 * // => ['lstm.weightIhL0Reverse', 'block_1.bias']
 * ```
 */
export function fromPyTorchNames<Value = Tensor>(state: {
  readonly [path: string]: Value;
}): {
  [path: string]: Value;
} {
  return renamed(state, (name) =>
    name.replace(/(?<=[^_])_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
  );
}
