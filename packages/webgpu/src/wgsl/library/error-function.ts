/**
 * The error functions in float32. Small arguments take the Taylor series of erf; the others the Chebyshev
 * series of (1 + 2x) exp(x^2) erfc(x) of Shepherd and Laframboise (1981), with core's coefficients for
 * k = 3.75 as far as float32 sees them.
 */

const chebyshev = [
  1.1775789345674017, -0.004590054580646478, -0.08424913336651792, 0.05920993999819189, -0.026658668435305753,
  0.009074997670705265, -0.002413163540417608, 0.0004907758365258086, -6.916973302501207e-5,
  4.13902798607301e-6, 7.74038306619849e-7, -2.1886401049234397e-7, 1.076499946567091e-8,
];

function clenshaw(): string {
  const lines = ['  var next = 0.0f;', '  var after_next = 0.0f;', '  var here = 0.0f;'];
  for (let j = chebyshev.length - 1; j > 0; j--) {
    lines.push(
      `  here = 2.0 * t * next - after_next + ${chebyshev[j]}f;`,
      '  after_next = next;',
      '  next = here;',
    );
  }
  return [...lines, `  let scaled = t * next - after_next + ${chebyshev[0]}f;`].join('\n');
}

/** 2/sqrt(pi) (-1)^n / (n! (2n + 1)). */
function taylor(): string {
  const terms: number[] = [];
  let factorial = 1;
  for (let n = 0; n < 10; n++) {
    if (n > 0) factorial *= n;
    terms.push(((n % 2 === 0 ? 1 : -1) * 1.1283791670955126) / (factorial * (2 * n + 1)));
  }
  // Without the leading 2/sqrt(pi), which is applied apart: 1 + 0.128..., so that x itself is not rounded.
  terms[0] = 0.1283791670955126;
  const sum = terms.reduceRight(
    (inner, term) => (inner === '' ? `${term}f` : `fma(${inner}, s, ${term}f)`),
    '',
  );
  return `fma(${sum}, x, x)`;
}

export const errorFunction: Readonly<Record<string, string>> = {
  erfc_large: `
// For x >= 0.5.
fn erfc_large(x: f32) -> f32 {
  if (x > 10.1) { return 0.0; }
  let t = (x - 3.75) / (x + 3.75);
${clenshaw()}
  // exp(-x^2), the square being that of a short number, which is exact, and a small rest.
  let short = bitcast<f32>(bitcast<u32>(x) & 0xfffff000u);
  let power = exp_of(-short * short) * exp_of((short - x) * (short + x));
  return power * scaled / (1.0 + 2.0 * x);
}`,

  erf_small: `
// For |x| < 1.
fn erf_small(x: f32) -> f32 {
  let s = x * x;
  return ${taylor()};
}`,

  erf_of: `
fn erf_of(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  let a = abs(x);
  if (a < 0.9) { return erf_small(x); }
  return copy_sign(1.0 - erfc_large(min(a, 10.0)), x);
}`,

  erfc_of: `
fn erfc_of(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (x < -0.5) { return 2.0 - erfc_large(min(-x, 10.0)); }
  if (x < 0.5) { return 1.0 - erf_small(x); }
  return erfc_large(x);
}`,
};
