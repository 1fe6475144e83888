// Sums of which all terms but one are the same number: Σ over j of `j == target ? value(j) : other`, as the losses over
// classes and their derivatives write it. The one term is computed at the target's position, and nothing is walked.
import {
  type Access,
  type Affine,
  type DType,
  ExpressionBuilder,
  type Instruction,
  type LoopKernel,
  type Reduction,
  type Value,
} from '@nn/core';

/** Halves have no room for the count of the terms. */
const countable: ReadonlySet<DType> = new Set<DType>(['float32', 'float64', 'int32', 'int64']);

/** The kernel without its reduction where that is such a sum; else the kernel as it is. */
export function pickTerm(kernel: LoopKernel): LoopKernel {
  const { producer } = kernel;
  if (producer?.kind !== 'reduce' || producer.accumulators.length !== 1) return kernel;
  const [{ op, value, dtype }] = producer.accumulators;
  const choice = producer.body[value];
  if (op !== 'sum' || choice.op !== 'where' || !countable.has(dtype) || choice.dtype !== dtype) return kernel;
  const inner = walkedCoordinate(kernel, producer);
  if (inner === null) return kernel;
  const target = targetOf(producer.body, choice.args[0], inner);
  if (target === null) return kernel;
  const term = new Term(producer.body, kernel.extents.length, inner, target);
  const [, one, other] = choice.args;
  if (!term.isKnown(one) || !isSame(producer.body, other, inner.coordinate)) return kernel;
  const sum = term.sum(one, other);
  const values: Value[] = [];
  for (const instruction of kernel.epilogue)
    values.push(instruction.op === 'result' ? sum : term.builder.add(withArguments(instruction, values)));
  const stores = kernel.stores.map((store) => ({ ...store, value: values[store.value] }));
  return { ...kernel, producer: null, epilogue: term.builder.instructions, stores };
}

interface Walked {
  readonly coordinate: number;
  readonly extent: number;
}

/** The one coordinate that the reduction walks; null where there are several. */
function walkedCoordinate({ extents }: LoopKernel, reduction: Reduction): Walked | null {
  const walked = reduction.extents.flatMap((extent, d) => (extent === 1 ? [] : [d]));
  if (walked.length !== 1 || reduction.extents[walked[0]] < 2) return null;
  return { coordinate: extents.length + walked[0], extent: reduction.extents[walked[0]] };
}

const strideAt = ({ strides }: Affine, coordinate: number): number => strides[coordinate] ?? 0;

/** What the walked coordinate is compared with, alike for all of its values; null where the condition is another. */
function targetOf(body: readonly Instruction[], condition: Value, { coordinate }: Walked): Value | null {
  const compared = body[condition];
  if (compared.op !== 'eq') return null;
  const isCoordinate = (value: Value): boolean => {
    const index = body[value];
    if (index.op !== 'index' || index.dtype !== 'int32' || index.affine.offset !== 0) return false;
    return index.affine.strides.every((stride, d) => stride === (d === coordinate ? 1 : 0));
  };
  const [a, b] = compared.args;
  if (isCoordinate(a) && isSame(body, b, coordinate)) return b;
  return isCoordinate(b) && isSame(body, a, coordinate) ? a : null;
}

/** Whether a test holds for a value and for everything that it is computed from; each is looked at once. */
function holdsThroughout(
  body: readonly Instruction[],
  value: Value,
  test: (instruction: Instruction) => boolean,
  seen: Set<Value> = new Set(),
): boolean {
  if (seen.has(value)) return true;
  seen.add(value);
  const instruction = body[value];
  if (!test(instruction)) return false;
  return !('args' in instruction) || instruction.args.every((arg) => holdsThroughout(body, arg, test, seen));
}

/** Whether a value does not change with a coordinate. */
function isSame(body: readonly Instruction[], value: Value, coordinate: number): boolean {
  const isStill = (affine: Affine): boolean => strideAt(affine, coordinate) === 0;
  return holdsThroughout(body, value, (instruction) => {
    switch (instruction.op) {
      case 'index':
        return isStill(instruction.affine);
      case 'load':
      case 'gather':
        return isStill(instruction.access) && instruction.access.guards.every(isStill);
      case 'inside':
        return instruction.guards.every(isStill);
      default:
        return true;
    }
  });
}

