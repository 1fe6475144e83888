// Makes a failing program smaller while it fails: without instructions, with other variables, with less data.
import { sizeOf } from '@nn/core';
import { isFloat, NnError, runtimeOf } from '@nn/tensor';
import { Analysis, type Known } from './analysis.ts';
import { isExact, isWithin } from './domain.ts';
import {
  type Argument,
  type Call,
  type Instruction,
  isSliceOf,
  isVariable,
  type Program,
  variablesOf,
} from './program.ts';

/** Follows a program; null where it is not valid. Gives whether what is read at an instruction is exact. */
export function analyse(
  { instructions }: Program,
  device: string,
  visit: (analysis: Analysis, at: number) => void = () => {},
): ((at: number) => boolean) | null {
  const analysis = new Analysis(device);
  const exact = new Set<number>();
  try {
    instructions.forEach((instruction, at) => {
      visit(analysis, at);
      analysis.step(instruction);
      if (instruction.kind !== 'read') return;
      const { tensor, domain } = analysis.known(instruction.on);
      if (!isFloat(tensor.dtype) || isExact(domain)) exact.add(at);
    });
  } catch (error) {
    if (error instanceof NnError) return null;
    if (error instanceof Error && error.constructor.name === 'MissingVariable') return null;
    throw error;
  } finally {
    runtimeOf(device).step([]);
  }
  return (at) => exact.has(at);
}

type Fails = (program: Program) => Promise<boolean>;

/** @param fails whether a valid program fails as the original does. */
export async function shrink(
  program: Program,
  device: string,
  fails: Fails,
  attempts: number = 3000,
): Promise<Program> {
  const shrinker = new Shrinker(program, device, fails, attempts);
  await shrinker.shrink();
  return shrinker.best;
}

class Shrinker {
  best: Program;
  readonly #device: string;
  readonly #fails: Fails;
  #attempts: number;

  constructor(program: Program, device: string, fails: Fails, attempts: number) {
    this.best = program;
    this.#device = device;
    this.#fails = fails;
    this.#attempts = attempts;
  }

  async shrink(): Promise<void> {
    let before: number;
    do {
      before = measure(this.best);
      await this.#dropRuns();
      await this.#replaceVariables();
      await this.#simplify();
    } while (measure(this.best) < before && this.#attempts > 0);
    await this.#number();
  }

  async #try(instructions: readonly Instruction[]): Promise<boolean> {
    if (this.#attempts-- <= 0) return false;
    const candidate = { ...this.best, instructions };
    if (analyse(candidate, this.#device) === null || !(await this.#fails(candidate))) return false;
    this.best = candidate;
    return true;
  }

  /** Drops runs of instructions, long ones first, together with all that needs them. */
  async #dropRuns(): Promise<void> {
    for (let length = 2 ** Math.floor(Math.log2(this.best.instructions.length)); length >= 1; length /= 2) {
      for (let at = this.best.instructions.length - length; at >= 0; at -= length)
        await this.#try(without(this.best.instructions, at, length));
    }
  }

  /** Lets instructions take an earlier variable of the same shape, so that what made the later one can go. */
  async #replaceVariables(): Promise<void> {
    for (let at = this.best.instructions.length - 1; at > 0; at--) {
      for (const variable of new Set(variablesOf(this.best.instructions[at] ?? nothing))) {
        for (const other of this.#equivalents(at, variable)) {
          const instruction = this.best.instructions[at];
          const replaced = renamed(instruction, (each) => (each === variable ? other : each));
          if (await this.#try(this.best.instructions.with(at, replaced))) break;
        }
      }
    }
  }

  /** Variables made before the given one that may stand in its place at an instruction. */
  #equivalents(at: number, variable: number): number[] {
    let found: number[] = [];
    analyse(this.best, this.#device, (analysis, position) => {
      if (position !== at || !analysis.has(variable)) return;
      const wanted = analysis.known(variable);
      found = analysis
        .all()
        .filter((known) => known.variable < variable && fits(known, wanted))
        .map((known) => known.variable);
    });
    return found;
  }

  /** Plainer arguments: fewer elements, zeros and ones, no options. */
  async #simplify(): Promise<void> {
    for (let at = 0; at < this.best.instructions.length; at++) {
      for (const simpler of simplerForms(this.best.instructions[at]))
        await this.#try(this.best.instructions.with(at, simpler));
    }
    const smaller = shrunkExtents(this.best.instructions);
    for (const candidate of smaller) await this.#try(candidate);
  }

  /** Numbers the variables from 0. */
  async #number(): Promise<void> {
    const numbers = new Map<number, number>();
    for (const { result } of this.best.instructions)
      if (result !== undefined) numbers.set(result, numbers.size);
    const instructions = this.best.instructions.map((instruction) =>
      renamed(instruction, (variable) => numbers.get(variable)!),
    );
    this.#attempts++;
    await this.#try(instructions);
  }
}

