// @nn/core: what every other package stands on.
export * from './backend.ts';
export * from './dtype.ts';
export * from './errors.ts';
export { turn } from './event-loop.ts';
export { ExpressionBuilder } from './expression.ts';
export * from './half.ts';
export { type InterpreterOptions, interpreter } from './interpreter/interpreter.ts';
export { philox4x32 } from './interpreter/philox.ts';
export { interpretProgram } from './interpreter/program.ts';
export type * from './kernel.ts';
export { type ExpandableOp, expandMath, hasExpansion } from './math/expand.ts';
export type { MathOptions } from './math/options.ts';
export {
  dataNode,
  expectOp,
  isHeld,
  makeNode,
  Node,
  type NodeState,
  nodeState,
  sameAttributes,
  scalarNode,
  scalarValue,
} from './node.ts';
export type { CompositeOps } from './ops/composite.ts';
export { isDepthwise, zerosAround } from './ops/convolution.ts';
export type * from './ops/definition.ts';
export { type ElementwiseOps, mishLimit } from './ops/elementwise.ts';
export type { GeneratorOps } from './ops/generator.ts';
export type { HeavyOps } from './ops/heavy.ts';
export type { LeafOps } from './ops/leaf.ts';
export type { MovementOps } from './ops/movement.ts';
export type { ReduceAttributes, ReductionOps } from './ops/reduction.ts';
export {
  registerScalarFunction,
  type ScalarExpression,
  type ScalarFunctionAttributes,
  type ScalarFunctionOps,
} from './ops/scalar-function.ts';
export { type AttributesOf, definitionOf, type OpName, type Ops, opNames, ops } from './ops/table.ts';
export * from './scalar.ts';
export * from './shape.ts';
