// A program is data: calls of the public API on numbered variables. It runs, prints as TypeScript and shrinks.
import * as autograd from '@nn/autograd';
import * as functional from '@nn/functional';
import * as optim from '@nn/optim';
import * as nn from '@nn/tensor';
import type { Domain } from './domain.ts';

export interface Variable {
  readonly variable: number;
}
/** `slice(start, stop, step)`. */
export interface SliceOf {
  readonly slice: readonly [number | null, number | null, number];
}
export type Argument =
  | number
  | boolean
  | string
  | null
  | undefined
  | Variable
  | SliceOf
  | readonly Argument[]
  | { readonly [option: string]: Argument };

interface Common {
  /** The variable that this makes. */
  readonly result?: number;
  readonly noGrad?: boolean;
  /** The training step that this belongs to: compiled functions are called for a step at a time. */
  readonly step?: number;
  /** What the values made or written may be. Never narrower than the truth. */
  readonly domain?: Domain;
}
export interface Call extends Common {
  readonly kind: 'call';
  /** The variable whose method is called; null for a function. */
  readonly on: number | null;
  readonly name: string;
  readonly args: readonly Argument[];
  /** The part of what the call gives that is the result. */
  readonly pick?: string | number;
}
/** The variable's `grad`. */
export interface TakeGradient extends Common {
  readonly kind: 'gradient';
  readonly on: number;
}
export interface ClearGradient extends Common {
  readonly kind: 'clear';
  readonly on: number;
}
/** Values are looked at, and compared. */
export interface Read extends Common {
  readonly kind: 'read';
  readonly on: number;
}
/** Asks the engine to keep the value at its next step, as modules do with their outputs. */
export interface KeepLater extends Common {
  readonly kind: 'keep';
  readonly on: number;
}
/** What optimizers do after an update: run what the variables need. */
export interface Step extends Common {
  readonly kind: 'step';
  readonly variables: readonly number[];
}
export type Instruction = Call | TakeGradient | ClearGradient | Read | KeepLater | Step;

export interface Program {
  readonly seed: number;
  readonly instructions: readonly Instruction[];
}

export const functions: Readonly<Record<string, (...args: never[]) => unknown>> = {
  ...optim,
  ...functional,
  ...nn,
  ...autograd,
} as never;

export function isVariable(value: Argument): value is Variable {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'variable');
}
export function isSliceOf(value: Argument): value is SliceOf {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'slice');
}

/** Replaces each variable in an argument. */
export function mapArgument<T>(
  value: Argument,
  variable: (of: number) => T,
  slice: (of: SliceOf) => T,
): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (isVariable(value)) return variable(value.variable);
  if (isSliceOf(value)) return slice(value);
  if (Array.isArray(value)) return value.map((each: Argument) => mapArgument(each, variable, slice));
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, mapArgument(each, variable, slice)]),
  );
}

/** The variables that an instruction takes. */
export function variablesOf(instruction: Instruction): number[] {
  if (instruction.kind === 'step') return [...instruction.variables];
  if (instruction.kind !== 'call') return [instruction.on];
  const found: number[] = instruction.on === null ? [] : [instruction.on];
  const note = (variable: number): void => void found.push(variable);
  for (const each of instruction.args) mapArgument<unknown>(each, note, () => undefined);
  return found;
}

function printNumber(value: number): string {
  if (Object.is(value, -0)) return '-0';
  if (Number.isNaN(value)) return 'Number.NaN';
  return Number.isFinite(value) ? String(value) : `${value < 0 ? '-' : ''}Infinity`;
}

function printArgument(value: Argument): string {
  if (typeof value === 'number') return printNumber(value);
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (isVariable(value)) return `v${value.variable}`;
  if (isSliceOf(value)) return `slice(${value.slice.map((bound) => String(bound)).join(', ')})`;
  if (Array.isArray(value)) return `[${value.map(printArgument).join(', ')}]`;
  return `{ ${Object.entries(value)
    .map(([name, each]) => `${name}: ${printArgument(each)}`)
    .join(', ')} }`;
}

/** Whether the function is a class. */
export function isConstructor({ on, name }: Call): boolean {
  return on === null && /^[A-Z]/.test(name);
}

function printCall(instruction: Call): string {
  const { on, name, args, pick } = instruction;
  const receiver = on === null ? (isConstructor(instruction) ? 'new ' : '') : `v${on}.`;
  const call = `${receiver}${name}(${args.map(printArgument).join(', ')})`;
  return pick === undefined ? call : typeof pick === 'number' ? `${call}[${pick}]` : `${call}.${pick}`;
}

/** One line of TypeScript. */
export function printInstruction(instruction: Instruction): string {
  const assigned = (expression: string): string =>
    instruction.result === undefined ? expression : `const v${instruction.result} = ${expression}`;
  switch (instruction.kind) {
    case 'call': {
      const call = printCall(instruction);
      return `${assigned(instruction.noGrad ? `noGrad(() => ${call})` : call)};`;
    }
    case 'gradient':
      return `${assigned(`v${instruction.on}.grad!`)};`;
    case 'clear':
      return `v${instruction.on}.grad = null;`;
    case 'read':
      return `console.log('v${instruction.on}', await v${instruction.on}.toArray());`;
    case 'keep':
      return `runtimeOf(v${instruction.on}.device).keepLater(v${instruction.on}.node, 'output');`;
    case 'step': {
      const [first] = instruction.variables;
      const nodes = instruction.variables.map((each) => `v${each}.node`).join(', ');
      return `runtimeOf(v${first}.device).step([${nodes}]);`;
    }
  }
}

/** The whole program as TypeScript that runs by itself once `use(...)` names a device. */
export function printProgram({ seed, instructions }: Program, setup: readonly string[] = []): string {
  const lines = [...setup, `manualSeed(${seed});`, ...instructions.map(printInstruction)];
  const text = lines.join('\n');
  const used = (module: object): string[] =>
    Object.keys(module).filter((name) => new RegExp(`(?<![.\\w'])${name}\\(`).test(text));
  const imports: string[] = [];
  const seen = new Set<string>();
  for (const [from, module] of [
    ['@nn/tensor', nn],
    ['@nn/autograd', autograd],
    ['@nn/functional', functional],
    ['@nn/optim', optim],
  ] as const) {
    const names = used(module).filter((name) => !seen.has(name));
    for (const name of names) seen.add(name);
    if (names.length > 0) imports.push(`import { ${names.sort().join(', ')} } from '${from}';`);
    else if (from === '@nn/autograd' && /requiresGrad/.test(text)) imports.push(`import '${from}';`);
  }
  return [...imports, ...lines].join('\n');
}
