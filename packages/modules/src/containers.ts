// Lists and dictionaries of modules.
import { ArgumentError } from '@nn/tensor';
import { DictionaryContainer, type Entries } from './dictionary-container.ts';
import { ListContainer } from './list-container.ts';
import type { Module } from './module.ts';
import { isModule, type ModuleBase } from './module-base.ts';
import { representRuns } from './representation.ts';

/**
 * A list of modules that are registered: `list[0]`, `list.at(-1)`, `for (const layer of list)`.
 *
 * @example
 * ```ts
 * import { Linear, ModuleList } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const layers = new ModuleList([new Linear(4, 4), new Linear(4, 4)]);
 * let x = ones([1, 4]);
 * for (const layer of layers) x = layer(x);
 * console.log(layers.length, x.shape); // => 2 [1, 4]
 * ```
 */
export class ModuleList<M extends ModuleBase = Module> extends ListContainer<M> {
  constructor(modules: Iterable<M> = []) {
    super(modules);
  }

  protected override checked(functionName: string, module: M): M {
    if (isModule(module)) return module;
    throw new ArgumentError(`${functionName}: a ModuleList holds modules, got ${typeof module}`);
  }

  override toString(): string {
    return representRuns(this);
  }
}

/**
 * Modules by name, in order of insertion, as `torch.nn.ModuleDict`. It has the methods of a `Map`, and of Python's
 * dictionaries.
 *
 * @example
 * ```ts
 * import { Linear, ModuleDict, ReLU } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const branches = new ModuleDict({ linear: new Linear(2, 2), relu: new ReLU() });
 * console.log(branches.get('relu')(ones([2])).shape, [...branches.keys()]); // => [2] ['linear', 'relu']
 * ```
 */
export class ModuleDict<M extends ModuleBase = Module> extends DictionaryContainer<M> {
  constructor(modules: Entries<M> = []) {
    super(modules);
  }

  protected override checked(functionName: string, name: string, module: M): M {
    if (isModule(module)) return module;
    throw new ArgumentError(`${functionName}: '${name}' must be a module`);
  }
}
