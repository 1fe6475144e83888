// Builds lists of scalar instructions: each distinct instruction once, constants by value.
import type { DType } from './dtype.ts';
import type { ArithmeticOp, BitOp, CompareOp, Instruction, UnaryOp, Value } from './scalar.ts';

/**
 * Appends instructions to a list, returning references. Values that a method combines must have one dtype.
 */
export class ExpressionBuilder {
  readonly instructions: Instruction[] = [];
  readonly #known = new Map<string, Value>();

  /** Adds an instruction, or finds the equal one added before. */
  add(instruction: Instruction): Value {
    const key = instructionKey(instruction);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const value = this.instructions.push(instruction) - 1;
    this.#known.set(key, value);
    return value;
  }

  dtypeOf(value: Value): DType {
    return this.instructions[value].dtype;
  }

  constant(value: number | bigint, dtype: DType): Value {
    return this.add({ op: 'const', dtype, value: dtype === 'int64' ? BigInt(value) : Number(value) });
  }

  /** A constant of the same dtype as `like`. */
  constantLike(value: number, like: Value): Value {
    return this.constant(value, this.dtypeOf(like));
  }

  unary(op: UnaryOp, a: Value): Value {
    return this.add({ op, dtype: this.dtypeOf(a), args: [a] });
  }

  binary(op: ArithmeticOp | BitOp, a: Value, b: Value): Value {
    return this.add({ op, dtype: this.dtypeOf(a), args: [a, b] });
  }

  compare(op: CompareOp, a: Value, b: Value): Value {
    return this.add({ op, dtype: 'bool', args: [a, b] });
  }

  where(condition: Value, a: Value, b: Value): Value {
    return this.add({ op: 'where', dtype: this.dtypeOf(a), args: [condition, a, b] });
  }

  fma(a: Value, b: Value, c: Value): Value {
    return this.add({ op: 'fma', dtype: this.dtypeOf(a), args: [a, b, c] });
  }

  cast(a: Value, dtype: DType): Value {
    return this.dtypeOf(a) === dtype ? a : this.add({ op: 'cast', dtype, args: [a] });
  }

  bitcast(a: Value, dtype: DType): Value {
    return this.dtypeOf(a) === dtype ? a : this.add({ op: 'bitcast', dtype, args: [a] });
  }

  isNaN(a: Value): Value {
    return this.compare('ne', a, a);
  }
}

function instructionKey(instruction: Instruction): string {
  if (instruction.op === 'const') {
    const value = Object.is(instruction.value, -0) ? '-0' : String(instruction.value);
    return `const ${instruction.dtype} ${value}`;
  }
  return JSON.stringify(instruction);
}
