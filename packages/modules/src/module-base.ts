// What modules are made of, their modes and their state. Calls are in module.ts.
import { ArgumentError, type DType, isTensor, type Tensor } from '@nn/tensor';
import { Callable } from './callable.ts';
import { moveModule, settle } from './moving.ts';
import { isParameter, type Parameter } from './parameter.ts';
import { represent } from './representation.ts';
import { type LoadResult, loadState, readState, type StateDict } from './state-dict.ts';

export interface LoadOptions {
  /** Whether missing and unexpected keys are errors. Default true. */
  readonly strict?: boolean;
}

const brand: symbol = Symbol.for('@nn/modules/Module');

/** Whether the value is a module, from this or from another copy of the package. */
export function isModule(value: unknown): value is ModuleBase {
  return typeof value === 'function' && brand in value;
}

/** A module whatever it takes and gives. */
export abstract class ModuleBase extends Callable {
  /** Whether the module is in training mode; see `train` and `eval`. */
  training: boolean = true;
  /** Names of registered buffers, and whether they belong to the state dict. */
  readonly #buffers = new Map<string, boolean>();
  /** Whether all parameters were computed and are held. */
  #settled = false;

  /** Computes initial values once, so that they are held and not part of each program. */
  protected settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    settle([...this.parameters(), ...this.buffers()]);
  }

  // ---- What it is made of ----

  /** Fields and, for containers, what they hold. */
  members(): Iterable<readonly [string, unknown]> {
    return Object.entries(this);
  }

  /** Assigns a field that is a parameter; null for one that is absent. */
  registerParameter(name: string, value: Parameter | null): void {
    this.#checkName('registerParameter', name);
    if (value !== null && !isParameter(value)) {
      throw new ArgumentError(
        `registerParameter: '${name}' must be a Parameter or null. Use new Parameter(tensor)`,
      );
    }
    Reflect.set(this, name, value);
    this.#settled = false;
  }

  /** Assigns a field that is part of the state but not learnt; without `persistent`, not of the state dict. */
  registerBuffer(name: string, value: Tensor | null, options: { readonly persistent?: boolean } = {}): void {
    if (!this.#buffers.has(name)) this.#checkName('registerBuffer', name);
    if (value !== null && !isTensor(value)) {
      throw new ArgumentError(`registerBuffer: '${name}' must be a tensor or null`);
    }
    this.#buffers.set(name, options.persistent ?? true);
    Reflect.set(this, name, value);
    this.#settled = false;
  }

  /** Assigns a field that is a module. */
  addModule(name: string, module: ModuleBase): void {
    this.#checkName('addModule', name);
    if (!isModule(module)) throw new ArgumentError(`addModule: '${name}' must be a module`);
    Reflect.set(this, name, module);
    this.#settled = false;
  }

  #checkName(functionName: string, name: string): void {
    if (name === '' || name.includes('.')) {
      throw new ArgumentError(`${functionName}: a name must not be empty or contain dots, got '${name}'`);
    }
    const present: unknown = Reflect.get(this, name);
    if (present != null && !isParameter(present) && !isModule(present)) {
      throw new ArgumentError(`${functionName}: '${name}' is taken by another field or method`);
    }
  }

  /** Modules assigned to this one, by name. */
  namedChildren(): [string, ModuleBase][] {
    const found = new Map<ModuleBase, string>();
    for (const [name, value] of this.members())
      if (isModule(value) && !found.has(value)) found.set(value, name);
    return Array.from(found, ([child, name]) => [name, child]);
  }

  children(): ModuleBase[] {
    return this.namedChildren().map(([, child]) => child);
  }

  /** This module and all below it, each once, by path. */
  namedModules(prefix: string = ''): [string, ModuleBase][] {
    const found = new Map<ModuleBase, string>();
    const visit = (module: ModuleBase, path: string): void => {
      if (found.has(module)) return;
      found.set(module, path);
      for (const [name, value] of module.members()) if (isModule(value)) visit(value, joined(path, name));
    };
    visit(this, prefix);
    return Array.from(found, ([module, path]) => [path, module]);
  }

  modules(): ModuleBase[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** Parameters by path, each once; with `recurse` false only those of this module. */
  namedParameters(prefix: string = '', recurse: boolean = true): [string, Parameter][] {
    const found = new Map<Parameter, string>();
    for (const [path, module] of recurse ? this.namedModules(prefix) : [[prefix, this] as const]) {
      for (const [name, value] of module.members()) {
        if (isParameter(value) && !found.has(value)) found.set(value, joined(path, name));
      }
    }
    return Array.from(found, ([parameter, path]) => [path, parameter]);
  }

  parameters(recurse: boolean = true): Parameter[] {
    return this.namedParameters('', recurse).map(([, parameter]) => parameter);
  }

  /** Buffers by path, each once. */
  namedBuffers(prefix: string = '', recurse: boolean = true): [string, Tensor][] {
    const found = new Map<Tensor, string>();
    for (const [path, module] of recurse ? this.namedModules(prefix) : [[prefix, this] as const]) {
      for (const { name, value } of module.ownBuffers()) {
        if (value !== null && !found.has(value)) found.set(value, joined(path, name));
      }
    }
    return Array.from(found, ([buffer, path]) => [path, buffer]);
  }

  buffers(recurse: boolean = true): Tensor[] {
    return this.namedBuffers('', recurse).map(([, buffer]) => buffer);
  }

  /** Registered buffers of this module alone. */
  ownBuffers(): { readonly name: string; readonly value: Tensor | null; readonly persistent: boolean }[] {
    return Array.from(this.#buffers, ([name, persistent]) => ({
      name,
      value: (Reflect.get(this, name) as Tensor | null | undefined) ?? null,
      persistent,
    }));
  }

  /** The module at a path such as 'encoder.layers.0'. */
  getSubmodule(path: string): ModuleBase {
    for (const [name, module] of this.namedModules()) if (name === path) return module;
    throw new ArgumentError(`getSubmodule: there is no module '${path}' in this ${this.constructor.name}`);
  }

  /** The parameter at a path such as 'encoder.weight'. */
  getParameter(path: string): Parameter {
    for (const [name, parameter] of this.namedParameters()) if (name === path) return parameter;
    throw new ArgumentError(`getParameter: there is no parameter '${path}' in this ${this.constructor.name}`);
  }

  /** Calls the function with each module below, then with this one. */
  apply(visit: (module: ModuleBase) => void): this {
    for (const child of this.children()) child.apply(visit);
    visit(this);
    this.#settled = false;
    return this;
  }

  // ---- Modes and state ----

  /** Puts this module and all below it into training mode (dropout drops, batch norm uses the batch). */
  train(mode: boolean = true): this {
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  requiresGrad_(value: boolean = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(value);
    return this;
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  /** Moves parameters and buffers to a device, or casts the float ones to a dtype, in place. */
  to(target: DType | (string & {})): this {
    moveModule(this, target);
    this.#settled = false;
    return this;
  }

  float(): this {
    return this.to('float32');
  }

  double(): this {
    return this.to('float64');
  }

  half(): this {
    return this.to('float16');
  }

  bfloat16(): this {
    return this.to('bfloat16');
  }

  /** Parameters and persistent buffers by path. They share the module's memory, as in PyTorch. */
  stateDict(): StateDict {
    return readState(this);
  }

  /**
   * Copies a state dict's values in. Nothing is changed when it does not fit.
   *
   * @throws {DataError} listing missing and unexpected keys and shapes that differ.
   */
  loadStateDict(state: StateDict, options: LoadOptions = {}): LoadResult {
    const result = loadState(this, state, options);
    this.#settled = false;
    return result;
  }

  // ---- Text ----

  /** What stands between the parentheses of `toString`. */
  extraRepr(): string {
    return '';
  }

  override toString(): string {
    return represent(this);
  }
}

Object.defineProperty(ModuleBase.prototype, brand, { value: true });
// What Node's console shows.
Object.defineProperty(ModuleBase.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value(this: ModuleBase) {
    return this.toString();
  },
});

function joined(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}.${name}`;
}
