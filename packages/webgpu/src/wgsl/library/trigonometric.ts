/**
 * Trigonometric functions in float32. WGSL's sin and cos promise an absolute error of 2^-11 only, and nothing
 * outside [-pi, pi]. The polynomials are those of Moshier's Cephes library (sinf, tanf, asinf, atanf).
 */

export const trigonometric: Readonly<Record<string, string>> = {
  reduce_angle: `
struct Angle { rest: f32, low: f32, quadrant: i32 }
// x = quadrant * pi/2 + rest + low, |rest| <= pi/4 (or a little more); x finite.
fn reduce_angle(x: f32) -> Angle {
  if (abs(x) < 8192.0) {
    let n = round(x * 0.636619772f);
    // pi/2 in three parts, the first two so short that their products are exact (Cody and Waite).
    let rest = ((x - n * 1.5703125f) - n * 4.837512969970703125e-4f) - n * 7.54978995489188216e-8f;
    return Angle(rest, 0.0, i32(n));
  }
  // Payne and Hanek: the fraction of x * 2/pi from just those bits of 2/pi that matter.
  var bits_of_two_over_pi = array<u32, 8>(
    0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu);
  let bits = bitcast<u32>(x);
  let significand = (bits & 0x7fffffu) | 0x800000u;
  let start = ((bits >> 23u) & 0xffu) - 120u;
  let word = start >> 5u;
  let shift = start & 31u;
  var window: array<u32, 3>;
  for (var i = 0u; i < 3u; i++) {
    let upper = bits_of_two_over_pi[word + i] << shift;
    // In two steps, since a shift by 32 is none.
    window[i] = upper | ((bits_of_two_over_pi[word + i + 1u] >> 1u) >> (31u - shift));
  }
  let low = significand * window[2];
  let middle_part = significand * window[1];
  let middle = middle_part + multiply_high(significand, window[2]);
  let carry = select(0u, 1u, middle < middle_part);
  let high = significand * window[0] + multiply_high(significand, window[1]) + carry;
  var quadrant = i32(high >> 30u);
  var upper = (high << 2u) | (middle >> 30u);
  var lower = (middle << 2u) | (low >> 30u);
  var sign = 1.0;
  if ((upper & 0x80000000u) != 0u) {
    quadrant += 1;
    sign = -1.0;
    lower = ~lower + 1u;
    upper = ~upper + select(0u, 1u, lower == 0u);
  }
  // Fraction and pi/2 are each the sum of two floats, and so is their product.
  let high_fraction = f32(upper & 0xffffff00u) * 2.3283064365386963e-10;
  let low_fraction = f32(upper & 0xffu) * 2.3283064365386963e-10 + f32(lower) * 5.421010862427522e-20;
  let product = high_fraction * 1.57079633f;
  let product_low = exact_product_error(high_fraction, 1.57079633f, product)
    + (high_fraction * -4.37113883e-8f + low_fraction * 1.57079633f);
  let rest = product + product_low;
  if ((bits & 0x80000000u) != 0u) {
    sign = -sign;
    quadrant = -quadrant;
  }
  return Angle(sign * rest, sign * ((product - rest) + product_low), quadrant);
}`,

  sin_kernel: `
fn sin_kernel(r: f32) -> f32 {
  let s = r * r;
  return fma(fma(fma(-1.9515295891e-4f, s, 8.3321608736e-3f), s, -1.6666654611e-1f) * s, r, r);
}
fn cos_kernel(r: f32) -> f32 {
  let s = r * r;
  let p = fma(fma(2.443315711809948e-5f, s, -1.388731625493765e-3f), s, 4.166664568298827e-2f);
  return fma(p * s, s, fma(-0.5f, s, 1.0f));
}
fn is_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }`,

  sin_of: `
fn sin_of(x: f32) -> f32 {
  if (!is_finite(x)) { return not_a_number(); }
  let angle = reduce_angle(x);
  let value = select(sin_kernel(angle.rest), cos_kernel(angle.rest), (angle.quadrant & 1) == 1);
  return select(value, -value, (angle.quadrant & 2) == 2);
}`,

  cos_of: `
fn cos_of(x: f32) -> f32 {
  if (!is_finite(x)) { return not_a_number(); }
  let angle = reduce_angle(x);
  let value = select(cos_kernel(angle.rest), sin_kernel(angle.rest), (angle.quadrant & 1) == 1);
  return select(value, -value, ((angle.quadrant + 1) & 2) == 2);
}`,

  tan_of: `
fn tan_of(x: f32) -> f32 {
  if (!is_finite(x)) { return not_a_number(); }
  let angle = reduce_angle(x);
  let square = angle.rest * angle.rest;
  var p = 9.38540185543e-3f;
  p = fma(p, square, 3.11992232697e-3f);
  p = fma(p, square, 2.44301354525e-2f);
  p = fma(p, square, 5.34112807005e-2f);
  p = fma(p, square, 1.33387994085e-1f);
  p = fma(p, square, 3.33331568548e-1f);
  let plain = fma(p * square, angle.rest, angle.rest);
  let value = fma(angle.low, 1.0 + plain * plain, plain);
  if ((angle.quadrant & 1) == 1) { return -1.0 / value; }
  return value;
}`,

  asin_tail: `
// asin(r) - r for 0 <= r <= 1/2, given r and its square.
fn asin_tail(r: f32, square: f32) -> f32 {
  var p = 4.2163199048e-2f;
  p = fma(p, square, 2.4181311049e-2f);
  p = fma(p, square, 4.5470025998e-2f);
  p = fma(p, square, 7.4953002686e-2f);
  p = fma(p, square, 1.6666752422e-1f);
  return p * square * r;
}`,

  asin_of: `
fn asin_of(x: f32) -> f32 {
  let a = abs(x);
  if (is_nan(x) || a > 1.0) { return not_a_number(); }
  if (a <= 0.5) { return x + asin_tail(x, x * x); }
  let square = 0.5 * (1.0 - a);
  let root = sqrt(square);
  return copy_sign(1.57079633f - 2.0 * (root + asin_tail(root, square)), x);
}`,

  acos_of: `
fn acos_of(x: f32) -> f32 {
  let a = abs(x);
  if (is_nan(x) || a > 1.0) { return not_a_number(); }
  if (a <= 0.5) { return 1.57079633f - (x + asin_tail(x, x * x) - -4.37113883e-8f); }
  let square = 0.5 * (1.0 - a);
  let root = sqrt(square);
  let angle = 2.0 * (root + asin_tail(root, square));
  return select(angle, 3.14159265f - (angle - -8.74227766e-8f), x < 0.0);
}`,

  atan_of: `
fn atan_of(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  let a = abs(x);
  var base = 0.0f;
  var r = a;
  if (a > 2.414213562f) {
    base = 1.57079633f;
    r = -1.0 / a;
  } else if (a > 0.4142135624f) {
    base = 0.785398163f;
    r = (a - 1.0) / (a + 1.0);
  }
  let square = r * r;
  var p = 8.05374449538e-2f;
  p = fma(p, square, -1.38776856032e-1f);
  p = fma(p, square, 1.99777106478e-1f);
  p = fma(p, square, -3.33329491539e-1f);
  return copy_sign(base + fma(p * square, r, r), x);
}`,

  atan2_of: `
// C's atan2, signed zeros and infinities included.
fn atan2_of(y: f32, x: f32) -> f32 {
  if (is_nan(x) || is_nan(y)) { return not_a_number(); }
  let left = (bitcast<u32>(x) & 0x80000000u) != 0u;
  let x_infinite = (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u;
  let y_infinite = (bitcast<u32>(y) & 0x7fffffffu) == 0x7f800000u;
  var angle: f32;
  if (y == 0.0 || (x_infinite && !y_infinite)) {
    angle = 0.0;
  } else if (x_infinite) {
    angle = 0.785398163f;
  } else if (x == 0.0 || y_infinite) {
    angle = 1.57079633f;
  } else if (abs(x) > abs(y)) {
    angle = atan_of(abs(y) / abs(x));
  } else {
    angle = 1.57079633f - (atan_of(abs(x) / abs(y)) - -4.37113883e-8f);
  }
  if (left) { angle = 3.14159265f - (angle - -8.74227766e-8f); }
  return copy_sign(angle, y);
}`,
};
