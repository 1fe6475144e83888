/**
 * Exponentials and logarithms in float32, to about two units in the last place. WGSL's own may be wrong by
 * 3 + 2|x| units. The polynomials are those of Moshier's Cephes library (expf, logf, log2f, log10f, exp2f).
 */

export const exponential: Readonly<Record<string, string>> = {
  scale_by_power: `
// x * 2^n, in two steps so that neither factor overflows; n in [-252, 254].
fn scale_by_power(x: f32, n: i32) -> f32 {
  let half = n >> 1u;
  return x * bitcast<f32>((half + 127) << 23u) * bitcast<f32>((n - half + 127) << 23u);
}`,

  exp_tail: `
// (exp(r) - 1 - r) for |r| <= ln 2 / 2.
fn exp_tail(r: f32) -> f32 {
  var p = 1.9875691500e-4f;
  p = fma(p, r, 1.3981999507e-3f);
  p = fma(p, r, 8.3334519073e-3f);
  p = fma(p, r, 4.1665795894e-2f);
  p = fma(p, r, 1.6666665459e-1f);
  p = fma(p, r, 5.0000001201e-1f);
  return p * r * r;
}`,

  exp_of: `
fn exp_of(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  let bounded = clamp(x, -104.0, 89.0);
  let n = round(bounded * 1.44269504f);
  // ln 2 in two parts, the first so short that its product is exact.
  let r = (bounded - n * 0.693359375f) + n * 2.12194440e-4f;
  return scale_by_power(1.0 + (r + exp_tail(r)), i32(n));
}`,

  expm1_of: `
fn expm1_of(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (x > 40.0) { return exp_of(x); }
  if (x < -18.0) { return -1.0; }
  let n = round(x * 1.44269504f);
  let r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  let fraction = r + exp_tail(r);
  if (n == 0.0) { return select(fraction, x, abs(x) < 1e-7); }
  let power = bitcast<f32>((i32(n) + 127) << 23u);
  return fma(fraction, power, power - 1.0);
}`,

  exp2_of: `
fn exp2_of(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  let bounded = clamp(x, -151.0, 129.0);
  let n = round(bounded);
  let r = bounded - n;
  var p = 1.535336188319500e-4f;
  p = fma(p, r, 1.339887440266574e-3f);
  p = fma(p, r, 9.618437357674640e-3f);
  p = fma(p, r, 5.550332471162809e-2f);
  p = fma(p, r, 2.402264791363012e-1f);
  p = fma(p, r, 6.931472028550421e-1f);
  return scale_by_power(fma(p, r, 1.0), i32(n));
}`,

  decompose: `
struct Decomposed { fraction: f32, exponent: f32 }
// x = (1 + fraction) * 2^exponent with 1 + fraction in [sqrt(1/2), sqrt(2)); x > 0 and finite.
fn decompose(x: f32) -> Decomposed {
  var bits = bitcast<u32>(x);
  var exponent = -127;
  if (bits < 0x00800000u) {
    bits = bitcast<u32>(f32(bits));
    exponent = -276;
  }
  bits += 0x3f800000u - 0x3f3504f3u;
  exponent += i32(bits >> 23u);
  let mantissa = bitcast<f32>((bits & 0x007fffffu) + 0x3f3504f3u);
  return Decomposed(mantissa - 1.0, f32(exponent));
}`,

  log_tail: `
// log(1 + f) - f for 1 + f in [sqrt(1/2), sqrt(2)].
fn log_tail(f: f32) -> f32 {
  var p = 7.0376836292e-2f;
  p = fma(p, f, -1.1514610310e-1f);
  p = fma(p, f, 1.1676998740e-1f);
  p = fma(p, f, -1.2420140846e-1f);
  p = fma(p, f, 1.4249322787e-1f);
  p = fma(p, f, -1.6668057665e-1f);
  p = fma(p, f, 2.0000714765e-1f);
  p = fma(p, f, -2.4999993993e-1f);
  p = fma(p, f, 3.3333331174e-1f);
  let square = f * f;
  return fma(p * f, square, -0.5 * square);
}`,

  log_edge: `
// What every logarithm gives outside of the positive finite numbers.
fn log_edge(x: f32) -> f32 {
  if (x == 0.0) { return -infinity(); }
  if (is_nan(x) || x < 0.0) { return not_a_number(); }
  return x;
}
fn is_positive_finite(x: f32) -> bool {
  let bits = bitcast<u32>(x);
  return bits > 0u && bits < 0x7f800000u;
}`,

  log_of: `
fn log_of(x: f32) -> f32 {
  if (!is_positive_finite(x)) { return log_edge(x); }
  let parts = decompose(x);
  let tail = log_tail(parts.fraction) - parts.exponent * 2.12194440e-4f;
  return (parts.fraction + tail) + parts.exponent * 0.693359375f;
}`,

  log2_of: `
fn log2_of(x: f32) -> f32 {
  if (!is_positive_finite(x)) { return log_edge(x); }
  let parts = decompose(x);
  let tail = log_tail(parts.fraction);
  let rest = (tail * 0.44269504f + parts.fraction * 0.44269504f) + tail;
  return (rest + parts.fraction) + parts.exponent;
}`,

  log10_of: `
fn log10_of(x: f32) -> f32 {
  if (!is_positive_finite(x)) { return log_edge(x); }
  let parts = decompose(x);
  let tail = log_tail(parts.fraction);
  var sum = (parts.fraction + tail) * 7.00731903251827651129e-4f + parts.exponent * 2.48745663981195213739e-4f;
  sum += tail * 4.3359375e-1f + parts.fraction * 4.3359375e-1f;
  return sum + parts.exponent * 3.0078125e-1f;
}`,

  log1p_of: `
fn log1p_of(x: f32) -> f32 {
  if (x > -0.29 && x < 0.41) { return select(x + log_tail(x), x, abs(x) < 1e-7); }
  let sum = 1.0 + x;
  if (!is_positive_finite(sum)) { return log_edge(sum); }
  // What rounding 1 + x lost, to first order.
  let lost = select(0.0, (x - (sum - 1.0)) / sum, sum < 1e8);
  return log_of(sum) + lost;
}`,

  sinh_of: `
fn sinh_of(x: f32) -> f32 {
  let magnitude = abs(x);
  if (magnitude > 88.0) {
    let root = exp_of(0.5 * magnitude);
    return copy_sign(0.5 * root * root, x);
  }
  let e = expm1_of(magnitude);
  return select(copy_sign(0.5 * (e + e / (e + 1.0)), x), x, is_nan(x));
}`,

  cosh_of: `
fn cosh_of(x: f32) -> f32 {
  let root = exp_of(0.5 * abs(x));
  if (abs(x) > 88.0) { return 0.5 * root * root; }
  let e = exp_of(abs(x));
  return 0.5 * e + 0.5 / e;
}`,

  tanh_of: `
fn tanh_of(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  let e = expm1_of(2.0 * min(abs(x), 10.0));
  return copy_sign(e / (e + 2.0), x);
}`,

  asinh_of: `
fn asinh_of(x: f32) -> f32 {
  let a = abs(x);
  if (is_nan(x)) { return x; }
  if (a > 4096.0) { return copy_sign(log_of(a) + 0.693147181f, x); }
  let square = a * a;
  return copy_sign(log1p_of(a + square / (1.0 + sqrt(square + 1.0))), x);
}`,

  acosh_of: `
fn acosh_of(x: f32) -> f32 {
  if (is_nan(x) || x < 1.0) { return not_a_number(); }
  if (x > 4096.0) { return log_of(x) + 0.693147181f; }
  let above = x - 1.0;
  return log1p_of(above + sqrt(above * above + 2.0 * above));
}`,

  atanh_of: `
fn atanh_of(x: f32) -> f32 {
  let a = abs(x);
  if (is_nan(x) || a > 1.0) { return not_a_number(); }
  if (a == 1.0) { return copy_sign(infinity(), x); }
  if (a < 0.5) { return copy_sign(0.5 * log1p_of(2.0 * a + 2.0 * a * a / (1.0 - a)), x); }
  return copy_sign(0.5 * log1p_of(2.0 * (a / (1.0 - a))), x);
}`,

  exact_product_error: `
// x * y - product, exactly, without a fused multiply-add (WGSL does not promise one): Dekker's products (1971)
// of halves cut by their bits.
fn exact_product_error(x: f32, y: f32, product: f32) -> f32 {
  let x_high = bitcast<f32>(bitcast<u32>(x) & 0xfffff000u);
  let y_high = bitcast<f32>(bitcast<u32>(y) & 0xfffff000u);
  let x_low = x - x_high;
  let y_low = y - y_high;
  return ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low;
}`,

  pow_of: `
// C's pow: exp(y log x), the logarithm as a sum of two floats (after Juffa's powf).
fn pow_of(x: f32, y: f32) -> f32 {
  if (y == 0.0 || x == 1.0) { return 1.0; }
  if (is_nan(x) || is_nan(y)) { return not_a_number(); }
  let base = abs(x);
  let y_magnitude = abs(y);
  let y_is_whole = y_magnitude >= 8388608.0 || floor(y) == y;
  let y_is_odd = y_is_whole && y_magnitude < 16777216.0 && (u32(y_magnitude) & 1u) == 1u;
  let negative = (bitcast<u32>(x) & 0x80000000u) != 0u;
  var result: f32;
  let y_bits = bitcast<u32>(y_magnitude);
  if (base == 1.0) {
    result = 1.0;
  } else if (y_bits == 0x7f800000u) {
    result = select(0.0, infinity(), (base > 1.0) == (y > 0.0));
  } else if (base == 0.0 || bitcast<u32>(base) == 0x7f800000u) {
    result = select(0.0, infinity(), (base > 1.0) == (y > 0.0));
  } else {
    result = pow_of_positive(base, y);
  }
  if (!negative) { return result; }
  if (y_is_odd) { return -result; }
  let finite_base = base != 0.0 && bitcast<u32>(base) != 0x7f800000u;
  if (finite_base && !y_is_whole && y_bits != 0x7f800000u) { return not_a_number(); }
  return result;
}
fn pow_of_positive(base: f32, y: f32) -> f32 {
  let parts = decompose(base);
  let f = parts.fraction;
  // q = f / (2 + f) as high + low; log(1 + f) = 2 atanh(q).
  let inverse = 1.0 / (f + 2.0);
  let high = f * inverse;
  let product = high * f;
  let low = ((f - 2.0 * high) - product - exact_product_error(high, f, product)) * inverse;
  let square = high * high;
  let square_low = high * (low + low) + exact_product_error(high, high, square);
  var p = 0.1293334961f;
  p = fma(p, square, 0.1419928074f);
  p = fma(p, square, 0.2000148296f);
  p = fma(p, square, 0.3333332539f);
  let cube = square * high;
  let cube_low = square * low + (square_low * high + exact_product_error(square, high, cube));
  let tail = p * cube + (p * cube_low + low);
  let twice = 2.0 * high;
  // The sum with exponent * ln 2, whose upper part is short enough for exact products.
  let whole = parts.exponent * 0.693145752f;
  let sum = whole + twice;
  // Whichever of the two is larger, what the sum lost is exact (Knuth's two-sum).
  let back = sum - whole;
  let lost = (whole - (sum - back)) + (twice - back);
  let rest = lost + (2.0 * tail + parts.exponent * 1.42860677e-6f);
  let log_high = sum + rest;
  let log_low = (sum - log_high) + rest;
  // exp of the product, its lower part to first order.
  let exponent = log_high * y;
  if (exponent > 89.0) { return infinity(); }
  if (exponent < -105.0) { return 0.0; }
  let exponent_low = exact_product_error(log_high, y, exponent) + log_low * y;
  let n = round(exponent * 1.44269504f);
  let r = (exponent - n * 0.693359375f) + n * 2.12194440e-4f;
  let power = 1.0 + (r + exp_tail(r));
  return scale_by_power(fma(power, exponent_low, power), i32(n));
}`,
};
