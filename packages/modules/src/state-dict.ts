// Reading a module's state and writing it back.

import { noGrad } from '@nn/autograd';
import {
  checkOptions,
  DataError,
  formatShape,
  isFloat,
  isTensor,
  nearestName,
  sameShape,
  type Tensor,
} from '@nn/tensor';
import { Hooks } from './hooks.ts';
import { isModule, type ModuleBase } from './module-base.ts';
import { isParameter, Parameter } from './parameter.ts';
import { fromPyTorchNames } from './pytorch-names.ts';
import { isUninitialized } from './uninitialized.ts';

/** Tensors by path: 'layers.0.weight'. */
export type StateDict = { [path: string]: Tensor };

export interface StateDictOptions {
  /** Stands before each path. Default ''. */
  readonly prefix?: string;
  /** Whether the parameters themselves are given, which have gradients, in place of detached ones. Default false. */
  readonly keepVars?: boolean;
}

export interface LoadOptions {
  /** Whether missing and unexpected keys are errors. Default true. */
  readonly strict?: boolean;
  /**
   * Whether the state's tensors themselves, with their dtypes and devices, take the place of the module's, in place of
   * being copied into them. Make the optimizer afterwards: the parameters are other objects. Default false.
   */
  readonly assign?: boolean;
}

export interface LoadResult {
  /** What the module has and the state has not. */
  readonly missingKeys: string[];
  /** What the state has and the module has not. */
  readonly unexpectedKeys: string[];
  /** What was cast to the module's dtype. */
  readonly castKeys: string[];
}

/** Called with a module and the prefix of its paths. */
export type StateDictPreHook = (module: ModuleBase, prefix: string) => void;
/** Called with a module, the state dict so far and the prefix of the module's paths; may change or replace the dict. */
export type StateDictHook = (module: ModuleBase, state: StateDict, prefix: string) => StateDict | undefined;
/** Called with a module, a copy of the state dict and the prefix of the module's paths; may change the copy. */
export type LoadPreHook = (module: ModuleBase, state: StateDict, prefix: string) => void;
/** Called with a module and the keys that did not match; may change the lists. */
export type LoadPostHook = (module: ModuleBase, result: LoadResult) => void;

/** A module's hooks around its state. */
export class StateHooks {
  readonly beforeReading: Hooks<StateDictPreHook> = new Hooks();
  readonly afterReading: Hooks<StateDictHook> = new Hooks();
  readonly beforeLoading: Hooks<LoadPreHook> = new Hooks();
  readonly afterLoading: Hooks<LoadPostHook> = new Hooks();

  addAll(other: StateHooks): void {
    this.beforeReading.addAll(other.beforeReading);
    this.afterReading.addAll(other.afterReading);
    this.beforeLoading.addAll(other.beforeLoading);
    this.afterLoading.addAll(other.afterLoading);
  }
}

const extraState = '_extraState';

/** A module's own parameters and persistent buffers. */
function ownState(module: ModuleBase): { readonly name: string; readonly value: Tensor }[] {
  const parameters = Array.from(module.members()).flatMap(([name, value]) =>
    isParameter(value) ? [{ name, value }] : [],
  );
  const buffers = module
    .ownBuffers()
    .flatMap(({ name, value, persistent }) => (persistent && value !== null ? [{ name, value }] : []));
  return [...parameters, ...buffers];
}

/** Modules assigned to this one, also those assigned twice: each has its paths. */
function* ownModules(module: ModuleBase): Generator<readonly [string, ModuleBase]> {
  for (const [name, value] of module.members()) if (isModule(value)) yield [name, value];
}

export function readState(module: ModuleBase, options: StateDictOptions): StateDict {
  checkOptions('stateDict', options, ['prefix', 'keepVars']);
  const { prefix = '', keepVars = false } = options;
  return readInto({}, module, prefix, keepVars);
}

function readInto(given: StateDict, module: ModuleBase, prefix: string, keepVars: boolean): StateDict {
  let state = given;
  for (const hook of module.stateHooks.beforeReading.list) hook(module, prefix);
  for (const { name, value } of ownState(module))
    state[prefix + name] = keepVars || isUninitialized(value) ? value : value.detach();
  const extra = module.getExtraState();
  if (extra !== null) state[prefix + extraState] = extra;
  for (const [name, child] of ownModules(module))
    state = readInto(state, child, `${prefix}${name}.`, keepVars);
  for (const hook of module.stateHooks.afterReading.list) state = hook(module, state, prefix) ?? state;
  return state;
}

/** A place in a module that a state dict has a value for. */
interface Entry {
  readonly path: string;
  readonly module: ModuleBase;
  readonly name: string;
  /** Null for extra state. */
  readonly target: Tensor | null;
}

