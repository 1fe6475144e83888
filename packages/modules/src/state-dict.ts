// Reading a module's state and writing it back.

import { noGrad } from '@nn/autograd';
import { checkOptions, DataError, formatShape, isTensor, sameShape, type Tensor } from '@nn/tensor';
import type { ModuleBase } from './module-base.ts';
import { isParameter } from './parameter.ts';

/** Tensors by path: 'layers.0.weight'. */
export type StateDict = { [path: string]: Tensor };

export interface LoadResult {
  readonly missingKeys: readonly string[];
  readonly unexpectedKeys: readonly string[];
}

/** Every path, also of shared parameters. */
function entriesOf(module: ModuleBase, prefix: string): [string, Tensor][] {
  const entries: [string, Tensor][] = [];
  for (const [name, value] of module.members()) if (isParameter(value)) entries.push([prefix + name, value]);
  for (const { name, value, persistent } of module.ownBuffers()) {
    if (persistent && value !== null) entries.push([prefix + name, value]);
  }
  for (const [name, child] of module.namedChildren()) entries.push(...entriesOf(child, `${prefix}${name}.`));
  return entries;
}

export function readState(module: ModuleBase): StateDict {
  return Object.fromEntries(entriesOf(module, '').map(([path, value]) => [path, value.detach()]));
}

export function loadState(
  module: ModuleBase,
  state: StateDict,
  options: { readonly strict?: boolean },
): LoadResult {
  checkOptions('loadStateDict', options, ['strict']);
  const entries = entriesOf(module, '');
  const own = new Set(entries.map(([path]) => path));
  const missingKeys = [...own].filter((path) => !Object.hasOwn(state, path));
  const unexpectedKeys = Object.keys(state).filter((path) => !own.has(path));
  const problems: string[] = [];
  if (options.strict ?? true) {
    if (missingKeys.length > 0) problems.push(`missing: ${missingKeys.join(', ')}`);
    if (unexpectedKeys.length > 0) problems.push(`unexpected: ${unexpectedKeys.join(', ')}`);
  }
  for (const [path, target] of entries) {
    if (!Object.hasOwn(state, path)) continue;
    const value: unknown = state[path];
    if (!isTensor(value)) problems.push(`${path}: is not a tensor`);
    else if (!sameShape(value.shape, target.shape)) {
      problems.push(
        `${path}: the state has shape ${formatShape(value.shape)}, the module ${formatShape(target.shape)}`,
      );
    }
  }
  if (problems.length > 0) {
    throw new DataError(
      `loadStateDict: the state does not fit this ${module.constructor.name}:\n  ${problems.join('\n  ')}`,
    );
  }
  noGrad(() => {
    for (const [path, target] of entries) if (Object.hasOwn(state, path)) target.copy_(state[path]);
  });
  return { missingKeys, unexpectedKeys };
}