const nothing: Instruction = { kind: 'step', variables: [] };

/** Fewer instructions first, then fewer characters. */
function measure({ instructions }: Program): number {
  return instructions.length * 1e6 + JSON.stringify(instructions).length;
}

function fits(known: Known, wanted: Known): boolean {
  return (
    known.tensor.dtype === wanted.tensor.dtype &&
    known.tensor.shape.join() === wanted.tensor.shape.join() &&
    isWithin(known.domain, wanted.domain)
  );
}

function without(instructions: readonly Instruction[], at: number, length: number): Instruction[] {
  const gone = new Set<number>();
  return instructions.filter((instruction, i) => {
    const needed = variablesOf(instruction).some((variable) => gone.has(variable));
    if ((i >= at && i < at + length) || needed) {
      if (instruction.result !== undefined) gone.add(instruction.result);
      return false;
    }
    return true;
  });
}

function renamed(instruction: Instruction, to: (variable: number) => number): Instruction {
  const result = instruction.result === undefined ? {} : { result: to(instruction.result) };
  if (instruction.kind === 'step')
    return { ...instruction, ...result, variables: instruction.variables.map(to) };
  if (instruction.kind !== 'call') return { ...instruction, ...result, on: to(instruction.on) };
  const on = instruction.on === null ? null : to(instruction.on);
  return { ...instruction, ...result, on, args: instruction.args.map((each) => renamedArgument(each, to)) };
}

function renamedArgument(value: Argument, to: (variable: number) => number): Argument {
  if (typeof value !== 'object' || value === null || isSliceOf(value)) return value;
  if (isVariable(value)) return { variable: to(value.variable) };
  if (Array.isArray(value)) return value.map((each) => renamedArgument(each, to));
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, renamedArgument(each, to)]));
}

function* simplerForms(instruction: Instruction): Generator<Instruction> {
  if (instruction.kind !== 'call') return;
  if (instruction.name === 'tensor') {
    const [values] = instruction.args as [readonly number[]];
    const forms = [() => 0, () => 1, (_: unknown, i: number) => i % 3];
    for (const form of forms) {
      if (typeof values[0] === 'boolean') break;
      const args = [values.map(form), ...instruction.args.slice(1)];
      if (args.join() !== instruction.args.join()) yield { ...instruction, args };
    }
    return;
  }
  const last = instruction.args.length - 1;
  const options = instruction.args[last];
  if (typeof options === 'object' && options !== null && !Array.isArray(options) && !isVariable(options))
    yield { ...instruction, args: instruction.args.slice(0, last) };
}

/** Literals whose extent along one dimension is smaller everywhere: 5 becomes 4, say. */
function shrunkExtents(instructions: readonly Instruction[]): Instruction[][] {
  const literals = instructions.filter(
    (each): each is Call => each.kind === 'call' && each.name === 'tensor',
  );
  const extents = new Set(literals.flatMap((literal) => shapeOf(literal)).filter((extent) => extent > 1));
  const candidates: Instruction[][] = [];
  const change = (fitted: (extent: number) => number): void => {
    candidates.push(
      instructions.map((each) => {
        if (each.kind !== 'call') return each;
        if (each.name === 'tensor') return cut(each, shapeOf(each).map(fitted));
        // Shapes that are given elsewhere go along.
        const args = each.args.map((argument) =>
          Array.isArray(argument) && argument.every((item) => typeof item === 'number')
            ? (argument as number[]).map(fitted)
            : argument,
        );
        return { ...each, args };
      }),
    );
  };
  for (const extent of [...extents].sort((a, b) => b - a)) {
    for (const smaller of [1, 2, extent - 1])
      if (smaller < extent) change((each) => (each === extent ? smaller : each));
  }
  for (const literal of literals) {
    const shape = shapeOf(literal);
    shape.forEach((extent, dim) => {
      if (extent > 1)
        candidates.push(
          instructions.map((each) => (each === literal ? cut(literal, shape.with(dim, extent - 1)) : each)),
        );
    });
    if (shape.length > 1)
      candidates.push(instructions.map((each) => (each === literal ? cut(literal, shape.slice(1)) : each)));
  }
  return candidates;
}

const shapeOf = (literal: Call): readonly number[] =>
  (literal.args[1] as unknown as { shape: readonly number[] }).shape;

function cut(literal: Call, shape: readonly number[]): Call {
  const [values, options] = literal.args as [readonly number[], { readonly [name: string]: Argument }];
  const size = sizeOf(shape);
  return size > values.length
    ? literal
    : { ...literal, args: [values.slice(0, size), { ...options, shape }] };
}
