// What modules are made of, their modes and their state. Calls are in module.ts.
import { ArgumentError, isTensor, nearestName, type RemovableHandle, type Tensor } from '@nn/tensor';
import { Callable } from './callable.ts';
import { type MoveTarget, moveModule, settle } from './moving.ts';
import { isParameter, type Parameter } from './parameter.ts';
import { represent } from './representation.ts';
import {
  type LoadOptions,
  type LoadPostHook,
  type LoadPreHook,
  type LoadResult,
  loadState,
  readState,
  type StateDict,
  type StateDictHook,
  type StateDictOptions,
  type StateDictPreHook,
  StateHooks,
} from './state-dict.ts';
import { isUninitialized } from './uninitialized.ts';

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
  readonly #stateHooks = new StateHooks();
  /** Whether all parameters were computed and are held. */
  #settled = false;

  /** @internal Computes initial values once, so that they are held and not part of each program. */
  settle(): void {
    if (this.#settled) return;
    const tensors = [...this.parameters(), ...this.buffers()];
    const known = tensors.filter((tensor) => !isUninitialized(tensor));
    this.#settled = known.length === tensors.length;
    settle(known);
  }

  /** @internal */
  get stateHooks(): StateHooks {
    return this.#stateHooks;
  }

  /** @internal Has another module's names of buffers, and its hooks; fields are not touched. */
  copyRegistrations(source: this): void {
    for (const [name, persistent] of source.#buffers) this.#buffers.set(name, persistent);
    this.#stateHooks.addAll(source.#stateHooks);
  }

  // ---- What it is made of ----

  /** Fields and, for containers, what they hold. */
  members(): Iterable<readonly [string, unknown]> {
    return Object.entries(this);
  }

  /** @internal Puts a value in the place of the member of that name. */
  setMember(name: string, value: unknown): void {
    this.exchangeMember(name, value);
    this.#settled = false;
  }

  /** @internal As `setMember`, for a value that is computed already or is there for a while only. */
  exchangeMember(name: string, value: unknown): void {
    Reflect.set(this, name, value);
  }

  /** Assigns a field that is a parameter; null for one that is absent. */
  registerParameter(name: string, value: Parameter | null): void {
    this.#checkName('registerParameter', name);
    if (value !== null && !isParameter(value)) {
      throw new ArgumentError(
        `registerParameter: '${name}' must be a Parameter or null. Use new Parameter(tensor)`,
      );
    }
    this.setMember(name, value);
  }

  /**
   * Assigns a field that is part of the state but not learnt; without `persistent`, not of the state dict. Declare the
   * field without a value, `mask!: Tensor`, or hand over the tensor that it holds.
   */
  registerBuffer(name: string, value: Tensor | null, options: { readonly persistent?: boolean } = {}): void {
    if (!this.#buffers.has(name)) this.#checkName('registerBuffer', name, value);
    if (value !== null && !isTensor(value)) {
      throw new ArgumentError(`registerBuffer: '${name}' must be a tensor or null`);
    }
    this.#buffers.set(name, options.persistent ?? true);
    this.setMember(name, value);
  }

  /** Takes a parameter, a buffer or a module away. */
  removeMember(name: string): void {
    if (!this.#buffers.delete(name) && !this.#has(name)) throw this.#unknown('removeMember', 'member', name);
    Reflect.deleteProperty(this, name);
  }

  #has(name: string): boolean {
    for (const [each] of this.members()) if (each === name) return true;
    return false;
  }

  /** Assigns a field that is a module. */
  addModule(name: string, module: ModuleBase): void {
    this.#checkName('addModule', name);
    if (!isModule(module)) throw new ArgumentError(`addModule: '${name}' must be a module`);
    this.setMember(name, module);
  }

  #checkName(functionName: string, name: string, value?: Tensor | null): void {
    if (name === '' || name.includes('.')) {
      throw new ArgumentError(`${functionName}: a name must not be empty or contain dots, got '${name}'`);
    }
    const present: unknown = Reflect.get(this, name);
    if (present != null && present !== value && !isParameter(present) && !isModule(present)) {
      const cure = isTensor(present) ? `. Declare the field without a value, '${name}!: Tensor'` : '';
      throw new ArgumentError(`${functionName}: '${name}' is taken by another field or method${cure}`);
    }
  }

  /** Modules assigned to this one, by name. */
  namedChildren(): [string, ModuleBase][] {
    const found = new Map<ModuleBase, string>();
    for (const [name, value] of this.members())
      if (isModule(value) && !found.has(value)) found.set(value, name);
    return Array.from(found, ([child, name]) => [name, child]);
  }

  /** Modules assigned to this one, each once. */
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

  /** This module and all below it, each once. */
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

  /** All parameters, each once; with `recurse` false only those of this module. */
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

  /** All buffers, each once; with `recurse` false only those of this module. */
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

  /** The module at a path such as 'encoder.layers.0'; this one at ''. */
  getSubmodule(path: string): ModuleBase {
    const found = this.#memberAt(path);
    if (isModule(found)) return found;
    throw this.#unknown('getSubmodule', 'module', path);
  }

  /** Puts a module in the place of the one at a path, or adds one. */
  setSubmodule(path: string, module: ModuleBase): void {
    const [parent, name] = split(path);
    this.getSubmodule(parent).addModule(name, module);
  }

  /** The parameter at a path such as 'encoder.weight'. */
  getParameter(path: string): Parameter {
    const found = this.#memberAt(path);
    if (isParameter(found)) return found;
    throw this.#unknown('getParameter', 'parameter', path);
  }

  /** The buffer at a path such as 'norm.runningMean'. */
  getBuffer(path: string): Tensor {
    const [parent, name] = split(path);
    const owner = this.#memberAt(parent);
    const buffer = isModule(owner) ? owner.ownBuffers().find((each) => each.name === name)?.value : null;
    if (buffer != null) return buffer;
    throw this.#unknown('getBuffer', 'buffer', path);
  }

  #memberAt(path: string): unknown {
    let found: unknown = this;
    for (const part of path === '' ? [] : path.split('.')) {
      if (!isModule(found)) return undefined;
      found = Array.from(found.members()).find(([name]) => name === part)?.[1];
    }
    return found;
  }

  #unknown(
    functionName: string,
    kind: 'module' | 'parameter' | 'buffer' | 'member',
    path: string,
  ): ArgumentError {
    const known = {
      module: () => this.namedModules(),
      parameter: () => this.namedParameters(),
      buffer: () => this.namedBuffers(),
      member: () => Array.from(this.members()),
    }[kind]();
    const near = nearestName(
      path,
      known.map(([name]) => name),
    );
    const hint = near === undefined ? '' : `. Did you mean '${near}'?`;
    return new ArgumentError(
      `${functionName}: there is no ${kind} '${path}' in this ${this.constructor.name}${hint}`,
    );
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

  /** Puts this module and all below it into evaluation mode: `train(false)`. */
  eval(): this {
    return this.train(false);
  }

  /** Has all parameters be learnt, or not. */
  requiresGrad_(value: boolean = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(value);
    return this;
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  /**
   * Moves parameters and buffers to a device, or casts the float ones to a dtype, in place: `to('webgpu')`,
   * `to('float64')`, `to({ device: 'cpu', dtype: 'float16' })`. Parameters stay the same objects.
   */
  to(target: MoveTarget): this {
    moveModule(this, target);
    this.#settled = false;
    return this;
  }

  /** Casts float parameters and buffers to float32, in place. */
  float(): this {
    return this.to('float32');
  }

  /** Casts float parameters and buffers to float64, in place. */
  double(): this {
    return this.to('float64');
  }

  /** Casts float parameters and buffers to float16, in place. */
  half(): this {
    return this.to('float16');
  }

  /** Casts float parameters and buffers to bfloat16, in place. */
  bfloat16(): this {
    return this.to('bfloat16');
  }

  /**
   * Parameters and persistent buffers by path. They share the module's memory, as in PyTorch.
   *
   * @param options `prefix` stands before each path; with `keepVars` the parameters themselves are given.
   */
  stateDict(options: StateDictOptions = {}): StateDict {
    return readState(this, options);
  }

  /**
   * Copies a state dict's values in. Nothing is changed when it does not fit.
   *
   * @throws {DataError} listing missing and unexpected keys, and shapes and dtypes that do not fit.
   */
  loadStateDict(state: StateDict, options: LoadOptions = {}): LoadResult {
    const result = loadState(this, state, options);
    this.#settled = false;
    return result;
  }

  /** A tensor that belongs to the state dict beside parameters and buffers, as '_extraState'; null: none. */
  getExtraState(): Tensor | null {
    return null;
  }

  /** Takes what `getExtraState` gave. */
  setExtraState(_state: Tensor): void {
    throw new ArgumentError(
      `setExtraState: ${this.constructor.name} has getExtraState and needs setExtraState, too, to load a state dict`,
    );
  }

  /** Called before this module's part of a state dict is read. */
  registerStateDictPreHook(hook: StateDictPreHook): RemovableHandle {
    return this.#stateHooks.beforeReading.add('registerStateDictPreHook', hook);
  }

  /** Called when this module's part of a state dict was read; may change it, or return another one. */
  registerStateDictHook(hook: StateDictHook): RemovableHandle {
    return this.#stateHooks.afterReading.add('registerStateDictHook', hook);
  }

  /** Called before this module's part of a state dict is loaded, with a copy of the dict: it may change keys there. */
  registerLoadStateDictPreHook(hook: LoadPreHook): RemovableHandle {
    return this.#stateHooks.beforeLoading.add('registerLoadStateDictPreHook', hook);
  }

  /** Called when a state dict was loaded, with the lists of keys that did not match: it may change them. */
  registerLoadStateDictPostHook(hook: LoadPostHook): RemovableHandle {
    return this.#stateHooks.afterLoading.add('registerLoadStateDictPostHook', hook);
  }

  // ---- Text ----

  /** What stands between the parentheses of `toString`. */
  extraRepr(): string {
    return '';
  }

  /** What stands before the parentheses of `toString`. */
  get typeName(): string {
    return this.constructor.name;
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

/** 'a.b.c' into 'a.b' and 'c'. */
function split(path: string): [string, string] {
  const dot = path.lastIndexOf('.');
  return [path.slice(0, Math.max(dot, 0)), path.slice(dot + 1)];
}

function joined(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}.${name}`;
}
