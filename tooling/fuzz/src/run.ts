// Runs a program on a device, in one of the ways in which the engine can run it.
import { isHeld, NnError } from '@nn/core';
import {
  backendOf,
  compile,
  type HostArray,
  isDType,
  type MemoryPolicy,
  manualSeed,
  memoryPolicy,
  runtimeOf,
  type Storage,
  setDefaultDevice,
  setDefaultDType,
  setFusion,
  type Tensor,
} from '@nn/tensor';
import { Machine, MissingVariable } from './machine.ts';
import { type Argument, type Instruction, type Program, variablesOf } from './program.ts';

/** How a program is run. */
export interface Configuration {
  readonly name: string;
  /** The name of a registered device. */
  readonly device: string;
  readonly fusion: boolean;
  /** Every value is computed as soon as it is recorded. */
  readonly eager?: boolean;
  /** float64 in the place of float32. */
  readonly double?: boolean;
  readonly policy?: Partial<MemoryPolicy>;
  /** Whether kept values may be gone, with the error that names the cure. */
  readonly mayBeStale?: boolean;
  /** Each training step is a call of one compiled function, which returns what is used later. */
  readonly compiled?: boolean;
}

export interface Values {
  readonly kind: 'values';
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly values: HostArray;
  /** The greatest finite magnitude among the value and all that it was made of, where it was asked for. */
  readonly scale: number;
}
export type Observation =
  | Values
  | { readonly kind: 'error'; readonly code: string; readonly message: string }
  /** A variable that was not made. */
  | { readonly kind: 'missing' }
  | { readonly kind: 'done' };

/** What was seen at each instruction; shorter than the program where an error changed its course. */
export type Trace = readonly Observation[];

const defaults = memoryPolicy();
/** The code of the error that says that a kept value is gone. */
export const staleCode = 'NN_STALE_VALUE';
const done: Observation = { kind: 'done' };
const missing: Observation = { kind: 'missing' };

export async function run(program: Program, configuration: Configuration): Promise<Trace> {
  const { device, fusion, policy, double = false } = configuration;
  const runtime = runtimeOf(device);
  setDefaultDevice(device);
  const formerFusion = setFusion(fusion);
  memoryPolicy({ ...defaults, ...policy });
  if (double) setDefaultDType('float64');
  try {
    manualSeed(program.seed);
    return await new Runner(configuration).run(program);
  } finally {
    setDefaultDType('float32');
    setFusion(formerFusion);
    memoryPolicy(defaults);
    // Nothing of this program is left to run in the next.
    runtime.step([]);
  }
}

class Runner {
  readonly #machine = new Machine();
  readonly #configuration: Configuration;
  readonly #scales = new Map<Storage, number>();
  #largest = 0;

  constructor(configuration: Configuration) {
    this.#configuration = configuration;
  }

  async run({ instructions }: Program): Promise<Trace> {
    if (this.#configuration.compiled) return this.#compiled(instructions);
    const trace: Observation[] = [];
    for (const instruction of instructions) {
      const observation = await this.#observed(
        this.#configuration.double ? doubled(instruction) : instruction,
      );
      trace.push(observation);
      // What would have been written was not: the rest is another program.
      const ends = observation.kind === 'error' && observation.code === staleCode;
      if (ends && instruction.kind !== 'read') break;
    }
    return trace;
  }

