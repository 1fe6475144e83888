// Functions of float64 that kernels call instead of computing them. Workers have no modules to import from, so what
// is more than a function of Math is kept as source, from which both sides make theirs.

const fromMath = [
  'exp',
  'log',
  'expm1',
  'log1p',
  'log2',
  'log10',
  'sin',
  'cos',
  'tan',
  'asin',
  'acos',
  'atan',
  'sinh',
  'cosh',
  'tanh',
  'asinh',
  'acosh',
  'atanh',
  'atan2',
] as const;

export type MathFunctionName = (typeof fromMath)[number] | 'exp2' | 'pow' | 'rem';

/** C's pow, which unlike JavaScript's knows that 1 to any power, and -1 to an infinite one, are 1. */
function pow(x: number, y: number): number {
  return x === 1 || (x === -1 && (y === Infinity || y === -Infinity)) ? 1 : x ** y;
}

export const mathFunctions: Readonly<Record<MathFunctionName, (x: number, y: number) => number>> = {
  ...(Object.fromEntries(fromMath.map((name) => [name, Math[name]])) as Record<
    (typeof fromMath)[number],
    (x: number) => number
  >),
  exp2: (x) => 2 ** x,
  pow,
  rem: (x, y) => x % y,
};

/** An expression that gives the same object in a worker. */
export const mathSource: string = `Object.assign(
  Object.fromEntries(${JSON.stringify(fromMath)}.map((name) => [name, Math[name]])),
  {
    exp2: (x) => 2 ** x,
    pow: (x, y) => (x === 1 || (x === -1 && (y === Infinity || y === -Infinity)) ? 1 : x ** y),
    rem: (x, y) => x % y,
  },
)`;
