// What the emitting functions share while one WebAssembly function is written.
import type { Callable, Expression, FunctionBuilder } from '../wasm/index.ts';

/** The instruction sets that a kernel is written for. */
export interface Tier {
  readonly simd: boolean;
  /** Fused multiply-add. */
  readonly relaxedSimd: boolean;
}

/** Functions of JavaScript that kernels call for what they do not compute themselves, all on float64. */
export type ImportedFunction = string;

export class EmitContext {
  readonly builder: FunctionBuilder;
  readonly tier: Tier;
  readonly #imports: ReadonlyMap<ImportedFunction, Callable>;

  constructor(builder: FunctionBuilder, tier: Tier, imports: ReadonlyMap<ImportedFunction, Callable>) {
    this.builder = builder;
    this.tier = tier;
    this.#imports = imports;
  }

  /** Calls an imported function. */
  callImport(name: ImportedFunction, ...operands: Expression<'f64'>[]): Expression<'f64'> {
    const callable = this.#imports.get(name);
    if (callable === undefined)
      throw new TypeError(`cpu: a kernel calls '${name}', which it does not import.`);
    return this.builder.callFor('f64', callable, operands);
  }
}