/** Computes values of a reduction's body where the walked coordinate is the target. */
class Term {
  readonly builder: ExpressionBuilder = new ExpressionBuilder();
  readonly #body: readonly Instruction[];
  readonly #rank: number;
  readonly #walked: Walked;
  readonly #target: Value;
  readonly #values = new Map<Value, Value>();

  /** @param rank of the kernel, without what the reduction walks */
  constructor(body: readonly Instruction[], rank: number, walked: Walked, target: Value) {
    this.#body = body;
    this.#rank = rank;
    this.#walked = walked;
    this.#target = target;
  }

  /** Whether everything that a value is computed from can be had at a position that depends on data. */
  isKnown(value: Value): boolean {
    const stride = (affine: Affine): number => strideAt(affine, this.#walked.coordinate);
    const isStill = (affine: Affine): boolean => stride(affine) === 0;
    return holdsThroughout(this.#body, value, (instruction) => {
      switch (instruction.op) {
        case 'index':
          return isStill(instruction.affine) || instruction.dtype === 'int32';
        case 'load':
          return instruction.access.guards.every(isStill) && stride(instruction.access) >= 0;
        case 'gather':
          return instruction.access.guards.every(isStill) && isStill(instruction.access);
        case 'inside':
          return instruction.guards.every(isStill);
        default:
          return true;
      }
    });
  }

  /** The term `one` at the target and `other` everywhere else; `other` alone where the target is no position. */
  sum(one: Value, other: Value): Value {
    const b = this.builder;
    const { extent } = this.#walked;
    const target = this.#at(this.#target);
    const isPosition = b.binary(
      'and',
      b.compare('le', b.constant(0, 'int32'), target),
      b.compare('lt', target, b.constant(extent, 'int32')),
    );
    const same = this.#at(other);
    const times = (count: number): Value => b.binary('mul', b.constantLike(count, same), same);
    return b.where(isPosition, b.binary('add', this.#at(one), times(extent - 1)), times(extent));
  }

  #at(value: Value): Value {
    let found = this.#values.get(value);
    if (found === undefined) {
      found = this.#compute(this.#body[value]);
      this.#values.set(value, found);
    }
    return found;
  }

  #compute(instruction: Instruction): Value {
    const b = this.builder;
    switch (instruction.op) {
      case 'index': {
        const outside = b.add({ ...instruction, affine: this.#outside(instruction.affine) });
        const stride = strideAt(instruction.affine, this.#walked.coordinate);
        return stride === 0 ? outside : b.binary('add', outside, this.#offset(stride));
      }
      case 'load': {
        const access = this.#outsideAccess(instruction.access);
        const stride = strideAt(instruction.access, this.#walked.coordinate);
        if (stride === 0) return b.add({ ...instruction, access });
        const size = (this.#walked.extent - 1) * stride + 1;
        return b.add({ op: 'gather', dtype: instruction.dtype, access, size, args: [this.#offset(stride)] });
      }
      case 'gather':
        return b.add({
          ...instruction,
          access: this.#outsideAccess(instruction.access),
          args: [this.#at(instruction.args[0])],
        });
      case 'inside':
        return b.add({ ...instruction, guards: instruction.guards.map((guard) => this.#outside(guard)) });
      default:
        return b.add(
          'args' in instruction
            ? { ...instruction, args: instruction.args.map((arg) => this.#at(arg)) }
            : instruction,
        );
    }
  }

  /** How far the target is from the first position. */
  #offset(stride: number): Value {
    const target = this.#at(this.#target);
    return stride === 1 ? target : this.builder.binary('mul', target, this.builder.constant(stride, 'int32'));
  }

  #outside<A extends Affine>(affine: A): A {
    return { ...affine, strides: affine.strides.slice(0, this.#rank) };
  }

  #outsideAccess(access: Access): Access {
    return { ...this.#outside(access), guards: access.guards.map((guard) => this.#outside(guard)) };
  }
}

function withArguments(instruction: Instruction, values: readonly Value[]): Instruction {
  if (!('args' in instruction)) return instruction;
  return { ...instruction, args: instruction.args.map((arg) => values[arg]) } as Instruction;
}
