// From a list of instructions to a list of steps over registers. Nothing is generated as source text, so this
// also runs where a content security policy forbids eval.
import type { DType } from '../dtype.ts';
import { InternalError } from '../errors.ts';
import type { Access, Instruction } from '../scalar.ts';
import { numberStep } from './arithmetic.ts';
import { bigintStep, bitcastStep, castStep } from './bigint.ts';
import { type Element, elementFrom } from './element.ts';
import { loadBlock, storeBlock } from './memory.ts';
import { lanes, type Register, type RegisterFile } from './registers.ts';
import type { Space } from './space.ts';
import type { Frame, Step } from './step.ts';

/** Where a list of instructions stands. */
export interface Scope {
  readonly space: Space;
  readonly registers: RegisterFile;
  /** The producer's results, for an epilogue. */
  readonly results: readonly Register[];
}

export interface LoweredList {
  /** One register for each instruction. */
  readonly values: readonly Register[];
  /** Fills constants and params, once a run. */
  prepare(frame: Frame): void;
  /** Computes all instructions for the block that the space was moved to. */
  compute(count: number, frame: Frame): void;
}

export function lowerInstructions(list: readonly Instruction[], scope: Scope): LoweredList {
  const values: Register[] = [];
  const once: Step[] = [];
  const steps: Step[] = [];
  for (const instruction of list) {
    const { op, dtype } = instruction;
    if (op === 'result') {
      values.push(scope.results[instruction.index]);
      continue;
    }
    if (op === 'inside') {
      values.push(scope.space.mask(instruction.guards));
      continue;
    }
    const out = scope.registers.of(dtype);
    values.push(out);
    if (op === 'const') {
      const value = elementFrom(dtype, instruction.value);
      once.push(() => fill(out, value));
    } else if (op === 'param') {
      const { index } = instruction;
      once.push((_, frame) => fill(out, elementFrom(dtype, frame.params[index])));
    } else steps.push(lowerInstruction(instruction, list, values, out, scope));
  }
  return {
    values,
    prepare(frame) {
      for (const step of once) step(lanes, frame);
    },
    compute(count, frame) {
      for (const step of steps) step(count, frame);
    },
  };
}

function fill(register: Register, value: Element): void {
  if (register instanceof BigInt64Array) register.fill(value as bigint);
  else register.fill(value as number);
}

function lowerInstruction(
  instruction: Exclude<Instruction, { readonly op: 'const' | 'param' | 'result' | 'inside' }>,
  list: readonly Instruction[],
  values: readonly Register[],
  out: Register,
  scope: Scope,
): Step {
  const { op, dtype } = instruction;
  if (op === 'load') return lowerLoad(instruction.access, dtype, out, scope);
  if (op === 'gather') return lowerGather(instruction, values, out, scope);
  if (op === 'index') {
    const source = scope.space.affine(instruction.affine);
    const target = out as { [lane: number]: Element };
    return (count) => {
      for (let i = 0; i < count; i++) target[i] = elementFrom(dtype, source[i]);
    };
  }
  const { args } = instruction;
  const operands = args.map((arg) => values[arg]);
  const operandDType = op === 'where' ? dtype : list[args[0]].dtype;
  if (op === 'cast') return castStep(operandDType, dtype, out, operands[0]);
  if (op === 'bitcast') return bitcastStep(operandDType, dtype, out, operands[0]);
  const step =
    operandDType === 'int64'
      ? bigintStep(op, out, operands)
      : numberStep(op, dtype, operandDType, out as Float64Array, operands as Float64Array[]);
  if (step === null) throw new InternalError(`the interpreter has no '${op}' of ${operandDType}`);
  return step;
}

/** Guards hold for an access that has none. */
function maskOf(access: Access, space: Space): Float64Array | null {
  return access.guards.length === 0 ? null : space.mask(access.guards);
}

function lowerLoad(access: Access, dtype: DType, out: Register, { space }: Scope): Step {
  const offsets = space.affine(access);
  const mask = maskOf(access, space);
  return (count, frame) => loadBlock(dtype, frame.arrays[access.buffer], offsets, mask, out, count);
}

function lowerGather(
  { access, dtype, size, args }: Extract<Instruction, { readonly op: 'gather' }>,
  values: readonly Register[],
  out: Register,
  { space, registers }: Scope,
): Step {
  const base = space.affine(access);
  const mask = maskOf(access, space);
  const index = values[args[0]];
  const offsets = registers.number();
  return (count, frame) => {
    for (let i = 0; i < count; i++) {
      const wanted = typeof index[i] === 'bigint' ? Number(index[i]) : (index[i] as number);
      offsets[i] = base[i] + Math.min(Math.max(wanted, 0), size - 1);
    }
    loadBlock(dtype, frame.arrays[access.buffer], offsets, mask, out, count);
  };
}

/** The step that stores a register to a buffer. */
export function lowerStore(access: Access, dtype: DType, value: Register, { space }: Scope): Step {
  const offsets = space.affine(access);
  const mask = maskOf(access, space);
  return (count, frame) => storeBlock(dtype, frame.arrays[access.buffer], offsets, mask, value, count);
}
