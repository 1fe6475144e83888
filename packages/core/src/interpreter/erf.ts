// The error functions in float64, to about three units in the last place.
//
// Small arguments use the Taylor series of erf; the others a Chebyshev series of (1 + 2x) exp(x²) erfc(x) in
// (x - k) / (x + k), the form of Shepherd and Laframboise, "Chebyshev approximation of (1 + 2x) exp(x²) erfc x in
// 0 ≤ x < ∞" (1981). Its coefficients here were computed for k = 3.75 with 50 digits.

const twoOverRootPi = 1.1283791670955126;

const chebyshev = [
  1.1775789345674017, -0.004590054580646478, -0.08424913336651792, 0.05920993999819189, -0.026658668435305753,
  0.009074997670705265, -0.002413163540417608, 0.0004907758365258086, -6.916973302501207e-5,
  4.13902798607301e-6, 7.74038306619849e-7, -2.1886401049234397e-7, 1.076499946567091e-8,
  4.521959811218287e-9, -7.754400208831351e-10, -6.318088340886684e-11, 2.86879501093067e-11,
  1.9455868545777347e-13, -9.65469674843344e-13, 3.25254814814874e-14, 3.3478119482868056e-14,
  -1.864562880419313e-15, -1.2507950530688648e-15, 7.418235256624044e-17, 5.068148904796111e-17,
];

/** Taylor's series, for |x| < 1: the terms fall fast and cancel little. */
function erfSmall(x: number): number {
  const square = x * x;
  let sum = 0;
  for (let n = seriesTerms.length - 1; n > 0; n--) sum = (sum + seriesTerms[n]) * square;
  return x * (twoOverRootPi + sum);
}

/** 2/√π (-1)^n / (n! (2n + 1)). */
const seriesTerms: readonly number[] = Array.from({ length: 24 }, (_, n) => {
  let factorial = 1;
  for (let i = 2; i <= n; i++) factorial *= i;
  return ((n % 2 === 0 ? 1 : -1) * twoOverRootPi) / (factorial * (2 * n + 1));
});

/** exp(-x²) whose argument keeps its lower half: x² = high² + (x - high)(x + high), high² being exact. */
function expMinusSquare(x: number): number {
  const high = Math.fround(x);
  return Math.exp(-high * high) * Math.exp((high - x) * (high + x));
}

/** For x ≥ 0.5. */
function erfcLarge(x: number): number {
  if (x > 27.3) return 0;
  const t = (x - 3.75) / (x + 3.75);
  let next = 0;
  let afterNext = 0;
  for (let j = chebyshev.length - 1; j > 0; j--) {
    const here = 2 * t * next - afterNext + chebyshev[j];
    afterNext = next;
    next = here;
  }
  const scaled = t * next - afterNext + chebyshev[0];
  return (expMinusSquare(x) * scaled) / (1 + 2 * x);
}

/** The error function 2/√π ∫₀ˣ exp(-t²) dt. */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  const magnitude = Math.abs(x);
  if (magnitude < 0.9) return erfSmall(x);
  const result = magnitude > 6 ? 1 : 1 - erfcLarge(magnitude);
  return x < 0 ? -result : result;
}

/** 1 - erf(x), without cancellation for large x. */
export function erfc(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x < -6) return 2;
  if (x < 0.5) return x > -0.5 ? 1 - erfSmall(x) : 2 - erfcLarge(-x);
  return erfcLarge(x);
}
