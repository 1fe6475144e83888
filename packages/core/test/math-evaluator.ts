// Evaluates lists of scalar instructions one step at a time, in the arithmetic of each dtype.
import type { DType, ExpressionBuilder, Instruction, Value } from '../src/index.ts';

/** How a device does fma: with one rounding (here almost: float64's, then float32's) or with two. */
export type FmaMode = 'fused' | 'separate';

/** Compiles what computes `result` from the builder's params, all numbers, to a JavaScript function. */
export function evaluator(
  builder: ExpressionBuilder,
  result: Value,
  fmaMode: FmaMode,
): (...params: number[]) => number {
  const lines = builder.instructions.map(
    (instruction, i) => `const v${i} = ${statement(instruction, builder, fmaMode)};`,
  );
  const body = `'use strict'; return (a, b) => { ${lines.join('\n')} return v${result}; };`;
  const make: (...context: unknown[]) => (...params: number[]) => number = new Function(
    'fround',
    'round',
    'saturate',
    'saturateLong',
    'intBits',
    'floatOf',
    'longBits',
    'doubleOf',
    body,
  ) as never;
  return make(Math.fround, roundToEven, saturate, saturateLong, intBits, floatOf, longBits, doubleOf);
}

function statement(instruction: Instruction, builder: ExpressionBuilder, fmaMode: FmaMode): string {
  if (instruction.op === 'const') return rounded(literal(instruction.value), instruction.dtype);
  if (instruction.op === 'param') return instruction.index === 0 ? 'a' : 'b';
  if (!('args' in instruction) || instruction.op === 'gather') throw new Error(instruction.op);
  const { op, dtype } = instruction;
  const args = instruction.args.map((arg) => `v${arg}`);
  const from = builder.dtypeOf(instruction.args[0]);
  if (op === 'cast') return cast(args[0], from, dtype);
  if (op === 'bitcast') {
    const convert = { int32: 'intBits', float32: 'floatOf', int64: 'longBits', float64: 'doubleOf' };
    return `${convert[dtype as keyof typeof convert]}(${args[0]})`;
  }
  if (op === 'fma') {
    const product =
      fmaMode === 'fused' ? `${args[0]} * ${args[1]}` : rounded(`${args[0]} * ${args[1]}`, dtype);
    return rounded(`${product} + ${args[2]}`, dtype);
  }
  return rounded(expression(op, args, from), dtype);
}

function literal(value: number | bigint): string {
  if (typeof value === 'bigint') return `${value}n`;
  return Object.is(value, -0) ? '-0' : String(value);
}

function rounded(text: string, dtype: DType): string {
  if (dtype === 'float32') return `fround(${text})`;
  if (dtype === 'int32') return `((${text}) | 0)`;
  if (dtype === 'int64') return `BigInt.asIntN(64, ${text})`;
  return text;
}

const infix: Readonly<Record<string, string>> = {
  add: '+',
  sub: '-',
  mul: '*',
  div: '/',
  eq: '===',
  ne: '!==',
  lt: '<',
  le: '<=',
  and: '&',
  or: '|',
  xor: '^',
  shiftLeft: '<<',
  shiftRight: '>>',
};

function expression(op: string, args: readonly string[], from: DType): string {
  const [a, b, c] = args;
  switch (op) {
    case 'where':
      return `${a} ? ${b} : ${c}`;
    case 'neg':
      return `-${a}`;
    case 'round':
      return `round(${a})`;
    case 'abs':
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'sqrt':
      return `Math.${op}(${a})`;
    case 'min':
    case 'max':
      return from === 'int64'
        ? `${a} ${op === 'min' ? '<' : '>'} ${b} ? ${a} : ${b}`
        : `Math.${op}(${a}, ${b})`;
    case 'mul':
      if (from === 'int32') return `Math.imul(${a}, ${b})`;
  }
  if (from === 'bool' && (op === 'and' || op === 'or')) return `${a} ${op === 'and' ? '&&' : '||'} ${b}`;
  if (op === 'shiftRightUnsigned') {
    return from === 'int64' ? `BigInt.asUintN(64, ${a}) >> ${b}` : `${a} >>> ${b}`;
  }
  if (infix[op] === undefined) throw new Error(`no ${op} here`);
  return `${a} ${infix[op]} ${b}`;
}

function cast(a: string, from: DType, to: DType): string {
  if (to === 'float32') return from === 'int64' ? `fround(Number(${a}))` : `fround(${a})`;
  if (to === 'float64') return from === 'int64' ? `Number(${a})` : a;
  if (to === 'int32') return from === 'int64' ? `Number(BigInt.asIntN(32, ${a}))` : `saturate(${a})`;
  if (to === 'int64') return from === 'int32' ? `BigInt(${a})` : `saturateLong(${a})`;
  throw new Error(`no cast to ${to} here`);
}

const float = new Float32Array(1);
const int = new Int32Array(float.buffer);
const double = new Float64Array(1);
const long = new BigInt64Array(double.buffer);

export function intBits(a: number): number {
  float[0] = a;
  return int[0];
}

export function floatOf(bits: number): number {
  int[0] = bits;
  return float[0];
}

function longBits(a: number): bigint {
  double[0] = a;
  return long[0];
}

function doubleOf(bits: bigint): number {
  long[0] = bits;
  return double[0];
}

function roundToEven(a: number): number {
  const shift = 2 ** 52;
  if (!(Math.abs(a) < shift)) return a;
  return a < 0 || Object.is(a, -0) ? a - shift + shift || -0 : a + shift - shift;
}

function saturate(a: number): number {
  return Number.isNaN(a) ? 0 : Math.trunc(Math.min(Math.max(a, -(2 ** 31)), 2 ** 31 - 1));
}

function saturateLong(a: number): bigint {
  if (Number.isNaN(a)) return 0n;
  if (a >= 2 ** 63) return 2n ** 63n - 1n;
  return a <= -(2 ** 63) ? -(2n ** 63n) : BigInt(Math.trunc(a));
}
