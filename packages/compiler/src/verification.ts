// Whether programs are checked as they are made. What is written here checks nothing by itself, so that a program
// without it does not carry the checks.
import type { DType, Program } from '@nn/core';

/** Throws when a program does not keep the contract of `core/kernel.ts`. */
export type ProgramVerifier = (program: Program, bytesPerElement: (dtype: DType) => number) => void;

let verifier: ProgramVerifier | null = null;

/**
 * Has every program checked that is made from now on; null: none. For tests, and for those who change the compiler: a
 * mistake of its shows here, and not as a wrong number on some device.
 *
 * @example
 * ```ts
 * import { setProgramVerifier, verifyProgram } from '@nn/compiler';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * setProgramVerifier(verifyProgram);
 * use(interpreter());
 * console.log(await tensor([1, 2]).add(1).toArray()); // => [2, 3]
 * ```
 */
export function setProgramVerifier(given: ProgramVerifier | null): void {
  verifier = given;
}

export function checkProgram(...given: Parameters<ProgramVerifier>): void {
  verifier?.(...given);
}
