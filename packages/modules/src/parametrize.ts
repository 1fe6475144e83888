// Parameters that are computed from others: `torch.nn.utils.parametrize`.
import { noGrad } from '@nn/autograd';
import {
  ArgumentError,
  checkOptions,
  DTypeError,
  formatShape,
  isTensor,
  ShapeError,
  sameShape,
  type Tensor,
} from '@nn/tensor';
import { ModuleDict } from './containers.ts';
import { ListContainer } from './list-container.ts';
import { isModule, type ModuleBase } from './module-base.ts';
import { isParameter, Parameter } from './parameter.ts';

/**
 * A module that computes a parameter from what is learnt in its place. `rightInverse`, if there is one, gives what
 * `forward` makes a given value from; it may be several tensors, which `forward` takes then.
 */
export interface Parametrization extends ModuleBase {
  forward(...inputs: never): Tensor;
  rightInverse?(value: Tensor): Tensor | readonly Tensor[];
}

/** Called with as many tensors as `rightInverse` gives. */
type Computation = (...inputs: readonly Tensor[]) => Tensor;

export interface RegisterOptions {
  /** Whether shape and dtype of the value may change. Default false. */
  readonly unsafe?: boolean;
}

export interface RemoveOptions {
  /** Whether the parameter keeps the computed value, not the one it is computed from. Default true. */
  readonly leaveParametrized?: boolean;
}

/** Values computed while `cached` runs. */
let cache: Map<ParametrizationList, Tensor> | null = null;

/** The parametrizations of one tensor, applied one after another to `original` (or original0, original1 …). */
export class ParametrizationList extends ListContainer<Parametrization> {
  readonly unsafe: boolean;
  /** How many originals there are; null for one called `original`. */
  private count: number | null = null;

  constructor(parametrizations: Iterable<Parametrization>, unsafe: boolean) {
    super(parametrizations);
    this.unsafe = unsafe;
  }

  protected override checked(functionName: string, parametrization: Parametrization): Parametrization {
    if (isModule(parametrization)) return parametrization;
    throw new ArgumentError(`${functionName}: a parametrization must be a module`);
  }

  /** What is learnt. */
  get originals(): Tensor[] {
    const names =
      this.count === null ? ['original'] : Array.from({ length: this.count }, (_, i) => `original${i}`);
    return names.map((name) => Reflect.get(this, name) as Tensor);
  }

  /** @internal Takes over a parameter or a buffer. */
  adopt(value: Tensor): void {
    const given = noGrad(() => this.inverted(value));
    const learnt = isParameter(value);
    const asOwn = (tensor: Tensor): Tensor =>
      !learnt || isParameter(tensor as unknown) ? tensor : new Parameter(tensor.detach(), value.requiresGrad);
    const put = (name: string, tensor: Tensor): void => {
      if (learnt) this.setMember(name, tensor);
      else this.registerBuffer(name, tensor);
    };
    if (!isTensor(given)) {
      this.count = given.length;
      given.forEach((tensor, i) => {
        put(`original${i}`, asOwn(tensor));
      });
    } else if (given === value || !learnt || !sameShape(given.shape, value.shape)) {
      put('original', asOwn(given));
    } else {
      // The parameter stays the object that an optimizer may know.
      noGrad(() => value.copy_(given));
      put('original', value);
    }
  }

  private inverted(value: Tensor): Tensor | readonly Tensor[] {
    const reversed = Array.from(this).reverse();
    return reversed.reduce<Tensor | readonly Tensor[]>((given, parametrization) => {
      if (!isTensor(given))
        throw new ArgumentError(
          'registerParametrization: only the first parametrization of a tensor can be computed from several',
        );
      return parametrization.rightInverse?.(given) ?? given;
    }, value);
  }

  /** The value. */
  compute(): Tensor {
    const known = cache?.get(this);
    if (known !== undefined) return known;
    const [first, ...rest] = Array.from(this) as unknown as Computation[];
    const value = rest.reduce((given, parametrization) => parametrization(given), first(...this.originals));
    cache?.set(this, value);
    return value;
  }

  /** Has the originals be what the value is computed from. */
  assign(value: Tensor): void {
    noGrad(() => {
      const given = this.inverted(value);
      const list = isTensor(given) ? [given] : given;
      this.originals.forEach((original, i) => {
        original.copy_(list[i]);
      });
    });
    cache?.delete(this);
  }
}

function listOf(module: ModuleBase, name: string): ParametrizationList | null {
  const lists: unknown = Reflect.get(module, 'parametrizations');
  return lists instanceof ModuleDict && lists.has(name) ? (lists.get(name) as ParametrizationList) : null;
}

/** Whether a tensor of the module, or any of them, is computed by parametrizations. */
export function isParametrized(module: ModuleBase, name?: string): boolean {
  const lists: unknown = Reflect.get(module, 'parametrizations');
  return lists instanceof ModuleDict && (name === undefined ? lists.size > 0 : lists.has(name));
}

/** A value that the parametrization changed in a way that the module does not expect. */
function checkSame(name: string, before: Tensor, after: Tensor): void {
  if (before.dtype !== after.dtype) {
    throw new DTypeError(
      `registerParametrization: '${name}' is ${before.dtype}, and the parametrization makes it ${after.dtype}. ` +
        'Set unsafe to true if that is intended',
    );
  }
  if (!sameShape(before.shape, after.shape)) {
    throw new ShapeError(
      `registerParametrization: '${name}' has shape ${formatShape(before.shape)}, and the parametrization makes it ` +
        `${formatShape(after.shape)}. Set unsafe to true if that is intended`,
    );
  }
}

