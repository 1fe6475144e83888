// @nn/core: what every other package stands on.
export * from './backend.ts';
export * from './dtype.ts';
export * from './errors.ts';
export { ExpressionBuilder } from './expression.ts';
export * from './half.ts';
export { type InterpreterOptions, interpreter } from './interpreter/interpreter.ts';
export { interpretProgram } from './interpreter/program.ts';
export type * from './kernel.ts';
export { dataNode, expectOp, isHeld, makeNode, Node, type NodeState, scalarNode } from './node.ts';
export type * from './ops/definition.ts';
export { type AttributesOf, definitionOf, type OpName, type Ops, opNames, ops } from './ops/table.ts';
export * from './scalar.ts';
export * from './shape.ts';
