// From a kernel's instructions to those that the emitter knows: 16-bit floats become float32, constants become
// params (so that kernels that differ in a number share their code), products and sums become fused ones.
import {
  type DType,
  type ExpandableOp,
  ExpressionBuilder,
  expandMath,
  hasExpansion,
  type Instruction,
  mathOps,
  type Value,
} from '@nn/core';
import { expandErf, expandErfc } from './erf.ts';
import { narrowHalf, roundToHalf, widenHalf } from './half.ts';
import { argumentsOf } from './instructions.ts';

/** Numbers that a kernel's code reads from its record: the program's params, then constants. */
export class ParamPool {
  readonly #programParams: number;
  readonly constants: { readonly dtype: DType; readonly value: number | bigint }[] = [];

  constructor(programParams: number) {
    this.#programParams = programParams;
  }

  constant(dtype: DType, value: number | bigint): number {
    const known = this.constants.findIndex((held) => held.dtype === dtype && Object.is(held.value, value));
    return this.#programParams + (known >= 0 ? known : this.constants.push({ dtype, value }) - 1);
  }
}

export interface Lowered {
  readonly instructions: readonly Instruction[];
  /** Where each given instruction's value is now. */
  readonly values: readonly Value[];
}

const isHalf = (dtype: DType): dtype is 'float16' | 'bfloat16' => dtype === 'float16' || dtype === 'bfloat16';

/** The dtype in which values of a dtype are computed. */
export function computeDType(dtype: DType): DType {
  return isHalf(dtype) ? 'float32' : dtype;
}

export function lower(instructions: readonly Instruction[], params: ParamPool): Lowered {
  if (!instructions.some(needsLowering))
    return { instructions, values: instructions.map((_, value) => value) };
  const b = new ExpressionBuilder();
  const values: Value[] = [];
  const counts = shiftCounts(instructions);
  for (const [at, instruction] of instructions.entries()) {
    const isCount = instruction.op === 'const' && counts.has(at);
    values.push(isCount ? b.add(instruction) : lowerOne(b, instruction, instructions, values, params));
  }
  return { instructions: b.instructions, values };
}

const shifts: ReadonlySet<string> = new Set(['shiftLeft', 'shiftRight', 'shiftRightUnsigned']);

/** Constants by which bits are shifted: those belong into the code, as shifting by what a register holds is slow. */
function shiftCounts(instructions: readonly Instruction[]): ReadonlySet<Value> {
  return new Set(instructions.filter(({ op }) => shifts.has(op)).map((each) => argumentsOf(each)[1]));
}

/** Of a list without 16-bit floats: what the emitter does not know as it is. */
function needsLowering({ op, dtype }: Instruction): boolean {
  return isHalf(dtype) || op === 'const' || op === 'cast' || op === 'bitcast' || expandable.has(op);
}

function lowerOne(
  b: ExpressionBuilder,
  instruction: Instruction,
  all: readonly Instruction[],
  values: readonly Value[],
  params: ParamPool,
): Value {
  const { dtype } = instruction;
  const computed = computeDType(dtype);
  switch (instruction.op) {
    case 'const': {
      const index = params.constant(computed, instruction.value);
      const value = b.add({ op: 'param', dtype: computed, index });
      return isHalf(dtype) ? roundToHalf(b, dtype, value) : value;
    }
    case 'param': {
      const value = b.add({ ...instruction, dtype: computed });
      return isHalf(dtype) ? roundToHalf(b, dtype, value) : value;
    }
    case 'index':
      if (isHalf(dtype)) {
        return b.cast(b.add({ ...instruction, dtype: 'int32' }), 'float32');
      }
      return b.add(instruction);
    case 'load':
      return isHalf(dtype)
        ? widenHalf(b, dtype, b.add({ ...instruction, dtype: 'int16' }))
        : b.add(instruction);
    case 'gather': {
      const args: readonly [Value] = [values[instruction.args[0]]];
      return isHalf(dtype)
        ? widenHalf(b, dtype, b.add({ ...instruction, dtype: 'int16', args }))
        : b.add({ ...instruction, args });
    }
    case 'result':
      return b.add({ ...instruction, dtype: computed });
    case 'inside':
      return b.add(instruction);
    case 'cast': {
      const source = values[instruction.args[0]];
      const converted = b.cast(source, computed);
      return isHalf(dtype) && all[instruction.args[0]].dtype !== dtype
        ? roundToHalf(b, dtype, converted)
        : converted;
    }
    case 'bitcast': {
      const from = all[instruction.args[0]].dtype;
      const source = values[instruction.args[0]];
      const bits = isHalf(from) ? narrowHalf(b, from, source) : source;
      return isHalf(dtype) ? widenHalf(b, dtype, b.cast(bits, 'int16')) : b.bitcast(bits, dtype);
    }
    default: {
      const args = instruction.args.map((arg) => values[arg]);
      return lowerMath(b, instruction.op, computed, args) ?? b.add({ ...instruction, dtype: computed, args });
    }
  }
}

