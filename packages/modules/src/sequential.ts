// Modules one after another, with types that flow through.
import { ArgumentError } from '@nn/tensor';
import { positionIn, renumber } from './list-container.ts';
import { Module } from './module.ts';
import { isModule, type ModuleBase } from './module-base.ts';

/** What a module takes. */
export type InputsOf<M> = M extends (...inputs: infer Inputs) => unknown ? Inputs : never;
/** What a module gives. */
export type OutputOf<M> = M extends (...inputs: never) => infer Output ? Output : never;

/** Inputs without those that may be left out: what a chain of modules hands on. */
type Required<Inputs extends unknown[]> = number extends Inputs['length']
  ? Inputs
  : Inputs extends [infer First, ...infer Rest]
    ? [First, ...Required<Rest>]
    : [];

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
  Required<InputsOf<First<Modules>>>,
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

  override forward(...inputs: Required<InputsOf<First<Modules>>>): OutputOf<Last<Modules>> {
    let values: readonly unknown[] = inputs as unknown[];
    // As `modulesInOrder` has them, without its lists: small networks are run very often.
    for (const name of Object.keys(this)) {
      const module: unknown = Reflect.get(this, name);
      if (isModule(module))
        values = [
          (module as unknown as Module<readonly unknown[] & never[], unknown>)(...(values as never[])),
        ];
    }
    return values[0] as OutputOf<Last<Modules>>;
  }

  override get length(): number {
    return this.entries().length;
  }

  [Symbol.iterator](): IterableIterator<Modules[number]> {
    return this.modulesInOrder().values();
  }

  /** Names and modules, in order. */
  entries(): [string, Modules[number]][] {
    return Object.keys(this).flatMap((name): [string, Modules[number]][] => {
      const value: unknown = Reflect.get(this, name);
      return isModule(value) ? [[name, value]] : [];
    });
  }

  private modulesInOrder(): Modules[number][] {
    return this.entries().map(([, module]) => module);
  }

  private refill(modules: readonly ModuleBase[]): void {
    renumber(
      this,
      this.entries().map(([name]) => name),
      modules,
    );
  }

  /** The module at a position, which may count from the end. @throws {IndexError} when it is out of range. */
  at<Index extends number>(index: Index): At<Modules, Index> {
    const modules = this.modulesInOrder();
    return modules[positionIn('at', this, index, modules.length)] as At<Modules, Index>;
  }

  /** Replaces the module at a position, which may count from the end; the name stays. */
  set(index: number, module: ModuleBase): this {
    const entries = this.entries();
    this.setMember(entries[positionIn('set', this, index, entries.length)][0], checked('set', module));
    return this;
  }

  /** Adds a module at the end. */
  append(module: Module<[OutputOf<Last<Modules>>], OutputOf<Last<Modules>>>): this {
    this.addModule(String(this.length), checked('append', module));
    return this;
  }

  /** Adds modules at the end. */
  extend(modules: Iterable<Module<[OutputOf<Last<Modules>>], OutputOf<Last<Modules>>>>): this {
    for (const module of [...modules]) this.append(module);
    return this;
  }

  /** Puts a module before the position, which may count from the end, or be the end. Names become numbers. */
  insert(index: number, module: ModuleBase): this {
    const modules = this.modulesInOrder();
    const position = index === modules.length ? index : positionIn('insert', this, index, modules.length);
    modules.splice(position, 0, checked('insert', module));
    this.refill(modules);
    return this;
  }

  /** Removes and returns the module at a position; by default the last. Names of those left become numbers. */
  pop(index: number = -1): Modules[number] {
    const modules = this.modulesInOrder();
    const [removed] = modules.splice(positionIn('pop', this, index, modules.length), 1);
    this.refill(modules);
    return removed;
  }

  /** The same modules, with their names, from `start` up to `end`, as `Array.slice` counts. */
  slice(start?: number, end?: number): Sequential {
    return new Sequential(Object.fromEntries(this.entries().slice(start, end)));
  }

  /** These modules and then others', numbered. */
  concat(other: Iterable<ModuleBase>): Sequential {
    return new Sequential(...([...this.modulesInOrder(), ...other] as Module[]));
  }
}

function checked<M extends ModuleBase>(functionName: string, module: M): M {
  if (isModule(module)) return module;
  throw new ArgumentError(`${functionName}: a Sequential holds modules, got ${typeof module}`);
}
