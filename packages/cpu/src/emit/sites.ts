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

export class SiteTable {
  readonly sites: Site[] = [];
  readonly sizes: number[] = [];
  /** The program's param behind each slot. */
  readonly slots: { readonly dtype: RegisterDType; readonly param: number }[] = [];
  readonly #rank: number;
  readonly #known = new Map<string, number>();

  constructor(rank: number) {
    this.#rank = rank;
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

  cursorOf(access: Access): number {
    return this.#table.cursor(access, access.buffer, storageBytes[this.#storage(access.buffer)]);
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
          cursor: this.cursorOf(access),
          guards: this.guardsOf(access.guards),
        });
      }
      case 'gather': {
        const { access } = instruction;
        return this.#push({
          kind: 'gather',
          dtype,
          storage: this.#loadedAs(access.buffer, dtype),
          cursor: this.cursorOf(access),
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
