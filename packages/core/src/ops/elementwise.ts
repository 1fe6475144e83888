// Elementwise ops: each an expression over the scalar instructions. Adding one here and its derivative in
// autograd is all it takes to have it on every backend.
import { categoryOf, type DType, type DTypeCategory } from '../dtype.ts';
import { DTypeError } from '../errors.ts';
import type { ExpressionBuilder } from '../expression.ts';
import type { ArithmeticOp, BitOp, CompareOp, UnaryOp, Value } from '../scalar.ts';
import { broadcastShapes, sameShape } from '../shape.ts';
import type { Meta, NoAttributes, ScalarDefinition } from './definition.ts';

/** Float to float. */
export type FloatUnaryName =
  | 'floor'
  | 'ceil'
  | 'trunc'
  | 'round'
  | 'sqrt'
  | 'rsqrt'
  | 'reciprocal'
  | 'exp'
  | 'log'
  | 'expm1'
  | 'log1p'
  | 'exp2'
  | 'log2'
  | 'log10'
  | 'sin'
  | 'cos'
  | 'tan'
  | 'asin'
  | 'acos'
  | 'atan'
  | 'sinh'
  | 'cosh'
  | 'tanh'
  | 'asinh'
  | 'acosh'
  | 'atanh'
  | 'erf'
  | 'erfc'
  | 'sigmoid'
  | 'silu'
  | 'mish'
  | 'logSigmoid'
  | 'erfinv';
/** Numbers to the same dtype. */
export type NumericUnaryName = 'neg' | 'abs' | 'sign' | 'relu' | 'square';
export type NumericBinaryName =
  | 'add'
  | 'sub'
  | 'mul'
  | 'truncDivide'
  | 'floorDivide'
  | 'remainder'
  | 'fmod'
  | 'maximum'
  | 'minimum';
export type FloatBinaryName = 'div' | 'pow' | 'atan2' | 'xlogy' | 'xlog1py';
export type CompareName = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge';
export type BitBinaryName = 'bitwiseAnd' | 'bitwiseOr' | 'bitwiseXor' | 'leftShift' | 'rightShift';

type PlainName =
  | FloatUnaryName
  | NumericUnaryName
  | NumericBinaryName
  | FloatBinaryName
  | CompareName
  | BitBinaryName
  | 'bitwiseNot'
  | 'isnan'
  | 'integerPow'
  | 'gcd'
  | 'where';

export type ElementwiseOps = { readonly [N in PlainName]: ScalarDefinition<NoAttributes> } & {
  readonly cast: ScalarDefinition<{ readonly dtype: DType }>;
  readonly bitcast: ScalarDefinition<{ readonly dtype: DType }>;
  readonly gelu: ScalarDefinition<{ readonly approximate: 'none' | 'tanh' }>;
  readonly celu: ScalarDefinition<{ readonly alpha: number }>;
  readonly elu: ScalarDefinition<{ readonly alpha: number }>;
  readonly leakyRelu: ScalarDefinition<{ readonly negativeSlope: number }>;
  readonly softplus: ScalarDefinition<{ readonly beta: number; readonly threshold: number }>;
};

type Expression = (b: ExpressionBuilder, ...inputs: Value[]) => Value;

function inferElementwise(
  name: string,
  categories: readonly DTypeCategory[],
): (inputs: readonly Meta[]) => Meta {
  return (inputs) => {
    const { dtype } = inputs[0];
    if (!categories.includes(categoryOf(dtype))) {
      throw new DTypeError(`${name}: does not take ${dtype}; it takes ${categories.join(' and ')} tensors`);
    }
    for (const input of inputs) {
      if (input.dtype !== dtype)
        throw new DTypeError(`${name}: inputs are ${dtype} and ${input.dtype}; cast one of them`);
    }
    return { shape: inferBroadcast(name, inputs), dtype };
  };
}

function inferBroadcast(name: string, inputs: readonly Meta[]): readonly number[] {
  let { shape } = inputs[0];
  for (let i = 1; i < inputs.length; i++) {
    const other = inputs[i].shape;
    if (other.length === 0 || sameShape(other, shape)) continue;
    if (shape.length > 0) return broadcastShapes(name, ...inputs.map((input) => input.shape));
    shape = other;
  }
  return shape;
}

const numbers: readonly DTypeCategory[] = ['integer', 'float'];
const everything: readonly DTypeCategory[] = ['bool', 'integer', 'float'];

