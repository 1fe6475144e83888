// The assembler: expressions and statements in, a WebAssembly module out.

export { atomic } from './atomic.ts';
export type { Expression, Operand, Statement, ValueType } from './expression.ts';
export { features } from './features.ts';
export { type Callable, choose, FunctionBuilder, type Local } from './function.ts';
export { ModuleBuilder } from './module.ts';
export { f32, f64, i32, i64, memory, select } from './scalar.ts';
export { f32x4, f64x2, i8x16, i16x8, i32x4, i64x2, v128 } from './vector.ts';
