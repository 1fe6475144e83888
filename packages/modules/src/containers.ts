// Lists and dictionaries of modules.
import { ArgumentError, IndexError } from '@nn/tensor';
import { Module } from './module.ts';
import { isModule, type ModuleBase } from './module-base.ts';

/** An error for containers, which are not called themselves. */
export function notCallable(name: string): ArgumentError {
  return new ArgumentError(`${name}: a ${name} is not called itself; call the modules in it`);
}

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
export class ModuleList<M extends ModuleBase = Module> extends Module<never, never> {
  [index: number]: M;

  constructor(modules: Iterable<M> = []) {
    super();
    this.extend(modules);
  }

  override forward(): never {
    throw notCallable('ModuleList');
  }

  override get length(): number {
    return [...this].length;
  }

  *[Symbol.iterator](): Generator<M> {
    for (const [name, value] of this.members()) if (isModule(value) && isPosition(name)) yield value as M;
  }

  /** The module at a position, which may count from the end. */
  at(index: number): M {
    const module = [...this].at(index);
    if (module === undefined) {
      throw new IndexError(`at: ${index} is out of range for a ModuleList of ${this.length} modules`);
    }
    return module;
  }

  append(module: M): this {
    this.addModule(String(this.length), module);
    return this;
  }

  extend(modules: Iterable<M>): this {
    for (const module of modules) this.append(module);
    return this;
  }

  /** Puts a module before the position. */
  insert(index: number, module: M): this {
    const modules = [...this];
    modules.splice(index, 0, module);
    modules.forEach((each, i) => {
      this.addModule(String(i), each);
    });
    return this;
  }
}

export function isPosition(name: string): boolean {
  return /^\d+$/.test(name);
}

/** Modules by name, in order of insertion. */
export class ModuleDict<M extends ModuleBase = Module> extends Module<never, never> {
  readonly #modules = new Map<string, M>();

  constructor(modules: { readonly [name: string]: M } | Iterable<readonly [string, M]> = []) {
    super();
    this.update(modules);
  }

  override forward(): never {
    throw notCallable('ModuleDict');
  }

  override members(): Iterable<readonly [string, unknown]> {
    return this.#modules;
  }

  get size(): number {
    return this.#modules.size;
  }

  /** @throws {ArgumentError} when there is none of that name. */
  get(name: string): M {
    const module = this.#modules.get(name);
    if (module === undefined) {
      throw new ArgumentError(
        `get: this ModuleDict has no '${name}'; it has: ${[...this.#modules.keys()].join(', ')}`,
      );
    }
    return module;
  }

  set(name: string, module: M): this {
    if (!isModule(module)) throw new ArgumentError(`set: '${name}' must be a module`);
    if (name === '' || name.includes('.')) {
      throw new ArgumentError(`set: a name must not be empty or contain dots, got '${name}'`);
    }
    this.#modules.set(name, module);
    return this;
  }

  has(name: string): boolean {
    return this.#modules.has(name);
  }

  /** Removes and returns a module. */
  pop(name: string): M {
    const module = this.get(name);
    this.#modules.delete(name);
    return module;
  }

  clear(): void {
    this.#modules.clear();
  }

  update(modules: { readonly [name: string]: M } | Iterable<readonly [string, M]>): this {
    const entries =
      Symbol.iterator in modules ? (modules as Iterable<readonly [string, M]>) : Object.entries(modules);
    for (const [name, module] of entries) this.set(name, module);
    return this;
  }

  keys(): IterableIterator<string> {
    return this.#modules.keys();
  }

  values(): IterableIterator<M> {
    return this.#modules.values();
  }

  entries(): IterableIterator<[string, M]> {
    return this.#modules.entries();
  }

  [Symbol.iterator](): IterableIterator<[string, M]> {
    return this.#modules.entries();
  }
}
