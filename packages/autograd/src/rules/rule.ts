// What a derivative rule sees and gives.
import type { AttributesOf, OpName } from '@nn/core';
import type { Tensor } from '@nn/tensor';
import type { Gradient } from '../gradient-sum.ts';

/** Made for one call of a rule; take it apart by name, since its properties may be getters. */
export interface RuleContext<A> {
  /** The gradient with respect to the output, in the output's shape. */
  readonly gradient: Tensor;
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  readonly attributes: A;
  /** Which inputs' gradients are asked for; others may be null. */
  readonly needs: readonly boolean[];
}

/**
 * Gradients with respect to the inputs (null: none). Those of elementwise ops may have the output's shape: the
 * engine sums them to the inputs' shapes. Rules are written in ops, so that they can be differentiated again.
 */
export type Rule<A = Record<string, never>> = (context: RuleContext<A>) => readonly (Gradient | null)[];

/** An op whose result does not depend smoothly on its inputs: integers, comparisons, generators, leaves. */
export const notDifferentiable: 'not differentiable' = 'not differentiable';

/** A rule, or the statement that there is none, for each op. A missing one does not compile. */
export type Rules<Names extends OpName = OpName> = {
  readonly [N in Names]: Rule<AttributesOf<N>> | typeof notDifferentiable;
};
