// Lists and dictionaries of parameters.
import { ArgumentError, isTensor, type Tensor } from '@nn/tensor';
import { DictionaryContainer, type Entries } from './dictionary-container.ts';
import { ListContainer } from './list-container.ts';
import { isParameter, Parameter } from './parameter.ts';
import { describeTensor } from './representation.ts';

/** Plain tensors become parameters. */
function asParameter(functionName: string, value: Tensor): Parameter {
  if (isParameter(value)) return value;
  if (isTensor(value)) return new Parameter(value);
  throw new ArgumentError(`${functionName}: expected a parameter or a tensor`);
}

function describe(entries: Iterable<readonly [string | number, Parameter]>): string {
  return Array.from(
    entries,
    ([name, value]) => `(${name}): Parameter containing: ${describeTensor(value)}`,
  ).join('\n');
}

/**
 * Parameters in order: `list[0]`, `list.at(-1)`, `for (const weight of list)`. Plain tensors become parameters.
 *
 * @example
 * ```ts
 * import { ParameterList } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const weights = new ParameterList([ones([2]), ones([3])]);
 * console.log(weights.length, weights.at(-1).requiresGrad); // => 2 true
 * ```
 */
export class ParameterList extends ListContainer<Tensor> {
  [index: number]: Parameter;

  constructor(values: Iterable<Tensor> = []) {
    super(values);
  }

  protected override checked(functionName: string, value: Tensor): Parameter {
    return asParameter(functionName, value);
  }

  override [Symbol.iterator](): IterableIterator<Parameter> {
    return super[Symbol.iterator]() as IterableIterator<Parameter>;
  }

  override at(index: number): Parameter {
    return super.at(index) as Parameter;
  }

  override pop(index?: number): Parameter {
    return super.pop(index) as Parameter;
  }

  override extraRepr(): string {
    return describe(Array.from(this, (value, i) => [i, value] as const));
  }
}

/**
 * Parameters by name, in order of insertion, as `torch.nn.ParameterDict`. Plain tensors become parameters. It has the
 * methods of a `Map`, and of Python's dictionaries.
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
export class ParameterDict extends DictionaryContainer<Parameter, Tensor> {
  constructor(parameters: Entries<Tensor> = []) {
    super(parameters);
  }

  protected override checked(functionName: string, _name: string, value: Tensor): Parameter {
    return asParameter(functionName, value);
  }

  override extraRepr(): string {
    return describe(this);
  }
}
