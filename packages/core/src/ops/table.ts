// The op table: every op, by name.
import { type CompositeOps, compositeOps } from './composite.ts';
import type { OpDefinition } from './definition.ts';
import { type ElementwiseOps, elementwiseOps } from './elementwise.ts';
import { type GeneratorOps, generatorOps } from './generator.ts';
import { type HeavyOps, heavyOps } from './heavy.ts';
import { type LeafOps, leafOps } from './leaf.ts';
import { type MovementOps, movementOps } from './movement.ts';
import { type ReductionOps, reductionOps } from './reduction.ts';
import { type ScalarFunctionOps, scalarFunctionOps } from './scalar-function.ts';

export type Ops = ElementwiseOps &
  ScalarFunctionOps &
  GeneratorOps &
  MovementOps &
  ReductionOps &
  HeavyOps &
  CompositeOps &
  LeafOps;
export type OpName = keyof Ops;

/** The attributes of an op, by its name. */
export type AttributesOf<N extends OpName> = Ops[N] extends {
  infer(inputs: never, attributes: infer A): unknown;
}
  ? A
  : never;

export const ops: Ops = {
  ...elementwiseOps,
  ...scalarFunctionOps,
  ...generatorOps,
  ...movementOps,
  ...reductionOps,
  ...heavyOps,
  ...compositeOps,
  ...leafOps,
};

export const opNames: readonly OpName[] = Object.keys(ops) as OpName[];

/** The definition of an op whose name is only known at run time. */
export function definitionOf(name: OpName): OpDefinition {
  return ops[name] as OpDefinition;
}
