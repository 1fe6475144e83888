// Collects what a kernel's instructions refer to (places in buffers, numbers of the coordinates, guards, params) and
// turns the instructions into the steps of a structure.
import type { Access, Affine, Bound, DType, Instruction, Value } from '@nn/core';
import type { RegisterDType } from './registers.ts';
import { storageBytes } from './registers.ts';
import type { Step } from './structure.ts';

/** An affine function over the kernel's and the reduction's dimensions, in bytes or, for numbers, in ones. */
export interface Site {
  /** Index into the program's buffers, or -1 for a number. */
  readonly buffer: number;
  readonly elementBytes: number;
  readonly offset: number;
  readonly strides: readonly number[];
}

/** A step whose dependencies are not known yet. */
type Distribute<S> = S extends Step ? Omit<S, 'depends'> : never;
export type OpenStep = Distribute<Step>;

/** Where an access is: so many bytes from a cursor. */
export interface Place {
  readonly cursor: number;
  readonly displacement: number;
}

/** Accesses to one buffer that move alike share a cursor from this many on, as the taps of a convolution do. */
const leastShared = 4;
/** What lies farther apart than this could reach beyond what a memory's addresses may. */
const largestDisplacement = 2 ** 30;

export class SiteTable {
  readonly sites: Site[] = [];
  readonly sizes: number[] = [];
  /** The program's param behind each slot. */
  readonly slots: { readonly dtype: RegisterDType; readonly param: number }[] = [];
  readonly #rank: number;
  readonly #known = new Map<string, number>();
  /** The least offset of accesses that share a cursor. */
  readonly #shared = new Map<string, number>();

  /** @param accesses all that will be asked for, with the bytes of their elements. */
  constructor(rank: number, accesses: readonly (readonly [Access, number])[]) {
    this.#rank = rank;
    const alike = new Map<string, Set<number>>();
    for (const [access, elementBytes] of accesses) {
      const key = this.#movementKey(access, elementBytes);
      const offsets = alike.get(key);
      if (offsets === undefined) alike.set(key, new Set([access.offset]));
      else offsets.add(access.offset);
      const found = alike.get(key) as Set<number>;
      if (found.size < leastShared) continue;
      const [least, most] = [Math.min(...found), Math.max(...found)];
      if ((most - least) * elementBytes <= largestDisplacement) this.#shared.set(key, least);
      else this.#shared.delete(key);
    }
  }

  #movementKey({ buffer, strides }: Access, elementBytes: number): string {
    return `${buffer} ${elementBytes} ${strides.join()}`;
  }

  place(access: Access, elementBytes: number): Place {
    const { buffer, offset } = access;
    const base = this.#shared.get(this.#movementKey(access, elementBytes)) ?? offset;
    const cursor = this.cursor({ ...access, offset: base }, buffer, elementBytes);
    return { cursor, displacement: (offset - base) * elementBytes };
  }

  /** The cursor of an affine function over `strides.length` leading dimensions. */
  cursor(affine: Affine, buffer: number, elementBytes: number): number {
    const scale = elementBytes === 0 ? 1 : elementBytes;
    const strides = Array.from({ length: this.#rank }, (_, at) => (affine.strides[at] ?? 0) * scale);
    const key = `c${buffer} ${elementBytes} ${affine.offset} ${strides.join()}`;
    return this.#intern(key, this.sites, { buffer, elementBytes, offset: affine.offset * scale, strides });
  }

  size(size: number): number {
    return this.#intern(`s${size}`, this.sizes, size);
  }

  slot(dtype: RegisterDType, param: number): number {
    return this.#intern(`p${dtype} ${param}`, this.slots, { dtype, param });
  }

  #intern<T>(key: string, list: T[], item: T): number {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const at = list.push(item) - 1;
    this.#known.set(key, at);
    return at;
  }
}

/** Builds one list of steps. */
export class StepList {
  readonly steps: OpenStep[] = [];
  readonly #table: SiteTable;
  readonly #storage: (buffer: number) => DType;
  readonly #guards = new Map<string, Value>();

  constructor(table: SiteTable, storage: (buffer: number) => DType) {
    this.#table = table;
    this.#storage = storage;
  }

  /** Appends instructions; gives the step of each. */
  append(instructions: readonly Instruction[]): Value[] {
    const values: Value[] = [];
    for (const instruction of instructions) values.push(this.#appendOne(instruction, values));
    return values;
  }

  placeOf(access: Access): Place {
    return this.#table.place(access, storageBytes[this.#storage(access.buffer)]);
  }

  guardsOf(guards: readonly Bound[]): Value[] {
    return guards.map((guard) => this.#guard(guard));
  }

  #appendOne(instruction: Instruction, values: readonly Value[]): Value {
    const dtype = instruction.dtype as RegisterDType;
    switch (instruction.op) {
      case 'const':
        return this.#push({ kind: 'constant', dtype, value: instruction.value });
      case 'param':
        return this.#push({ kind: 'slot', dtype, slot: this.#table.slot(dtype, instruction.index) });
      case 'index':
        return this.#push({ kind: 'index', dtype, cursor: this.#table.cursor(instruction.affine, -1, 0) });
      case 'load': {
        const { access } = instruction;
        return this.#push({
          kind: 'load',
          dtype,
          storage: this.#loadedAs(access.buffer, dtype),
          ...this.placeOf(access),
          guards: this.guardsOf(access.guards),
        });
      }
      case 'gather': {
        const { access } = instruction;
        return this.#push({
          kind: 'gather',
          dtype,
          storage: this.#loadedAs(access.buffer, dtype),
          cursor: this.#table.cursor(access, access.buffer, storageBytes[this.#storage(access.buffer)]),
          size: this.#table.size(instruction.size),
          guards: this.guardsOf(access.guards),
          args: [values[instruction.args[0]]],
        });
      }
      case 'inside':
        return this.#all(this.guardsOf(instruction.guards));
      case 'result':
        return this.#push({ kind: 'result', dtype, index: instruction.index });
      default:
        return this.#push({
          kind: 'operation',
          dtype,
          op: instruction.op,
          args: instruction.args.map((arg) => values[arg]),
        });
    }
  }

  /** 16-bit floats are loaded as the int16 of their bits. */
  #loadedAs(buffer: number, dtype: RegisterDType): DType {
    const storage = this.#storage(buffer);
    return storage === 'float16' || storage === 'bfloat16' ? dtype : storage;
  }

  #guard(bound: Bound): Value {
    const cursor = this.#table.cursor(bound, -1, 0);
    const size = this.#table.size(bound.size);
    const key = `${cursor} ${size}`;
    const known = this.#guards.get(key);
    if (known !== undefined) return known;
    const value = this.#push({ kind: 'guard', dtype: 'bool', cursor, size });
    this.#guards.set(key, value);
    return value;
  }

  #all(conditions: readonly Value[]): Value {
    if (conditions.length === 0) return this.#push({ kind: 'constant', dtype: 'bool', value: 1 });
    return conditions.reduce((a, b) =>
      this.#push({ kind: 'operation', dtype: 'bool', op: 'and', args: [a, b] }),
    );
  }

  #push(step: OpenStep): Value {
    return this.steps.push(step) - 1;
  }
}