function define(
  name: string,
  categories: readonly DTypeCategory[],
  expression: Expression,
): ScalarDefinition<NoAttributes> {
  return {
    kind: 'scalar',
    infer: inferElementwise(name, categories),
    expression: (b, inputs) => expression(b, ...inputs),
  };
}

const unary = (
  name: string,
  op: UnaryOp,
  categories: readonly DTypeCategory[] = ['float'],
): ScalarDefinition<NoAttributes> => define(name, categories, (b, x) => b.unary(op, x));

const binary = (
  name: string,
  op: ArithmeticOp | BitOp,
  categories: readonly DTypeCategory[],
): ScalarDefinition<NoAttributes> => define(name, categories, (b, x, y) => b.binary(op, x, y));

function compare(name: string, op: CompareOp, swapped: boolean = false): ScalarDefinition<NoAttributes> {
  const infer = inferElementwise(name, everything);
  return {
    kind: 'scalar',
    infer: (inputs) => ({ shape: infer(inputs).shape, dtype: 'bool' }),
    expression: (b, [x, y]) => (swapped ? b.compare(op, y, x) : b.compare(op, x, y)),
  };
}

/** An expression with attributes. */
function withAttributes<A>(
  name: string,
  expression: (b: ExpressionBuilder, x: Value, attributes: A) => Value,
): ScalarDefinition<A> {
  return {
    kind: 'scalar',
    infer: inferElementwise(name, ['float']),
    expression: (b, [x], attributes) => expression(b, x, attributes),
  };
}

const isFloatValue = (b: ExpressionBuilder, x: Value): boolean => categoryOf(b.dtypeOf(x)) === 'float';

/** Remainder with the divisor's sign: Python's %, PyTorch's remainder. */
function floorRemainder(b: ExpressionBuilder, x: Value, y: Value): Value {
  const remainder = b.binary('rem', x, y);
  const zero = b.constantLike(0, x);
  const signsDiffer = b.binary('xor', b.compare('lt', remainder, zero), b.compare('lt', y, zero));
  const adjust = b.binary('and', b.compare('ne', remainder, zero), signsDiffer);
  return b.where(adjust, b.binary('add', remainder, y), remainder);
}

/** Floor of the exact quotient; computed as CPython's float floor division so that it agrees with the remainder. */
function floorDivide(b: ExpressionBuilder, x: Value, y: Value): Value {
  const zero = b.constantLike(0, x);
  if (!isFloatValue(b, x)) {
    const quotient = b.binary('div', x, y);
    const remainder = b.binary('rem', x, y);
    const signsDiffer = b.binary('xor', b.compare('lt', remainder, zero), b.compare('lt', y, zero));
    const adjust = b.binary('and', b.compare('ne', remainder, zero), signsDiffer);
    return b.where(adjust, b.binary('sub', quotient, b.constantLike(1, x)), quotient);
  }
  const plain = b.binary('div', x, y);
  const remainder = b.binary('rem', x, y);
  const signsDiffer = b.binary('xor', b.compare('lt', remainder, zero), b.compare('lt', y, zero));
  const adjust = b.binary('and', b.compare('ne', remainder, zero), signsDiffer);
  const raw = b.binary('div', b.binary('sub', x, remainder), y);
  const quotient = b.where(adjust, b.binary('sub', raw, b.constantLike(1, x)), raw);
  const floored = b.unary('floor', quotient);
  const half = b.constantLike(0.5, x);
  const up = b.compare('lt', half, b.binary('sub', quotient, floored));
  const rounded = b.where(up, b.binary('add', floored, b.constantLike(1, x)), floored);
  const signedZero = b.binary('mul', zero, plain);
  const result = b.where(b.compare('ne', quotient, zero), rounded, signedZero);
  return b.where(b.compare('eq', y, zero), plain, result);
}

/** x^y for integers by eight squarings (exponents of at least 0; larger ones only matter for -1, 0 and 1). */
function integerPow(b: ExpressionBuilder, x: Value, y: Value): Value {
  const zero = b.constantLike(0, x);
  const one = b.constantLike(1, x);
  let result = one;
  let power = x;
  for (let bit = 0; bit < 6; bit++) {
    const set = b.compare('ne', b.binary('and', y, b.constantLike(1 << bit, x)), zero);
    result = b.where(set, b.binary('mul', result, power), result);
    power = b.binary('mul', power, power);
  }
  const negative = b.compare('lt', y, zero);
  const odd = b.compare('ne', b.binary('and', y, one), zero);
  const minusOne = b.constantLike(-1, x);
  const sign = b.where(odd, minusOne, one);
  const reciprocal = b.where(b.compare('eq', x, one), one, b.where(b.compare('eq', x, minusOne), sign, zero));
  return b.where(negative, reciprocal, result);
}

