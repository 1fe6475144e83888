// What the templates of instructions choose from.
import { type DType, isInteger, type Shape, sizeOf } from '@nn/core';
import { isFloat } from '@nn/tensor';
import type { Known } from './analysis.ts';
import type { Domain } from './domain.ts';
import { isExact, join } from './domain.ts';
import type { Argument, Call, Instruction, Variable } from './program.ts';
import type { Random } from './random.ts';

export interface Limits {
  /** Instructions before the last reads. */
  readonly length: number;
  /** Extents of dimensions, to choose from. */
  readonly extents: readonly number[];
  /** Elements of a value, at most. */
  readonly elements: number;
  /** Whether the devices have int64 and float64. */
  readonly wide: boolean;
}

/** An instruction whose result has no number yet. */
export type Draft = Instruction & { readonly makes?: false };
export type Template = (growth: Growth) => Draft | null;

/** The state of a program that grows: its variables and the choices to be made. */
export class Growth {
  readonly random: Random;
  readonly limits: Limits;
  readonly variables: readonly Known[];

  constructor(random: Random, limits: Limits, variables: readonly Known[]) {
    this.random = random;
    this.limits = limits;
    this.variables = variables;
  }

  /** One of the variables that the condition holds for; newer ones are likelier. */
  find(condition: (known: Known) => boolean): Known | null {
    const fitting = this.variables.filter(condition);
    if (fitting.length === 0) return null;
    const at = Math.floor(Math.sqrt(this.random.next()) * fitting.length);
    return fitting[at];
  }

  float(condition: (known: Known) => boolean = () => true): Known | null {
    return this.find((known) => isFloat(known.tensor.dtype) && condition(known));
  }

  exactFloat(): Known | null {
    return this.float(({ domain }) => isExact(domain));
  }

  integer(): Known | null {
    return this.find(({ tensor }) => isInteger(tensor.dtype));
  }

  bool(): Known | null {
    return this.find(({ tensor }) => tensor.dtype === 'bool');
  }

  /** Numbers that are compared, sorted and rounded without doubt. */
  certain(): Known | null {
    return this.find(({ tensor, domain }) => !isFloat(tensor.dtype) || isExact(domain));
  }

  /** A variable that broadcasts with the given one, of its dtype. */
  partner(x: Known, condition: (known: Known) => boolean = () => true): Known | null {
    return this.find(
      (other) =>
        other.tensor.dtype === x.tensor.dtype &&
        broadcasts(x.tensor.shape, other.tensor.shape) &&
        condition(other),
    );
  }

  shape(most: number = 4): number[] {
    const rank = this.random.pick([0, 1, 1, 2, 2, 2, 3, 3, 4].filter((each) => each <= most));
    const shape = Array.from({ length: rank }, () => this.random.pick(this.limits.extents));
    while (sizeOf(shape) > this.limits.elements) shape.pop();
    if (shape.length > 0 && this.random.chance(0.02)) shape[this.random.integer(0, shape.length)] = 0;
    return shape;
  }

  /** A dimension of x, sometimes counted from the end. */
  dim(x: Known): number {
    const rank = x.tensor.ndim;
    const dim = this.random.integer(0, rank);
    return this.random.chance(0.3) ? dim - rank : dim;
  }

  /** A small number with few bits. */
  number(): number {
    return this.random.pick([-2, -1, -0.5, 0.25, 0.5, 1, 1.5, 2, 3]);
  }

  whole(): number {
    return this.random.integer(-4, 5);
  }
}

function broadcasts(a: Shape, b: Shape): boolean {
  for (let i = 1; i <= Math.min(a.length, b.length); i++) {
    const [x, y] = [a[a.length - i], b[b.length - i]];
    if (x !== y && x !== 1 && y !== 1) return false;
  }
  return true;
}

export const v = ({ variable }: Known): Variable => ({ variable });

/** A method's call, or (on null) a function's. */
export function call(
  on: Known | null,
  name: string,
  args: readonly Argument[],
  domain: Domain | undefined,
  more: Partial<Pick<Call, 'pick' | 'noGrad'>> = {},
): Call {
  return {
    kind: 'call',
    on: on?.variable ?? null,
    name,
    args,
    ...(domain === undefined ? {} : { domain }),
    ...more,
  };
}

/** The result may be any of the values of these. */
export const oneOf = (...known: readonly Known[]): Domain => join(...known.map(({ domain }) => domain));

/** Whether kinks (of relu, abs, max) are safe: values are exact, or nobody asks for their derivative. */
export function isSafeAtKinks({ tensor, domain }: Known): boolean {
  return !isFloat(tensor.dtype) || isExact(domain) || !tensor.requiresGrad;
}

export type { DType, Known };
