// The forms that an entry of the op table can take.
import type { DType } from '../dtype.ts';
import type { ExpressionBuilder } from '../expression.ts';
import type { Node } from '../node.ts';
import type { Value } from '../scalar.ts';
import type { Shape } from '../shape.ts';

/** Attributes are plain data: numbers, strings, booleans and lists of them. */
export type Attributes = { readonly [name: string]: unknown };
export type NoAttributes = { readonly [name: string]: never };

/** What is known of a value before it is computed. */
export interface Meta {
  readonly shape: Shape;
  readonly dtype: DType;
}

interface Definition<A> {
  /** Shape and dtype of the result; throws typed errors for inputs that do not fit. */
  infer(inputs: readonly Meta[], attributes: A): Meta;
}

/** One element out from one element of each input, broadcast against each other. */
export interface ScalarDefinition<A = Attributes> extends Definition<A> {
  readonly kind: 'scalar';
  expression(builder: ExpressionBuilder, inputs: readonly Value[], attributes: A): Value;
}

/** An element computed from its coordinates and from zero-dimensional inputs. */
export interface GeneratorDefinition<A = Attributes> extends Definition<A> {
  readonly kind: 'generator';
  /** `coordinates` gives the index along a dimension, or the row-major position, as a value of the dtype. */
  expression(
    builder: ExpressionBuilder,
    coordinates: Coordinates,
    inputs: readonly Value[],
    attributes: A,
  ): Value;
}

export interface Coordinates {
  along(dim: number, dtype: DType): Value;
  position(dtype: DType): Value;
}

/** Changes where elements are looked up; computes nothing. See compiler/index-map for what each does. */
export interface MovementDefinition<A = Attributes> extends Definition<A> {
  readonly kind: 'movement';
}

export interface ReductionDefinition<A = Attributes> extends Definition<A> {
  readonly kind: 'reduction';
}

/** Has a kernel of its own. */
export interface HeavyDefinition<A = Attributes> extends Definition<A> {
  readonly kind: 'heavy';
}

/** Stands for other ops, which `decompose` records; a backend may override it. */
export interface CompositeDefinition<A = Attributes> extends Definition<A> {
  readonly kind: 'composite';
  decompose(inputs: readonly Node[], attributes: A): Node;
}

/** A value that is given, not computed: a host array, a device buffer or a number. */
export interface LeafDefinition<A = Attributes> extends Definition<A> {
  readonly kind: 'leaf';
}

export type OpDefinition<A = never> =
  | ScalarDefinition<A>
  | GeneratorDefinition<A>
  | MovementDefinition<A>
  | ReductionDefinition<A>
  | HeavyDefinition<A>
  | CompositeDefinition<A>
  | LeafDefinition<A>;