/** Euclid's algorithm, as often as the longest chain of remainders that the width allows (Fibonacci numbers). */
function gcd(b: ExpressionBuilder, x: Value, y: Value): Value {
  const steps = { uint8: 13, int8: 12, int16: 23, int32: 46, int64: 92 }[b.dtypeOf(x) as 'int32'];
  let larger = b.unary('abs', x);
  let smaller = b.unary('abs', y);
  for (let step = 0; step < steps; step++) {
    const more = b.compare('ne', smaller, b.constantLike(0, x));
    const remainder = b.binary('rem', larger, smaller);
    larger = b.where(more, smaller, larger);
    smaller = remainder;
  }
  return larger;
}

/** x times a function of y, 0 where x is 0 unless y is NaN. */
function timesLog(op: 'log' | 'log1p'): Expression {
  return (b, x, y) => {
    const zero = b.constantLike(0, x);
    const product = b.binary('mul', x, b.unary(op, y));
    return b.where(b.isNaN(y), y, b.where(b.compare('eq', x, zero), zero, product));
  };
}

/** Σ coefficients[i] * x^i. */
function polynomial(b: ExpressionBuilder, x: Value, coefficients: readonly number[]): Value {
  const highest = coefficients.length - 1;
  let result = b.constantLike(coefficients[highest], x);
  for (let i = highest - 1; i >= 0; i--) result = b.fma(result, x, b.constantLike(coefficients[i], x));
  return result;
}

/** Rational approximations in the middle and the tails, refined by two steps of Newton's method, as PyTorch does. */
function erfinv(b: ExpressionBuilder, y: Value): Value {
  const one = b.constantLike(1, y);
  const size = b.unary('abs', y);
  const square = b.binary('mul', y, y);
  const middle = b.binary(
    'div',
    b.binary('mul', y, polynomial(b, square, [0.886226899, -1.645349621, 0.914624893, -0.140543331])),
    polynomial(b, square, [1, -2.118377725, 1.442710462, -0.329097515, 0.012229801]),
  );
  const half = b.binary('mul', b.binary('sub', one, size), b.constantLike(0.5, y));
  const root = b.unary('sqrt', b.unary('neg', b.unary('log', half)));
  const outer = b.binary(
    'div',
    polynomial(b, root, [-1.970840454, -1.624906493, 3.429567803, 1.641345311]),
    polynomial(b, root, [1, 3.5438892, 1.6370678]),
  );
  const tail = b.where(b.compare('lt', y, b.constantLike(0, y)), b.unary('neg', outer), outer);
  let x = b.where(b.compare('le', size, b.constantLike(0.7, y)), middle, tail);
  for (let step = 0; step < 2; step++) {
    const error = b.binary('sub', b.unary('erf', x), y);
    const bell = b.unary('exp', b.unary('neg', b.binary('mul', x, x)));
    const slope = b.binary('mul', b.constantLike(2 / Math.sqrt(Math.PI), y), bell);
    x = b.binary('sub', x, b.binary('div', error, slope));
  }
  const end = b.binary('mul', y, b.constantLike(Infinity, y));
  const inside = b.where(b.compare('eq', size, one), end, x);
  return b.where(b.compare('lt', one, size), b.constantLike(Number.NaN, y), inside);
}

/** numerator / (1 + exp(-x)). */
function overSigmoid(b: ExpressionBuilder, numerator: Value, x: Value): Value {
  const growth = b.unary('exp', b.unary('neg', x));
  return b.binary('div', numerator, b.binary('add', b.constantLike(1, x), growth));
}

const sigmoid = (b: ExpressionBuilder, x: Value): Value => overSigmoid(b, b.constantLike(1, x), x);

/** From where mish(x) is x, in float64 too; float16 holds no squares of larger exponentials than that of its own limit. */
export const mishLimit = (dtype: DType): number => (dtype === 'float16' ? 5.5 : 20);

/** x tanh(softplus(x)) (Misra 2019): with e = exp(x), the hyperbolic tangent is (e² + 2e) / (e² + 2e + 2). */
function mish(b: ExpressionBuilder, x: Value): Value {
  const two = b.constantLike(2, x);
  const limit = b.constantLike(mishLimit(b.dtypeOf(x)), x);
  const growth = b.unary('exp', b.where(b.compare('lt', limit, x), limit, x));
  const numerator = b.binary('mul', growth, b.binary('add', growth, two));
  return b.binary('mul', x, b.binary('div', numerator, b.binary('add', numerator, two)));
}

