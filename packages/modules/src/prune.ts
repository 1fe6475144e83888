// Pruning: parameters whose elements are masked out, as `torch.nn.utils.prune`.
import { noGrad } from '@nn/autograd';
import {
  ArgumentError,
  cat,
  checkOptions,
  formatShape,
  onesLike,
  ShapeError,
  sameShape,
  type Tensor,
} from '@nn/tensor';
import type { ModuleBase } from './module-base.ts';
import { isParameter, type Parameter } from './parameter.ts';
import {
  type Amount,
  type BasePruningMethod,
  CustomFromMask,
  Identity,
  L1Unstructured,
  LnStructured,
  RandomStructured,
  RandomUnstructured,
} from './pruning-methods.ts';

export {
  type Amount,
  BasePruningMethod,
  CustomFromMask,
  Identity,
  L1Unstructured,
  LnStructured,
  RandomStructured,
  RandomUnstructured,
} from './pruning-methods.ts';

export interface PruneOptions {
  /** How much each element matters, of the parameter's shape, in the place of the parameter. */
  readonly importanceScores?: Tensor | null;
}

/** A module's parameter. */
export type PrunedParameter = readonly [module: ModuleBase, name: string];

/** Where a module holds the names of what is pruned; a copy of the module has a set of its own. */
const prunedNames: unique symbol = Symbol('pruned');

function namesOf(module: ModuleBase): Set<string> | undefined {
  return Reflect.get(module, prunedNames) as Set<string> | undefined;
}

/** Whether a parameter of the module, or without a name of any module in it, is pruned. */
export function isPruned(module: ModuleBase, name?: string): boolean {
  if (name !== undefined) return namesOf(module)?.has(name) ?? false;
  return module.modules().some((each) => (namesOf(each)?.size ?? 0) > 0);
}

function originalOf(module: ModuleBase, name: string): Parameter {
  return Reflect.get(module, `${name}Orig`) as Parameter;
}

function maskOf(module: ModuleBase, name: string): Tensor {
  return Reflect.get(module, `${name}Mask`) as Tensor;
}

/** Has the parameter be the product of two others. */
function begin(functionName: string, module: ModuleBase, name: string): void {
  if (isPruned(module, name)) return;
  const parameter: unknown = Reflect.get(module, name);
  if (!isParameter(parameter) || !Object.hasOwn(module, name)) {
    throw new ArgumentError(`${functionName}: this ${module.constructor.name} has no parameter '${name}'`);
  }
  module.removeMember(name);
  module.registerParameter(`${name}Orig`, parameter);
  module.registerBuffer(`${name}Mask`, onesLike(parameter.detach()));
  const names = namesOf(module);
  if (names === undefined)
    Object.defineProperty(module, prunedNames, { configurable: true, value: new Set([name]) });
  else names.add(name);
  Object.defineProperty(module, name, {
    configurable: true,
    enumerable: false,
    get(this: ModuleBase) {
      return originalOf(this, name).mul(maskOf(this, name));
    },
    set(this: ModuleBase) {
      throw new ArgumentError(
        `'${name}' of this ${this.constructor.name} is pruned and cannot be assigned: write to ${name}Orig, or call ` +
          'prune.remove first',
      );
    },
  });
}

/**
 * Prunes a parameter by a method: `module[name]` is `${name}Orig`, which is learnt, times the buffer `${name}Mask`.
 * Pruned again, a fraction is one of what is left.
 *
 * @returns The module.
 * @throws {ArgumentError} for a parameter that the module does not have, or an amount that does not fit.
 */
export function apply<M extends ModuleBase>(
  module: M,
  name: string,
  method: BasePruningMethod,
  options: PruneOptions = {},
): M {
  return applied('apply', module, name, method, options);
}

function applied<M extends ModuleBase>(
  functionName: string,
  module: M,
  name: string,
  method: BasePruningMethod,
  options: PruneOptions,
): M {
  checkOptions(functionName, options, ['importanceScores']);
  const isNew = !isPruned(module, name);
  begin(functionName, module, name);
  try {
    noGrad(() => {
      const value = Reflect.get(module, name) as Tensor;
      const scores = options.importanceScores ?? value;
      if (!sameShape(scores.shape, value.shape)) {
        throw new ShapeError(
          `${functionName}: importanceScores have shape ${formatShape(scores.shape)}, '${name}' ${formatShape(value.shape)}`,
        );
      }
      const mask = maskOf(module, name);
      const computed = method.computeMask(scores, mask.ne(0));
      mask.copy_(computed.to(mask.dtype).mul(mask));
    });
  } catch (error) {
    if (isNew) remove(module, name);
    throw error;
  }
  return module;
}

