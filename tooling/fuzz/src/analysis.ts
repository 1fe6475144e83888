// Follows a program without computing it: shapes, dtypes and aliases from a device that computes nothing, and what
// its values may be from what the instructions claim.

import { ArgumentError, type Storage, setDefaultDevice, type Tensor } from '@nn/tensor';
import { type Domain, inexact } from './domain.ts';
import { Machine } from './machine.ts';
import type { Instruction } from './program.ts';

/** Nothing is known. */
const anything: Domain = { ...inexact(-Infinity, Infinity), special: true };

export interface Known {
  readonly variable: number;
  readonly tensor: Tensor;
  readonly domain: Domain;
}

export class Analysis {
  readonly #machine = new Machine();
  readonly #domains = new Map<Storage, Domain>();
  readonly #device: string;

  constructor(device: string) {
    this.#device = device;
  }

  /** @throws typed errors where the program is not valid. */
  step(instruction: Instruction): void {
    setDefaultDevice(this.#device);
    if (instruction.kind === 'read') {
      this.#machine.tensor(instruction.on);
      return;
    }
    const { kind, domain } = instruction;
    const disposed = kind === 'call' && instruction.name === 'dispose' ? instruction.on : null;
    if (disposed !== null && !isDisposable(disposed, this.all()))
      throw new ArgumentError(`v${disposed} is still needed`);
    const made = this.#machine.run(instruction);
    if (disposed !== null) this.#machine.variables.delete(disposed);
    if (domain === undefined) return;
    const written = kind === 'call' && instruction.on !== null && instruction.name.endsWith('_');
    const target = written && made !== undefined ? this.#machine.tensor(instruction.on) : made;
    if (target !== undefined) this.#domains.set(target.storage, domain);
  }

  known(variable: number): Known {
    const tensor = this.#machine.tensor(variable);
    return { variable, tensor, domain: this.#domains.get(tensor.storage) ?? anything };
  }

  has(variable: number): boolean {
    return this.#machine.variables.has(variable);
  }

  all(): Known[] {
    return [...this.#machine.variables.keys()].map((variable) => this.known(variable));
  }

  forget(variable: number): void {
    this.#machine.variables.delete(variable);
  }
}

/** Whether nothing else shows the variable's memory, was computed from it or needs it for a derivative. */
export function isDisposable(variable: number, variables: readonly Known[]): boolean {
  const { tensor } = variables.find((known) => known.variable === variable)!;
  const others = variables.filter((known) => known.variable !== variable);
  return (
    tensor.viewInfo === null &&
    !tensor.requiresGrad &&
    tensor.node.consumers === 0 &&
    others.every(
      (other) => other.tensor.storage !== tensor.storage && other.tensor.grad?.storage !== tensor.storage,
    )
  );
}