/** min(0, x) - log1p(exp(-|x|)): neither side overflows. */
function logSigmoid(b: ExpressionBuilder, x: Value): Value {
  const decay = b.unary('exp', b.unary('neg', b.unary('abs', x)));
  const zero = b.constantLike(0, x);
  const least = b.where(b.compare('lt', zero, x), zero, x);
  return b.binary('sub', least, b.unary('log1p', decay));
}

/** PyTorch's gelu: x Φ(x), or its tanh approximation (Hendrycks and Gimpel 2016). */
function gelu(
  b: ExpressionBuilder,
  x: Value,
  { approximate }: { readonly approximate: 'none' | 'tanh' },
): Value {
  const half = b.binary('mul', x, b.constantLike(0.5, x));
  const one = b.constantLike(1, x);
  if (approximate === 'none') {
    const erf = b.unary('erf', b.binary('mul', x, b.constantLike(Math.SQRT1_2, x)));
    return b.binary('mul', half, b.binary('add', one, erf));
  }
  const cube = b.binary('mul', b.binary('mul', x, x), x);
  const inner = b.fma(b.constantLike(0.044715, x), cube, x);
  const tanh = b.unary('tanh', b.binary('mul', b.constantLike(Math.sqrt(2 / Math.PI), x), inner));
  return b.binary('mul', half, b.binary('add', one, tanh));
}

/** max(0, x) + min(0, α expm1(x / α)) (Barron 2017); a product with 1/α, as in PyTorch. */
function celu(b: ExpressionBuilder, x: Value, { alpha }: { readonly alpha: number }): Value {
  const decay = b.unary('expm1', scaled(b, x, 1 / alpha));
  return b.where(b.compare('lt', b.constantLike(0, x), x), x, scaled(b, decay, alpha));
}

/** x times a number, or x itself. */
function scaled(b: ExpressionBuilder, x: Value, factor: number): Value {
  return factor === 1 ? x : b.binary('mul', x, b.constantLike(factor, x));
}

function elu(b: ExpressionBuilder, x: Value, { alpha }: { readonly alpha: number }): Value {
  const negative = scaled(b, b.unary('expm1', x), alpha);
  return b.where(b.compare('lt', b.constantLike(0, x), x), x, negative);
}

function softplus(
  b: ExpressionBuilder,
  x: Value,
  { beta, threshold }: { readonly beta: number; readonly threshold: number },
): Value {
  const given = scaled(b, x, beta);
  const logarithm = b.unary('log1p', b.unary('exp', given));
  const soft = beta === 1 ? logarithm : b.binary('div', logarithm, b.constantLike(beta, x));
  return b.where(b.compare('lt', b.constantLike(threshold, x), given), x, soft);
}

function sign(b: ExpressionBuilder, x: Value): Value {
  const zero = b.constantLike(0, x);
  const one = b.constantLike(1, x);
  const negative = b.where(b.compare('lt', x, zero), b.constantLike(-1, x), zero);
  return b.where(
    b.compare('lt', zero, x),
    one,
    isFloatValue(b, x) ? b.where(b.isNaN(x), zero, negative) : negative,
  );
}

function converted(name: 'cast' | 'bitcast'): ScalarDefinition<{ readonly dtype: DType }> {
  return {
    kind: 'scalar',
    infer: ([x], { dtype }) => ({ shape: x.shape, dtype }),
    expression: (b, [x], { dtype }) => b[name](x, dtype),
  };
}

const where: ScalarDefinition<NoAttributes> = {
  kind: 'scalar',
  infer(inputs) {
    const [condition, a, b] = inputs;
    if (condition.dtype !== 'bool')
      throw new DTypeError(`where: the condition must be bool, got ${condition.dtype}`);
    if (a.dtype !== b.dtype)
      throw new DTypeError(`where: the two sides are ${a.dtype} and ${b.dtype}; cast one of them`);
    return { shape: inferBroadcast('where', inputs), dtype: a.dtype };
  },
  expression: (b, [condition, x, y]) => b.where(condition, x, y),
};

const isnan: ScalarDefinition<NoAttributes> = {
  kind: 'scalar',
  infer: ([x]) => ({ shape: x.shape, dtype: 'bool' }),
  expression: (b, [x]) => b.isNaN(x),
};