/** All places, in order; hooks may change the state on the way. */
function entriesOf(module: ModuleBase, state: StateDict, prefix: string): Entry[] {
  for (const hook of module.stateHooks.beforeLoading.list) hook(module, state, prefix);
  const own = ownState(module).map(
    ({ name, value }): Entry => ({ path: prefix + name, module, name, target: value }),
  );
  const extra: Entry[] =
    module.getExtraState() === null
      ? []
      : [{ path: prefix + extraState, module, name: extraState, target: null }];
  const below = Array.from(ownModules(module)).flatMap(([name, child]) =>
    entriesOf(child, state, `${prefix}${name}.`),
  );
  return [...own, ...extra, ...below];
}

/** Why a value does not fit its place; undefined if it does. */
function misfit({ path, target }: Entry, value: unknown): string | undefined {
  if (!isTensor(value)) return `${path}: is not a tensor`;
  if (target === null || isUninitialized(target)) return undefined;
  if (isUninitialized(value))
    return `${path}: the state has no shape yet, the module ${formatShape(target.shape)}`;
  if (!sameShape(value.shape, target.shape))
    return `${path}: the state has shape ${formatShape(value.shape)}, the module ${formatShape(target.shape)}`;
  if (isFloat(value.dtype) && !isFloat(target.dtype))
    return `${path}: the state has ${value.dtype}, which the module's ${target.dtype} cannot hold`;
  return undefined;
}

function missingLine(missing: readonly string[], state: StateDict): string {
  const names = Object.keys(state);
  const described = missing.map((path) => {
    const near = nearestName(path, names);
    return near === undefined || missing.length > 10 ? path : `${path} (the state has '${near}')`;
  });
  return `missing: ${described.join(', ')}`;
}

function strictProblems({ missingKeys, unexpectedKeys }: LoadResult, state: StateDict): string[] {
  const problems: string[] = [];
  if (missingKeys.length > 0) problems.push(missingLine(missingKeys, state));
  if (unexpectedKeys.length > 0) problems.push(`unexpected: ${unexpectedKeys.join(', ')}`);
  const renamed = fromPyTorchNames(state);
  if (unexpectedKeys.length > 0 && missingKeys.some((path) => Object.hasOwn(renamed, path)))
    problems.push("these are PyTorch's names: load fromPyTorchNames(state)");
  return problems;
}

function refuse(module: ModuleBase, problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new DataError(
    `loadStateDict: the state does not fit this ${module.constructor.name}:\n  ${problems.join('\n  ')}`,
  );
}

function load({ module, name, target }: Entry, value: Tensor, assign: boolean): void {
  if (target === null) module.setExtraState(value);
  else if (isUninitialized(value)) return;
  else if (assign) {
    const { requiresGrad } = target;
    module.setMember(
      name,
      !isParameter(target) ? value : isParameter(value) ? value : new Parameter(value, requiresGrad),
    );
  } else {
    if (isUninitialized(target)) target.materialize(value.shape);
    target.copy_(value);
  }
}

/** The modules whose hooks are called after loading: those below first. */
function* fromBelow(module: ModuleBase): Generator<ModuleBase> {
  for (const [, child] of ownModules(module)) yield* fromBelow(child);
  yield module;
}

export function loadState(module: ModuleBase, given: StateDict, options: LoadOptions): LoadResult {
  checkOptions('loadStateDict', options, ['strict', 'assign']);
  if (typeof given !== 'object' || given === null)
    throw new DataError(`loadStateDict: expected an object of tensors by path, got ${String(given)}`);
  const { strict = true, assign = false } = options;
  const state = { ...given };
  const entries = entriesOf(module, state, '');
  const present = entries.filter(({ path }) => Object.hasOwn(state, path));
  const paths = new Set(entries.map(({ path }) => path));
  const result: LoadResult = {
    missingKeys: entries.filter((entry) => !present.includes(entry)).map(({ path }) => path),
    unexpectedKeys: Object.keys(state).filter((path) => !paths.has(path)),
    castKeys: assign
      ? []
      : present
          .filter(({ path, target }) => target !== null && state[path]?.dtype !== target.dtype)
          .map(({ path }) => path),
  };
  const misfits = present.flatMap((entry) => misfit(entry, state[entry.path]) ?? []);
  const hooked = [...fromBelow(module)].filter(({ stateHooks }) => !stateHooks.afterLoading.isEmpty);
  // A hook after loading may forgive keys; without one, nothing is loaded unless all is well.
  refuse(module, [...(strict && hooked.length === 0 ? strictProblems(result, state) : []), ...misfits]);
  noGrad(() => {
    for (const entry of present) load(entry, state[entry.path], assign);
  });
  for (const each of hooked) for (const hook of each.stateHooks.afterLoading.list) hook(each, result);
  if (strict) refuse(module, strictProblems(result, state));
  return result;
}
