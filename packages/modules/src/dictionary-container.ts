// What dictionaries of modules and dictionaries of parameters share.
import { ArgumentError, nearestName } from '@nn/tensor';
import { notCallable } from './list-container.ts';
import { Module } from './module.ts';

/** What a dictionary is made of: an object, or pairs of names and values. */
export type Entries<Given> = { readonly [name: string]: Given } | Iterable<readonly [string, Given]>;

function pairsOf<Given>(entries: Entries<Given>): Iterable<readonly [string, Given]> {
  return Symbol.iterator in entries
    ? (entries as Iterable<readonly [string, Given]>)
    : Object.entries(entries);
}

/** Items by name, in order of insertion. `Given` is what may be set, `Item` what is held. */
export abstract class DictionaryContainer<Item, Given = Item> extends Module<never, never> {
  private readonly held = new Map<string, Item>();

  constructor(entries: Entries<Given>) {
    super();
    this.update(entries);
  }

  /** The item as it is held. @throws {ArgumentError} for what the dictionary does not take. */
  protected abstract checked(functionName: string, name: string, item: Given): Item;

  override forward(): never {
    throw notCallable(this.constructor.name);
  }

  override members(): Iterable<readonly [string, unknown]> {
    return this.held;
  }

  override exchangeMember(name: string, value: unknown): void {
    this.held.set(name, value as Item);
  }

  override removeMember(name: string): void {
    this.pop(name);
  }

  /** A dictionary of the same class. */
  private another(entries: Entries<Given | Item>): this {
    return Reflect.construct(this.constructor as new (given: Entries<Given | Item>) => this, [entries]);
  }

  /** Number of items. */
  get size(): number {
    return this.held.size;
  }

  /** The item of a name, or the fallback. @throws {ArgumentError} when there is neither. */
  get(name: string, fallback?: Item): Item {
    const item = this.held.get(name) ?? fallback;
    if (item !== undefined) return item;
    const near = nearestName(name, this.keys());
    const hint = near === undefined ? '' : `. Did you mean '${near}'?`;
    throw new ArgumentError(
      `get: this ${this.constructor.name} has no '${name}'; it has: ${[...this.keys()].join(', ')}${hint}`,
    );
  }

  /** Adds or replaces an item. */
  set(name: string, item: Given): this {
    if (name === '' || name.includes('.')) {
      throw new ArgumentError(`set: a name must not be empty or contain dots, got '${name}'`);
    }
    this.setMember(name, this.checked('set', name, item));
    return this;
  }

  /** Whether there is an item of the name. */
  has(name: string): boolean {
    return this.held.has(name);
  }

  /** Removes an item; whether there was one. */
  delete(name: string): boolean {
    return this.held.delete(name);
  }

  /** The item of a name, which is set first if there is none. */
  setDefault(name: string, item: Given): Item {
    if (!this.has(name)) this.set(name, item);
    return this.get(name);
  }

  /** Removes and returns an item, or returns the fallback. @throws {ArgumentError} when there is neither. */
  pop(name: string, fallback?: Item): Item {
    const item = this.get(name, fallback);
    this.held.delete(name);
    return item;
  }

  /** Removes and returns the entry set last. @throws {ArgumentError} when there is none. */
  popItem(): [string, Item] {
    const last = [...this.held].at(-1);
    if (last === undefined) throw new ArgumentError(`popItem: this ${this.constructor.name} is empty`);
    this.held.delete(last[0]);
    return last;
  }

  /** Removes all items. */
  clear(): void {
    this.held.clear();
  }

  /** Sets all entries; those of the same name are replaced. */
  update(entries: Entries<Given>): this {
    for (const [name, item] of [...pairsOf(entries)]) this.set(name, item);
    return this;
  }

  /** Another dictionary of the same items. */
  copy(): this {
    return this.another(this.held);
  }

  /** A dictionary of these entries and of others, which win: Python's `|`. */
  union(entries: Entries<Given>): this {
    return this.copy().update(entries);
  }

  /** A dictionary with the same value under each name. */
  fromKeys(names: Iterable<string>, item: Given): this {
    return this.another(Array.from(names, (name) => [name, item] as const));
  }

  keys(): IterableIterator<string> {
    return this.held.keys();
  }

  values(): IterableIterator<Item> {
    return this.held.values();
  }

  entries(): IterableIterator<[string, Item]> {
    return this.held.entries();
  }

  [Symbol.iterator](): IterableIterator<[string, Item]> {
    return this.held.entries();
  }
}
