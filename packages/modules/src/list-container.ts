// What lists of modules and lists of parameters share.
import { ArgumentError, IndexError } from '@nn/tensor';
import { Module } from './module.ts';
import type { ModuleBase } from './module-base.ts';

/** An error for containers, which are not called themselves. */
export function notCallable(name: string): ArgumentError {
  return new ArgumentError(`${name}: a ${name} is not called itself; call the modules in it`);
}

/** A position, which may count from the end. @throws {IndexError} when it is out of range. */
export function positionIn(
  functionName: string,
  container: ModuleBase,
  index: number,
  length: number,
): number {
  const position = index < 0 ? index + length : index;
  if (Number.isInteger(index) && position >= 0 && position < length) return position;
  throw new IndexError(
    `${functionName}: ${index} is out of range for a ${container.constructor.name} of length ${length}`,
  );
}

/** Has a container hold these items under the names '0', '1' … in the place of what it held under `names`. */
export function renumber(container: ModuleBase, names: readonly string[], items: readonly unknown[]): void {
  for (const name of names) Reflect.deleteProperty(container, name);
  items.forEach((item, i) => {
    container.setMember(String(i), item);
  });
}

/** Items by position: `list[0]`, `list.at(-1)`, `for (const item of list)`. */
export abstract class ListContainer<Item> extends Module<never, never> {
  [index: number]: Item;

  constructor(items: Iterable<Item>) {
    super();
    this.extend(items);
  }

  /** The item as it is held. @throws {ArgumentError} for what the list does not take. */
  protected abstract checked(functionName: string, item: Item): Item;

  override forward(): never {
    throw notCallable(this.constructor.name);
  }

  private get items(): Item[] {
    return Array.from(this.members()).flatMap(([name, value]) => (/^\d+$/.test(name) ? [value as Item] : []));
  }

  private refill(items: readonly Item[]): void {
    renumber(
      this,
      Object.keys(this).filter((name) => /^\d+$/.test(name)),
      items,
    );
  }

  /** A list of the same class. */
  private another(items: Iterable<Item>): this {
    return Reflect.construct(this.constructor as new (given: Iterable<Item>) => this, [items]);
  }

  override get length(): number {
    return this.items.length;
  }

  [Symbol.iterator](): IterableIterator<Item> {
    return this.items.values();
  }

  /** The item at a position, which may count from the end. @throws {IndexError} when it is out of range. */
  at(index: number): Item {
    const { items } = this;
    return items[positionIn('at', this, index, items.length)];
  }

  /** Replaces the item at a position, which may count from the end. */
  set(index: number, item: Item): this {
    const position = positionIn('set', this, index, this.length);
    this.setMember(String(position), this.checked('set', item));
    return this;
  }

  /** Adds an item at the end. */
  append(item: Item): this {
    this.setMember(String(this.length), this.checked('append', item));
    return this;
  }

  /** Adds items at the end. */
  extend(items: Iterable<Item>): this {
    for (const item of [...items]) this.append(item);
    return this;
  }

  /** Puts an item before the position, which may count from the end, or be the end. */
  insert(index: number, item: Item): this {
    const { items } = this;
    items.splice(
      index === items.length ? index : positionIn('insert', this, index, items.length),
      0,
      this.checked('insert', item),
    );
    this.refill(items);
    return this;
  }

  /** Removes and returns the item at a position; by default the last. Those behind it move up. */
  pop(index: number = -1): Item {
    const { items } = this;
    const [removed] = items.splice(positionIn('pop', this, index, items.length), 1);
    this.refill(items);
    return removed;
  }

  /** Removes all items. */
  clear(): void {
    this.refill([]);
  }

  /** A list of the same items from `start` up to `end`, as `Array.slice` counts. */
  slice(start?: number, end?: number): this {
    return this.another(this.items.slice(start, end));
  }

  /** A list of these items and then others. */
  concat(items: Iterable<Item>): this {
    return this.another([...this.items, ...items]);
  }

  /** The position of an item, or -1. */
  indexOf(item: Item): number {
    return this.items.indexOf(item);
  }
}
