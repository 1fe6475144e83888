// Builds lists of scalar instructions: each distinct instruction once, constants by value.
import type { DType } from './dtype.ts';
import type {
  Access,
  Affine,
  ArithmeticOp,
  BitOp,
  Bound,
  CompareOp,
  Instruction,
  UnaryOp,
  Value,
} from './scalar.ts';

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

/** Equal for equal instructions only. Every op recorded passes here, so no general serialization. */
function instructionKey(instruction: Instruction): string {
  const { op, dtype } = instruction;
  switch (op) {
    case 'const': {
      const { value } = instruction;
      return `${op} ${dtype} ${Object.is(value, -0) ? '-0' : value}`;
    }
    case 'param':
    case 'result':
      return `${op} ${dtype} ${instruction.index}`;
    case 'index':
      return `${op} ${dtype} ${affineKey(instruction.affine)}`;
    case 'inside':
      return `${op} ${dtype} ${guardsKey(instruction.guards)}`;
    case 'load':
      return `${op} ${dtype} ${accessKey(instruction.access)}`;
    case 'gather':
      return `${op} ${dtype} ${accessKey(instruction.access)} ${instruction.size} ${instruction.args[0]}`;
    default: {
      const { args } = instruction;
      let key = `${op} ${dtype}`;
      for (let i = 0; i < args.length; i++) key += ` ${args[i]}`;
      return key;
    }
  }
}

function accessKey(access: Access): string {
  return `${access.buffer}:${affineKey(access)}${guardsKey(access.guards)}`;
}

function guardsKey(guards: readonly Bound[]): string {
  let key = '';
  for (const guard of guards) key += `;${affineKey(guard)}<${guard.size}`;
  return key;
}

function affineKey({ offset, strides }: Affine): string {
  let key = String(offset);
  for (let i = 0; i < strides.length; i++) key += `,${strides[i]}`;
  return key;
}