export const elementwiseOps: ElementwiseOps = {
  neg: unary('neg', 'neg', numbers),
  abs: unary('abs', 'abs', numbers),
  sign: define('sign', numbers, sign),
  square: define('square', numbers, (b, x) => b.binary('mul', x, x)),
  relu: define('relu', numbers, (b, x) => {
    const zero = b.constantLike(0, x);
    return b.where(b.compare('lt', x, zero), zero, x);
  }),
  floor: unary('floor', 'floor'),
  ceil: unary('ceil', 'ceil'),
  trunc: unary('trunc', 'trunc'),
  round: unary('round', 'round'),
  sqrt: unary('sqrt', 'sqrt'),
  rsqrt: define('rsqrt', ['float'], (b, x) => b.binary('div', b.constantLike(1, x), b.unary('sqrt', x))),
  reciprocal: define('reciprocal', ['float'], (b, x) => b.binary('div', b.constantLike(1, x), x)),
  exp: unary('exp', 'exp'),
  log: unary('log', 'log'),
  expm1: unary('expm1', 'expm1'),
  log1p: unary('log1p', 'log1p'),
  exp2: unary('exp2', 'exp2'),
  log2: unary('log2', 'log2'),
  log10: unary('log10', 'log10'),
  sin: unary('sin', 'sin'),
  cos: unary('cos', 'cos'),
  tan: unary('tan', 'tan'),
  asin: unary('asin', 'asin'),
  acos: unary('acos', 'acos'),
  atan: unary('atan', 'atan'),
  sinh: unary('sinh', 'sinh'),
  cosh: unary('cosh', 'cosh'),
  tanh: unary('tanh', 'tanh'),
  asinh: unary('asinh', 'asinh'),
  acosh: unary('acosh', 'acosh'),
  atanh: unary('atanh', 'atanh'),
  erf: unary('erf', 'erf'),
  erfc: unary('erfc', 'erfc'),
  erfinv: define('erfinv', ['float'], erfinv),
  sigmoid: define('sigmoid', ['float'], sigmoid),
  silu: define('silu', ['float'], (b, x) => overSigmoid(b, x, x)),
  mish: define('mish', ['float'], mish),
  logSigmoid: define('logSigmoid', ['float'], logSigmoid),
  gelu: withAttributes('gelu', gelu),
  celu: withAttributes('celu', celu),
  elu: withAttributes('elu', elu),
  leakyRelu: withAttributes('leakyRelu', (b, x, { negativeSlope }) =>
    b.where(
      b.compare('lt', b.constantLike(0, x), x),
      x,
      b.binary('mul', x, b.constantLike(negativeSlope, x)),
    ),
  ),
  softplus: withAttributes('softplus', softplus),
  add: binary('add', 'add', numbers),
  sub: binary('sub', 'sub', numbers),
  mul: binary('mul', 'mul', numbers),
  div: binary('div', 'div', ['float']),
  truncDivide: define('truncDivide', numbers, (b, x, y) => {
    const quotient = b.binary('div', x, y);
    return isFloatValue(b, x) ? b.unary('trunc', quotient) : quotient;
  }),
  floorDivide: define('floorDivide', numbers, floorDivide),
  remainder: define('remainder', numbers, floorRemainder),
  fmod: binary('fmod', 'rem', numbers),
  pow: binary('pow', 'pow', ['float']),
  gcd: define('gcd', ['integer'], gcd),
  xlogy: define('xlogy', ['float'], timesLog('log')),
  xlog1py: define('xlog1py', ['float'], timesLog('log1p')),
  integerPow: define('integerPow', ['integer'], integerPow),
  atan2: binary('atan2', 'atan2', ['float']),
  maximum: binary('maximum', 'max', everything),
  minimum: binary('minimum', 'min', everything),
  eq: compare('eq', 'eq'),
  ne: compare('ne', 'ne'),
  lt: compare('lt', 'lt'),
  le: compare('le', 'le'),
  gt: compare('gt', 'lt', true),
  ge: compare('ge', 'le', true),
  bitwiseAnd: binary('bitwiseAnd', 'and', ['bool', 'integer']),
  bitwiseOr: binary('bitwiseOr', 'or', ['bool', 'integer']),
  bitwiseXor: binary('bitwiseXor', 'xor', ['bool', 'integer']),
  bitwiseNot: unary('bitwiseNot', 'not', ['bool', 'integer']),
  leftShift: binary('leftShift', 'shiftLeft', ['integer']),
  rightShift: binary('rightShift', 'shiftRight', ['integer']),
  isnan,
  where,
  cast: converted('cast'),
  bitcast: converted('bitcast'),
};
