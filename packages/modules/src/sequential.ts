// Modules one after another, with types that flow through.
import { ArgumentError, IndexError } from '@nn/tensor';
import { Module } from './module.ts';
import { isModule, type ModuleBase } from './module-base.ts';

/** What a module takes. */
export type InputsOf<M> = M extends (...inputs: infer Inputs) => unknown ? Inputs : never;
/** What a module gives. */
export type OutputOf<M> = M extends (...inputs: never) => infer Output ? Output : never;

type First<Modules extends readonly ModuleBase[]> = Modules extends readonly [infer M, ...unknown[]]
  ? M
  : Modules[number];
type Last<Modules extends readonly ModuleBase[]> = Modules extends readonly [...unknown[], infer M]
  ? M
  : Modules[number];

type At<Modules extends readonly ModuleBase[], Index extends number> = `${Index}` extends keyof Modules
  ? Modules[`${Index}`]
  : Modules[number];

/** `unknown` when each output fits the next module; else a type that names the misfit. */
export type Chained<Modules extends readonly unknown[]> = Modules extends readonly [
  infer A,
  infer B,
  ...infer Rest,
]
  ? [OutputOf<A>] extends InputsOf<B>
    ? Chained<[B, ...Rest]>
    : readonly [{ readonly theOutput: OutputOf<A>; readonly doesNotFit: InputsOf<B> }]
  : unknown;

/**
 * Calls modules one after another; `new Sequential(a, b)`, or `new Sequential({ first: a, second: b })` with names.
 * The types of the first module's inputs and the last one's output are those of the whole.
 *
 * @example
 * ```ts
 * import { Linear, ReLU, Sequential } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const model = new Sequential(new Linear(4, 8), new ReLU(), new Linear(8, 2));
 * console.log(model(ones([3, 4])).shape); // => [3, 2]
 * ```
 */
export class Sequential<Modules extends readonly ModuleBase[] = Module[]> extends Module<
  InputsOf<First<Modules>>,
  OutputOf<Last<Modules>>
> {
  [index: number]: Modules[number];

  constructor(...modules: Modules & Chained<Modules>);
  constructor(modules: { readonly [name: string]: ModuleBase });
  constructor(...given: unknown[]) {
    super();
    const [first] = given;
    const named =
      given.length === 1 && typeof first === 'object' && first !== null ? Object.entries(first) : null;
    for (const [name, module] of named ?? given.map((each, i) => [String(i), each] as const)) {
      this.addModule(name, module as ModuleBase);
    }
  }

  override forward(...inputs: InputsOf<First<Modules>>): OutputOf<Last<Modules>> {
    let values: readonly unknown[] = inputs as unknown[];
    for (const module of this)
      values = [(module as unknown as Module<readonly unknown[] & never[], unknown>)(...(values as never[]))];
    return values[0] as OutputOf<Last<Modules>>;
  }

  override get length(): number {
    return [...this].length;
  }

  *[Symbol.iterator](): Generator<Modules[number]> {
    for (const name of Object.keys(this)) {
      const value: unknown = Reflect.get(this, name);
      if (isModule(value)) yield value;
    }
  }

  /** The module at a position, which may count from the end. */
  at<Index extends number>(index: Index): At<Modules, Index> {
    const module = [...this].at(index);
    if (module === undefined) {
      throw new IndexError(`at: ${index} is out of range for a Sequential of ${this.length} modules`);
    }
    return module as At<Modules, Index>;
  }

  /** Adds a module at the end. */
  append(module: Module<[OutputOf<Last<Modules>>], OutputOf<Last<Modules>>>): this {
    if (!isModule(module)) throw new ArgumentError('append: expected a module');
    this.addModule(String(this.length), module);
    return this;
  }
}