const expandable: ReadonlySet<string> = new Set<ExpandableOp>([...mathOps, 'pow', 'atan2']);

/** A transcendental function as simpler instructions, where it is not one that kernels call. */
function lowerMath(
  b: ExpressionBuilder,
  op: string,
  dtype: DType,
  args: readonly Value[],
): Value | undefined {
  if (!expandable.has(op)) return undefined;
  const function_ = op as ExpandableOp;
  if (hasExpansion(function_, dtype)) return expandMath(b, function_, args);
  if (op !== 'erf' && op !== 'erfc') return undefined;
  const wide = b.cast(args[0], 'float64');
  return b.cast(op === 'erf' ? expandErf(b, wide) : expandErfc(b, wide), dtype);
}

/** Appends what turns values into what is stored: the bits of 16-bit floats. Gives the new references. */
export function lowerStores(
  lowered: Lowered,
  stores: readonly { readonly value: Value; readonly dtype: DType }[],
): { readonly instructions: readonly Instruction[]; readonly values: readonly Value[] } {
  if (!stores.some(({ dtype }) => isHalf(dtype)))
    return {
      instructions: lowered.instructions,
      values: stores.map(({ value }) => lowered.values[value]),
    };
  const b = new ExpressionBuilder();
  for (const instruction of lowered.instructions) b.add(instruction);
  const values = stores.map(({ value, dtype }) =>
    isHalf(dtype) ? narrowHalf(b, dtype, lowered.values[value]) : lowered.values[value],
  );
  return { instructions: b.instructions, values };
}

/** Of a sum of float products that nothing else uses: the factors. */
export function summedProduct(
  instructions: readonly Instruction[],
  values: readonly Value[],
  value: Value,
): readonly [Value, Value] | null {
  const product = instructions[value];
  if (product.op !== 'mul' || (product.dtype !== 'float32' && product.dtype !== 'float64')) return null;
  const uses = [...values, ...instructions.flatMap(argumentsOf)].filter((used) => used === value);
  return uses.length === 1 ? [product.args[0], product.args[1]] : null;
}

/**
 * Makes a * b + c of float products that nothing else uses one fused instruction: one rounding less, and faster.
 */
export function fuseProducts(instructions: readonly Instruction[], roots: readonly Value[]): Instruction[] {
  const uses = new Array<number>(instructions.length).fill(0);
  for (const root of roots) uses[root]++;
  for (const instruction of instructions) for (const operand of argumentsOf(instruction)) uses[operand]++;
  return instructions.map((instruction) => {
    if (instruction.op !== 'add') return instruction;
    if (instruction.dtype !== 'float32' && instruction.dtype !== 'float64') return instruction;
    for (const side of [0, 1]) {
      const product = instructions[instruction.args[side]];
      if (product.op !== 'mul' || uses[instruction.args[side]] !== 1) continue;
      const [a, b] = product.args;
      return { op: 'fma', dtype: instruction.dtype, args: [a, b, instruction.args[1 - side]] };
    }
    return instruction;
  });
}