  async #compiled(instructions: readonly Instruction[]): Promise<Trace> {
    const trace: Observation[] = [];
    const call = compile(
      (block: readonly Instruction[], _given: readonly Tensor[], later: ReadonlySet<number>) => {
        for (const instruction of block) if (instruction.kind !== 'read') trace.push(this.#done(instruction));
        return block.flatMap(({ result = -1 }) => {
          const made = this.#machine.variables.get(result);
          return made !== undefined && later.has(result) ? [made] : [];
        });
      },
    );
    while (trace.length < instructions.length) {
      const [first] = instructions.slice(trace.length);
      if (first.step === undefined || first.kind === 'read') {
        trace.push(await this.#observed(first));
        continue;
      }
      const rest = instructions.slice(trace.length);
      const length = rest.findIndex(({ step, kind }) => step !== first.step || kind === 'read');
      const block = length < 0 ? rest : rest.slice(0, length);
      const made = new Set(block.map(({ result }) => result));
      const given = block.flatMap(variablesOf).filter((variable) => !made.has(variable));
      const tensors = [...new Set(given)].flatMap((variable) => this.#machine.variables.get(variable) ?? []);
      call(block, tensors, new Set(rest.slice(block.length).flatMap(variablesOf)));
    }
    return trace;
  }

  #done(instruction: Exclude<Instruction, { kind: 'read' }>): Observation {
    try {
      this.#machine.run(instruction);
      return done;
    } catch (error) {
      return errorOf(error);
    }
  }

  async #observed(instruction: Instruction): Promise<Observation> {
    try {
      if (instruction.kind === 'read') return await this.#read(this.#machine.tensor(instruction.on));
      const given = this.#machine.run(instruction);
      const made = this.#configuration.double ? this.#separate(instruction, given) : given;
      if (this.#configuration.eager) this.#realize(instruction, made);
      return done;
    } catch (error) {
      return errorOf(error);
    }
  }

  /** A cast that changes nothing gives its own input; in float32 it would have been another tensor. */
  #separate(instruction: Instruction, made: Tensor | undefined): Tensor | undefined {
    const { kind, result } = instruction;
    if (kind !== 'call' || instruction.name !== 'to' || result === undefined || made === undefined)
      return made;
    const copy = made.clone();
    this.#machine.variables.set(result, copy);
    return copy;
  }

  async #read(x: Tensor): Promise<Values> {
    const { synchronousRead } = backendOf(this.#configuration.device).capabilities;
    const values = synchronousRead ? x.dataSync() : await x.data();
    return {
      kind: 'values',
      shape: x.shape,
      dtype: x.dtype,
      values,
      scale: this.#scales.get(x.storage) ?? 0,
    };
  }

  /** Computes what the instruction made and changed; notes how large it is. */
  #realize(instruction: Instruction, made: Tensor | undefined): void {
    const { variables } = this.#machine;
    for (const x of variables.values()) {
      for (const each of [x.root, x, x.grad])
        if (each !== null && !isGone(each) && !isHeld(each.node)) each.realize();
    }
    if (this.#configuration.double) this.#noteScale(instruction, made);
  }

  #noteScale(instruction: Instruction, made: Tensor | undefined): void {
    const { variables } = this.#machine;
    let scale = 0;
    for (const variable of variablesOf(instruction)) {
      const x = variables.get(variable);
      if (x !== undefined) scale = Math.max(scale, this.#scales.get(x.storage) ?? 0);
    }
    const isGradient =
      instruction.kind === 'gradient' || (instruction.kind === 'call' && instruction.name === 'grad');
    // A derivative is made of everything.
    if (isGradient) scale = this.#largest;
    const written = instruction.kind === 'call' && instruction.name.endsWith('_') ? instruction.on : null;
    const target = written === null ? made : variables.get(written);
    if (target === undefined || isGone(target)) return;
    for (const value of target.dataSync()) {
      const size = Math.abs(Number(value));
      if (size > scale && Number.isFinite(size)) scale = size;
    }
    this.#scales.set(target.storage, Math.max(scale, this.#scales.get(target.storage) ?? 0));
    this.#largest = Math.max(this.#largest, scale);
  }
}

function errorOf(error: unknown): Observation {
  if (error instanceof MissingVariable) return missing;
  if (error instanceof NnError) return { kind: 'error', code: error.code, message: error.message };
  return { kind: 'error', code: 'CRASH', message: String((error as Error).stack ?? error) };
}

function isGone({ storage }: Tensor): boolean {
  return storage.node.state?.lost !== undefined;
}

/** The instruction in float64. */
function doubled(instruction: Instruction): Instruction {
  if (instruction.kind !== 'call') return instruction;
  const wide = (argument: Argument): Argument => {
    if (argument === 'float32' && isDType(argument)) return 'float64';
    if (typeof argument !== 'object' || argument === null) return argument;
    if (Array.isArray(argument)) return argument.map(wide);
    return Object.fromEntries(Object.entries(argument).map(([name, each]) => [name, wide(each)]));
  };
  return { ...instruction, args: instruction.args.map(wide) };
}
