// Lists and dictionaries of parameters.
import { ArgumentError, IndexError, isTensor, type Tensor } from '@nn/tensor';
import { isPosition, notCallable } from './containers.ts';
import { Module } from './module.ts';
import { isParameter, Parameter } from './parameter.ts';

/** Plain tensors become parameters. */
function asParameter(functionName: string, value: Tensor): Parameter {
  if (isParameter(value)) return value;
  if (isTensor(value)) return new Parameter(value);
  throw new ArgumentError(`${functionName}: expected a parameter or a tensor`);
}

/** Parameters in order: `list[0]`, `list.at(-1)`, `for (const weight of list)`. */
export class ParameterList extends Module<never, never> {
  [index: number]: Parameter;

  constructor(values: Iterable<Tensor> = []) {
    super();
    this.extend(values);
  }

  override forward(): never {
    throw notCallable('ParameterList');
  }

  override get length(): number {
    return [...this].length;
  }

  *[Symbol.iterator](): Generator<Parameter> {
    for (const [name, value] of this.members()) if (isParameter(value) && isPosition(name)) yield value;
  }

  /** The parameter at a position, which may count from the end. */
  at(index: number): Parameter {
    const parameter = [...this].at(index);
    if (parameter === undefined) {
      throw new IndexError(`at: ${index} is out of range for a ParameterList of ${this.length} parameters`);
    }
    return parameter;
  }

  append(value: Tensor): this {
    this.registerParameter(String(this.length), asParameter('append', value));
    return this;
  }

  extend(values: Iterable<Tensor>): this {
    for (const value of values) this.append(value);
    return this;
  }
}

type Entries = { readonly [name: string]: Tensor } | Iterable<readonly [string, Tensor]>;

/**
 * Parameters by name, in order of insertion, as `torch.nn.ParameterDict`.
 *
 * @example
 * ```ts
 * import { ParameterDict } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const weights = new ParameterDict({ left: ones([2]), right: ones([3]) });
 * const copy = weights.copy();
 * copy.pop('left');
 * console.log([...weights.keys()], [...copy.keys()]); // => ['left', 'right'] ['right']
 * ```
 */
export class ParameterDict extends Module<never, never> {
  readonly #parameters = new Map<string, Parameter>();

  constructor(parameters: Entries = []) {
    super();
    this.update(parameters);
  }

  override forward(): never {
    throw notCallable('ParameterDict');
  }

  override members(): Iterable<readonly [string, unknown]> {
    return this.#parameters;
  }

  get size(): number {
    return this.#parameters.size;
  }

  /** The parameter of a name, or the fallback. @throws {ArgumentError} when there is neither. */
  get(name: string, fallback?: Parameter): Parameter {
    const parameter = this.#parameters.get(name) ?? fallback;
    if (parameter !== undefined) return parameter;
    throw new ArgumentError(
      `get: this ParameterDict has no '${name}'; it has: ${[...this.keys()].join(', ')}`,
    );
  }

  set(name: string, value: Tensor): this {
    if (name === '' || name.includes('.')) {
      throw new ArgumentError(`set: a name must not be empty or contain dots, got '${name}'`);
    }
    this.#parameters.set(name, asParameter('set', value));
    return this;
  }

  has(name: string): boolean {
    return this.#parameters.has(name);
  }

  /** The parameter of a name, which is set first if there is none. */
  setDefault(name: string, value: Tensor): Parameter {
    if (!this.has(name)) this.set(name, value);
    return this.get(name);
  }

  /** Removes and returns a parameter. */
  pop(name: string): Parameter {
    const parameter = this.get(name);
    this.#parameters.delete(name);
    return parameter;
  }

  /** Removes and returns the entry set last. */
  popItem(): [string, Parameter] {
    const last = [...this.#parameters].at(-1);
    if (last === undefined) throw new ArgumentError('popItem: this ParameterDict is empty');
    this.#parameters.delete(last[0]);
    return last;
  }

  clear(): void {
    this.#parameters.clear();
  }

  update(parameters: Entries): this {
    const entries =
      Symbol.iterator in parameters
        ? (parameters as Iterable<readonly [string, Tensor]>)
        : Object.entries(parameters);
    for (const [name, value] of entries) this.set(name, value);
    return this;
  }

  /** Another dictionary of the same parameters. */
  copy(): ParameterDict {
    return new ParameterDict(this.#parameters);
  }

  /** A dictionary with the same value under each name. */
  fromKeys(names: Iterable<string>, value: Tensor): ParameterDict {
    return new ParameterDict(Array.from(names, (name) => [name, value] as const));
  }

  keys(): IterableIterator<string> {
    return this.#parameters.keys();
  }

  values(): IterableIterator<Parameter> {
    return this.#parameters.values();
  }

  entries(): IterableIterator<[string, Parameter]> {
    return this.#parameters.entries();
  }

  [Symbol.iterator](): IterableIterator<[string, Parameter]> {
    return this.#parameters.entries();
  }
}
