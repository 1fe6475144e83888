/** A list of scalar instructions as WGSL: one immutable value each. */
import { type Access, type Instruction, InternalError } from '@nn/core';
import { emitAffine, emitGuards } from './affine.ts';
import type { KernelCode } from './kernel-code.ts';
import { emitCast, emitOperation, fitted } from './operations.ts';
import { registerType } from './storage.ts';

export interface InstructionScope {
  readonly code: KernelCode;
  readonly coordinates: readonly string[];
  /** The producer's results, for an epilogue. */
  readonly results: readonly string[];
  /** Begins the values' names. */
  readonly prefix: string;
  /** The name of a variable that holds what a load would read. */
  readonly kept?: (access: Access) => string | undefined;
}

export interface EmittedInstructions {
  readonly lines: readonly string[];
  /** The name of each instruction's value. */
  readonly values: readonly string[];
}

export function emitInstructions(list: readonly Instruction[], scope: InstructionScope): EmittedInstructions {
  const lines: string[] = [];
  const values: string[] = [];
  list.forEach((instruction, at) => {
    const name = `${scope.prefix}${at}`;
    if (instruction.op === 'result') {
      values.push(scope.results[instruction.index]);
      return;
    }
    values.push(name);
    if (instruction.op === 'load' || instruction.op === 'gather') {
      lines.push(...emitLoad(instruction, name, values, scope));
      return;
    }
    const expression = emitExpression(instruction, list, values, scope);
    lines.push(`let ${name}: ${registerType(instruction.dtype)} = ${expression};`);
  });
  return { lines, values };
}

/** The statement that stores a value, under its guards. */
export function emitStore(
  { access, value }: { readonly access: Access; readonly value: string },
  { code, coordinates }: InstructionScope,
): string {
  const at = emitAffine(access, coordinates, code.sizes);
  const statement = code.memory.store(access.buffer, at, value);
  if (access.guards.length === 0) return statement;
  return `if (${emitGuards(access.guards, coordinates, code.sizes)}) { ${statement} }`;
}

type LoadInstruction = Extract<Instruction, { readonly op: 'load' | 'gather' }>;

function emitLoad(
  instruction: LoadInstruction,
  name: string,
  values: readonly string[],
  { code, coordinates, kept }: InstructionScope,
): string[] {
  const { access, dtype } = instruction;
  const known = instruction.op === 'load' ? kept?.(access) : undefined;
  if (known !== undefined) return [`let ${name} = ${known};`];
  let at = emitAffine(access, coordinates, code.sizes);
  if (instruction.op === 'gather') {
    const last = code.sizes.integer(instruction.size - 1);
    const index = `clamp(${values[instruction.args[0]]}, 0, ${last})`;
    at = at === '0' ? index : `${at} + ${index}`;
  }
  const element = code.memory.load(access.buffer, at);
  const type = registerType(dtype);
  if (access.guards.length === 0) return [`let ${name}: ${type} = ${element};`];
  const guards = emitGuards(access.guards, coordinates, code.sizes);
  return [`var ${name}: ${type};`, `if (${guards}) { ${name} = ${element}; }`];
}

function emitExpression(
  instruction: Exclude<Instruction, LoadInstruction | { readonly op: 'result' }>,
  list: readonly Instruction[],
  values: readonly string[],
  { code, coordinates }: InstructionScope,
): string {
  const { op, dtype } = instruction;
  switch (op) {
    case 'const':
      return emitConstant(dtype, Number(instruction.value), code);
    case 'param': {
      const words = code.param(instruction.index);
      const type = registerType(dtype);
      if (type === 'f32') return `bitcast<f32>(${words})`;
      return type === 'bool' ? `(${words} != 0)` : words;
    }
    case 'index':
      return emitCast('int32', dtype, emitAffine(instruction.affine, coordinates, code.sizes));
    case 'inside':
      return emitGuards(instruction.guards, coordinates, code.sizes);
    default: {
      const operands = instruction.args.map((arg) => values[arg]);
      const operandDType = op === 'where' ? dtype : list[instruction.args[0]].dtype;
      const expression = emitOperation(op, dtype, operandDType, operands);
      if (expression === null) throw new InternalError(`webgpu: there is no '${op}' of ${operandDType}`);
      return expression;
    }
  }
}

/** Constants that are part of an algorithm more often than of a shape; all others are read at run time. */
const literals: ReadonlySet<number> = new Set([0, 1, -1, 2, -2, 0.5, -0.5]);

function emitConstant(dtype: Instruction['dtype'], value: number, code: KernelCode): string {
  const type = registerType(dtype);
  if (type === 'bool') return value !== 0 ? 'true' : 'false';
  const isLiteral = literals.has(value) && !Object.is(value, -0);
  if (type === 'i32') {
    return fitted(dtype, isLiteral && Number.isInteger(value) ? `${value}` : code.sizes.integer(value | 0));
  }
  return isLiteral ? `${value.toFixed(1)}f` : fitted(dtype, code.sizes.float(value));
}