/** Has a parameter take part in pruning, with nothing pruned. */
export function identity<M extends ModuleBase>(module: M, name: string): M {
  return applied('identity', module, name, new Identity(), {});
}

/** Prunes elements at random. */
export function randomUnstructured<M extends ModuleBase>(module: M, name: string, amount: Amount): M {
  return applied('randomUnstructured', module, name, new RandomUnstructured(amount), {});
}

/**
 * Prunes the elements of the smallest absolute value.
 *
 * @example
 * ```ts
 * import { Linear, Parameter, prune } from '@nn/modules';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const layer = new Linear(4, 1);
 * layer.weight = new Parameter(tensor([[3, -1, 2, -4]]).float());
 * prune.l1Unstructured(layer, 'weight', 0.5);
 * console.log(await layer.weight.toArray()); // => [[3, 0, 0, -4]]
 * console.log(Object.keys(layer.stateDict())); // => ['bias', 'weightOrig', 'weightMask']
 * ```
 */
export function l1Unstructured<M extends ModuleBase>(
  module: M,
  name: string,
  amount: Amount,
  options: PruneOptions = {},
): M {
  return applied('l1Unstructured', module, name, new L1Unstructured(amount), options);
}

/** Prunes slices along a dimension at random. */
export function randomStructured<M extends ModuleBase>(
  module: M,
  name: string,
  amount: Amount,
  dim: number,
): M {
  return applied('randomStructured', module, name, new RandomStructured(amount, dim), {});
}

/** Prunes the slices along a dimension whose n-norm is smallest. */
export function lnStructured<M extends ModuleBase>(
  module: M,
  name: string,
  amount: Amount,
  n: number,
  dim: number,
  options: PruneOptions = {},
): M {
  return applied('lnStructured', module, name, new LnStructured(amount, n, dim), options);
}

/** Prunes where a mask of the parameter's shape is 0. */
export function customFromMask<M extends ModuleBase>(module: M, name: string, mask: Tensor): M {
  return applied('customFromMask', module, name, new CustomFromMask(mask), {});
}

/**
 * Prunes several parameters by one method as if they were one: the smallest of all are pruned.
 *
 * @param scores For some of the parameters, in their places, scores in the place of the parameter.
 * @example
 * ```ts
 * import { Linear, prune, Sequential } from '@nn/modules';
 * import { interpreter, use } from '@nn/tensor';
 * use(interpreter());
 * const model = new Sequential(new Linear(4, 4), new Linear(4, 2));
 * prune.globalUnstructured(
 *   [[model[0], 'weight'], [model[1], 'weight']],
 *   new prune.L1Unstructured(0.25),
 * );
 * const { 0: { weight: first }, 1: { weight: second } } = model;
 * console.log((await first.eq(0).sum().item()) + (await second.eq(0).sum().item())); // => 6
 * ```
 */
export function globalUnstructured(
  parameters: Iterable<PrunedParameter>,
  method: BasePruningMethod,
  scores: readonly (Tensor | null | undefined)[] = [],
): void {
  const all = [...parameters];
  if (all.length === 0) throw new ArgumentError('globalUnstructured: there are no parameters');
  for (const [module, name] of all) begin('globalUnstructured', module, name);
  noGrad(() => {
    const values = all.map(([module, name], i) => scores[i] ?? (Reflect.get(module, name) as Tensor));
    const masks = all.map(([module, name]) => maskOf(module, name));
    const together = (list: readonly Tensor[]): Tensor => cat(list.map((each) => each.reshape(-1)));
    const mask = method.computeMask(together(values), together(masks).ne(0));
    let from = 0;
    for (const each of masks) {
      const part = mask.narrow(0, from, each.numel()).reshape(each.shape);
      each.copy_(part.to(each.dtype).mul(each));
      from += each.numel();
    }
  });
}

/**
 * Ends the pruning of a parameter: it is an ordinary one again, with zeros where it was pruned.
 *
 * @returns The module.
 * @throws {ArgumentError} when it is not pruned.
 */
export function remove<M extends ModuleBase>(module: M, name: string): M {
  if (!isPruned(module, name)) {
    throw new ArgumentError(`remove: '${name}' of this ${module.constructor.name} is not pruned`);
  }
  const original = originalOf(module, name);
  noGrad(() => original.mul_(maskOf(module, name)));
  namesOf(module)?.delete(name);
  for (const each of [`${name}Orig`, `${name}Mask`]) module.removeMember(each);
  Reflect.deleteProperty(module, name);
  module.registerParameter(name, original);
  return module;
}
