// Modules as functions of their parameters, as `torch.func.functional_call`.
import { ArgumentError, checkOptions, isTensor, nearestName, stack, type Tensor } from '@nn/tensor';
import type { AnyModule, Module } from './module.ts';
import { isModule, type ModuleBase } from './module-base.ts';
import { isParameter } from './parameter.ts';
import type { InputsOf, OutputOf } from './sequential.ts';

/** Tensors by path, as `namedParameters` and `namedBuffers` name them. */
export type NamedTensors = { readonly [path: string]: Tensor };

export interface FunctionalCallOptions {
  /** Whether a parameter that is in several places is replaced in all of them by one value. Default true. */
  readonly tieWeights?: boolean;
  /** Whether every parameter and buffer must be given. Default false: what is not given keeps its value. */
  readonly strict?: boolean;
}

/** Where a parameter or a buffer is held. */
interface Place {
  readonly path: string;
  readonly owner: ModuleBase;
  readonly name: string;
  readonly value: Tensor;
}

function placesOf(module: ModuleBase, prefix: string = ''): Place[] {
  const own: Place[] = [];
  for (const [name, value] of module.members())
    if (isParameter(value)) own.push({ path: prefix + name, owner: module, name, value });
  for (const { name, value } of module.ownBuffers())
    if (value !== null) own.push({ path: prefix + name, owner: module, name, value });
  const below = Array.from(module.members()).flatMap(([name, child]) =>
    isModule(child) ? placesOf(child, `${prefix}${name}.`) : [],
  );
  return [...own, ...below];
}

function checkNames(
  module: ModuleBase,
  places: readonly Place[],
  given: NamedTensors,
  strict: boolean,
): void {
  const known = places.map(({ path }) => path);
  const own = new Set(known);
  const name = module.constructor.name;
  for (const [path, value] of Object.entries(given)) {
    if (!own.has(path)) {
      const near = nearestName(path, known);
      const hint = near === undefined ? '' : `. Did you mean '${near}'?`;
      throw new ArgumentError(`functionalCall: this ${name} has no parameter or buffer '${path}'${hint}`);
    }
    if (!isTensor(value)) throw new ArgumentError(`functionalCall: '${path}' is not a tensor`);
  }
  const missing = known.filter((path) => !Object.hasOwn(given, path));
  if (strict && missing.length > 0)
    throw new ArgumentError(`functionalCall: values for ${missing.join(', ')} are missing (strict)`);
}

/** What is to be put where. */
function replacements(places: readonly Place[], given: NamedTensors, ties: boolean): Map<Place, Tensor> {
  const result = new Map<Place, Tensor>();
  const tied = new Map<Tensor, Place>();
  for (const place of places) {
    if (!Object.hasOwn(given, place.path)) continue;
    result.set(place, given[place.path]);
    const other = tied.get(place.value);
    if (ties && other !== undefined && given[other.path] !== given[place.path]) {
      throw new ArgumentError(
        `functionalCall: '${other.path}' and '${place.path}' are one tensor in the module, and two different ones were ` +
          'given. Give one, or set tieWeights to false',
      );
    }
    tied.set(place.value, place);
  }
  if (!ties) return result;
  for (const place of places) {
    const source = tied.get(place.value);
    if (source !== undefined) result.set(place, given[source.path]);
  }
  return result;
}

/**
 * Calls a module with other parameters and buffers in the place of its own, for this call only. Derivatives by them can
 * be taken, also with `func.grad` and `vmap`; in-place updates of buffers go to the given ones.
 *
 * @param tensors By path, or several such dictionaries (parameters and buffers).
 * @param args The arguments of the call: a list.
 * @throws {ArgumentError} for names that the module does not have.
 * @example The gradient of each example of a batch.
 * ```ts
 * import { func, vmap } from '@nn/autograd';
 * import { functionalCall, Linear } from '@nn/modules';
 * import { interpreter, ones, type Tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const model = new Linear(3, 1);
 * const weights = Object.fromEntries(model.namedParameters());
 * const loss = (tensors: { readonly [path: string]: Tensor }, x: Tensor) =>
 *   functionalCall(model, tensors, [x]).square().sum();
 * const gradients = vmap(func.grad(loss), { inDims: [null, 0] })(weights, ones([5, 3]));
 * console.log(gradients.weight.shape); // => [5, 1, 3]
 * ```
 */
export function functionalCall<M extends AnyModule>(
  module: M,
  tensors: NamedTensors | readonly NamedTensors[],
  args: InputsOf<M>,
  options: FunctionalCallOptions = {},
): OutputOf<M> {
  checkOptions('functionalCall', options, ['tieWeights', 'strict']);
  if (!Array.isArray(args))
    throw new ArgumentError("functionalCall: the module's arguments must be a list, such as [x]");
  const { tieWeights = true, strict = false } = options;
  const given: NamedTensors = Array.isArray(tensors) ? Object.assign({}, ...tensors) : tensors;
  // Before the module's own parameters are out of sight.
  module.settle();
  const places = placesOf(module);
  checkNames(module, places, given, strict);
  const replaced = replacements(places, given, tieWeights);
  try {
    for (const [{ owner, name }, value] of replaced) owner.exchangeMember(name, value);
    return (module as unknown as Module<unknown[], OutputOf<M>>)(...args);
  } finally {
    for (const { owner, name, value } of replaced.keys()) owner.exchangeMember(name, value);
  }
}

/**
 * The parameters and the buffers of models of one kind, stacked: `torch.func.stack_module_state`. With `vmap` and
 * `functionalCall` the models run, and are trained, as one.
 *
 * @throws {ArgumentError} for no models, or models whose parameters differ in name.
 * @example
 * ```ts
 * import { vmap } from '@nn/autograd';
 * import { functionalCall, Linear, stackModuleState } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const models = [new Linear(3, 2), new Linear(3, 2), new Linear(3, 2)];
 * const [weights] = stackModuleState(models);
 * const ensemble = vmap((tensors: typeof weights) => functionalCall(models[0], tensors, [ones([4, 3])]));
 * console.log(ensemble(weights).shape); // => [3, 4, 2]
 * ```
 */
export function stackModuleState(
  models: readonly ModuleBase[],
): [parameters: { [path: string]: Tensor }, buffers: { [path: string]: Tensor }] {
  if (models.length === 0) throw new ArgumentError('stackModuleState: there are no models');
  const stacked = (named: readonly (readonly [string, Tensor])[][]): { [path: string]: Tensor } =>
    Object.fromEntries(
      named[0].map(([path, first], i) => {
        const each = named.map((list) => {
          if (list[i]?.[0] === path && list.length === named[0].length) return list[i][1].detach();
          throw new ArgumentError('stackModuleState: the models must be of one kind: their names differ');
        });
        const all = stack(each);
        return [path, first.requiresGrad ? all.requiresGrad_(true) : all];
      }),
    );
  return [
    stacked(models.map((model) => model.namedParameters())),
    stacked(models.map((model) => model.namedBuffers())),
  ];
}