/**
 * Has a parameter or a buffer of a module be computed: whenever `module[name]` is read, by the parametrization from
 * `module.parametrizations[name].original`, which is learnt in its place. Further ones are applied one after another.
 *
 * @returns The module.
 * @throws {ArgumentError} when there is no such parameter or buffer.
 * @throws {ShapeError | DTypeError} when the value changes its shape or dtype, unless `unsafe`.
 * @example
 * ```ts
 * import { Linear, Module, parametrize } from '@nn/modules';
 * import { interpreter, type Tensor, use } from '@nn/tensor';
 * use(interpreter());
 * class Symmetric extends Module<[Tensor], Tensor> {
 *   override forward(x: Tensor): Tensor {
 *     return x.triu().add(x.triu(1).transpose(-1, -2));
 *   }
 * }
 * const layer = parametrize.registerParametrization(new Linear(3, 3), 'weight', new Symmetric());
 * console.log(await layer.weight.allclose(layer.weight.transpose(0, 1))); // => true
 * console.log(Object.keys(layer.stateDict())); // => ['bias', 'parametrizations.weight.original']
 * ```
 */
export function registerParametrization<M extends ModuleBase>(
  module: M,
  name: string,
  parametrization: Parametrization,
  options: RegisterOptions = {},
): M {
  checkOptions('registerParametrization', options, ['unsafe']);
  const present = listOf(module, name);
  const before: unknown = Reflect.get(module, name);
  const isBuffer = module.ownBuffers().some((each) => each.name === name);
  if (!isTensor(before) || (present === null && !isParameter(before) && !isBuffer)) {
    throw new ArgumentError(
      `registerParametrization: this ${module.constructor.name} has no parameter or buffer '${name}'`,
    );
  }
  const unsafe = options.unsafe ?? false;
  if (present !== null) {
    if (!present.unsafe && !unsafe)
      checkSame(
        name,
        before,
        noGrad(() => (parametrization as unknown as Computation)(before)),
      );
    present.append(parametrization);
    return module;
  }
  parametrization.train(module.training);
  const list = new ParametrizationList([parametrization], unsafe);
  list.training = module.training;
  const shape = before.detach();
  list.adopt(before);
  if (!unsafe)
    checkSame(
      name,
      shape,
      noGrad(() => list.compute()),
    );
  module.removeMember(name);
  if (!isParametrized(module)) {
    module.setMember('parametrizations', new ModuleDict());
    setTypeName(module, `Parametrized${module.constructor.name}`);
  }
  (Reflect.get(module, 'parametrizations') as ModuleDict).setMember(name, list);
  // The functions look at `this`, so that a copy of the module has its own value.
  Object.defineProperty(module, name, {
    configurable: true,
    enumerable: false,
    get(this: ModuleBase) {
      return listOf(this, name)!.compute();
    },
    set(this: ModuleBase, value: Tensor) {
      listOf(this, name)!.assign(value);
    },
  });
  return module;
}

function setTypeName(module: ModuleBase, value: string): void {
  Object.defineProperty(module, 'typeName', { configurable: true, enumerable: false, value });
}

/**
 * Has a parametrized tensor be an ordinary one again, with the computed value or, without `leaveParametrized`, with the
 * original one.
 *
 * @returns The module.
 * @throws {ArgumentError} when the tensor is not parametrized, or has several originals to choose from.
 * @example
 * ```ts
 * import { Linear, parametrizations, parametrize } from '@nn/modules';
 * import { interpreter, use } from '@nn/tensor';
 * use(interpreter());
 * const layer = parametrizations.weightNorm(new Linear(2, 2));
 * parametrize.removeParametrizations(layer, 'weight');
 * console.log(parametrize.isParametrized(layer), Object.keys(layer.stateDict())); // => false ['bias', 'weight']
 * ```
 */
export function removeParametrizations<M extends ModuleBase>(
  module: M,
  name: string,
  options: RemoveOptions = {},
): M {
  checkOptions('removeParametrizations', options, ['leaveParametrized']);
  const list = listOf(module, name);
  if (list === null)
    throw new ArgumentError(
      `removeParametrizations: '${name}' of this ${module.constructor.name} is not parametrized`,
    );
  const { originals } = list;
  const [original] = originals;
  const leave = options.leaveParametrized ?? true;
  if (!leave && originals.length > 1) {
    throw new ArgumentError(
      `removeParametrizations: '${name}' is computed from ${originals.length} tensors, none of which can take its place. ` +
        'Leave leaveParametrized at true',
    );
  }
  const value = leave ? noGrad(() => list.compute()) : original;
  const lists = Reflect.get(module, 'parametrizations') as ModuleDict;
  lists.delete(name);
  Reflect.deleteProperty(module, name);
  if (!isParameter(original)) module.registerBuffer(name, value);
  else if (originals.length === 1 && sameShape(value.shape, original.shape)) {
    if (leave) noGrad(() => original.copy_(value));
    module.setMember(name, original);
  } else
    module.setMember(
      name,
      new Parameter(
        value.detach().clone(),
        originals.some((each) => each.requiresGrad),
      ),
    );
  if (lists.size === 0) {
    Reflect.deleteProperty(module, 'parametrizations');
    Reflect.deleteProperty(module, 'typeName');
  }
  return module;
}

/**
 * Computes each parametrized tensor once while a function runs, however often it is read: for a recurrent network, say.
 *
 * @example
 * ```ts
 * import { Linear, parametrizations, parametrize } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const layer = parametrizations.weightNorm(new Linear(2, 2));
 * const y = parametrize.cached(() => layer(layer(layer(ones([1, 2])))));
 * console.log(y.shape); // => [1, 2]
 * ```
 */
export function cached<T>(run: () => T): T {
  const outer = cache;
  cache = outer ?? new Map();
  try {
    return run();
  } finally {
    cache = outer;
  }
}
