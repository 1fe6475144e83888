/** Values of a row that stay in variables besides being stored, for the steps that follow. */
import type { Access, LoopKernel } from '@nn/core';
import type { KernelCode } from './kernel-code.ts';
import { registerType } from './storage.ts';
import { buffersRead, buffersWritten, loadsOf, shareBuffers } from './touched.ts';

interface Kept {
  readonly access: Access;
  readonly name: string;
}

export class KeptValues {
  readonly #rowRank: number;
  readonly #code: KernelCode;
  #kept: readonly Kept[] = [];
  #count = 0;

  constructor(rowRank: number, code: KernelCode) {
    this.#rowRank = rowRank;
    this.#code = code;
  }

  /** The variable that holds what a load would read. */
  nameOf(access: Access): string | undefined {
    return this.#kept.find((kept) => this.#isSame(access, kept.access))?.name;
  }

  /** The buffers that a loop reads where no variable serves. */
  otherReads(loop: LoopKernel): Set<number> {
    const loads = loadsOf(loop).filter((access) => this.nameOf(access) === undefined);
    return new Set(loads.map(({ buffer }) => buffer));
  }

  /**
   * Whether what a loop of one result a row stores is loaded by a later one, and may be computed by several lanes:
   * not if it also reads what one of them then overwrites.
   */
  isWanted(loop: LoopKernel, later: readonly LoopKernel[]): boolean {
    if (shareBuffers(buffersRead(loop), buffersWritten(loop))) return false;
    const loads = later.flatMap(loadsOf);
    return loop.stores.some(
      ({ access }) => access.guards.length === 0 && loads.some((load) => this.#isSame(load, access)),
    );
  }

  /** Forgets what a loop overwrites; the statements that keep what it stores instead, if its values are given. */
  replace(loop: LoopKernel, stored: readonly string[] | null): string[] {
    const overwritten = buffersWritten(loop);
    this.#kept = this.#kept.filter(({ access }) => !overwritten.has(access.buffer));
    if (stored === null) return [];
    return loop.stores.flatMap(({ access, value }, at) => {
      if (access.guards.length > 0) return [];
      const name = `kept${this.#count++}`;
      const type = registerType(loop.epilogue[value].dtype);
      this.#code.declare(`var<private> ${name}: ${type};`);
      this.#kept = [...this.#kept, { access, name }];
      return [`${name} = ${stored[at]};`];
    });
  }

  /** Whether a load reads, in every coordinate, what a store writes to the row. */
  #isSame(load: Access, store: Access): boolean {
    return (
      load.buffer === store.buffer &&
      load.guards.length === 0 &&
      load.offset === store.offset &&
      load.strides.every((stride, dim) => stride === (dim < this.#rowRank ? store.strides[dim] : 0))
    );
  }
}
