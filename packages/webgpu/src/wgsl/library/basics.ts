/**
 * WGSL for what the language leaves open or lacks. Its compilers may assume that floats are never NaN or
 * infinite, so NaN is told by its bits; integers divide by zero to zero, as core's instructions say.
 */

export const basics: Readonly<Record<string, string>> = {
  not_a_number: `
// A variable, since a constant may not be NaN.
var<private> not_a_number_bits: u32 = 0x7fc00000u;
fn not_a_number() -> f32 { return bitcast<f32>(not_a_number_bits); }`,

  infinity: `
var<private> infinity_bits: u32 = 0x7f800000u;
fn infinity() -> f32 { return bitcast<f32>(infinity_bits); }`,

  is_nan: `
fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }`,

  float_min: `
fn float_min(x: f32, y: f32) -> f32 {
  return select(select(min(x, y), y, is_nan(y)), x, is_nan(x));
}`,

  float_max: `
fn float_max(x: f32, y: f32) -> f32 {
  return select(select(max(x, y), y, is_nan(y)), x, is_nan(x));
}`,

  copy_sign: `
fn copy_sign(magnitude: f32, sign: f32) -> f32 {
  return bitcast<f32>((bitcast<u32>(magnitude) & 0x7fffffffu) | (bitcast<u32>(sign) & 0x80000000u));
}`,

  integer_divide: `
fn integer_divide(x: i32, y: i32) -> i32 {
  // -2^31 / -1 has no result; wrapping gives -2^31.
  return select(select(x / select(y, 1, y == 0 || y == -1), -x, y == -1), 0, y == 0);
}`,

  integer_remainder: `
fn integer_remainder(x: i32, y: i32) -> i32 {
  return select(x % select(y, 1, y == 0 || y == -1), 0, y == 0 || y == -1);
}`,

  float_to_integer: `
// Truncates and saturates; NaN gives 0.
fn float_to_integer(x: f32) -> i32 {
  if (is_nan(x)) { return 0; }
  if (x >= 2147483648.0) { return 2147483647; }
  if (x <= -2147483648.0) { return i32(-2147483648); }
  return i32(x);
}`,

  round_to_half: `
// To the nearest float16, ties to even.
fn round_to_half(x: f32) -> f32 {
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  var rounded = magnitude;
  if (magnitude < 0x38800000u) {
    // Subnormals count units of 2^-24.
    rounded = bitcast<u32>(round(bitcast<f32>(magnitude) * 16777216.0) * 5.9604644775390625e-8);
  } else if (magnitude < 0x7f800000u) {
    rounded = (magnitude + 0xfffu + ((magnitude >> 13u) & 1u)) & 0xffffe000u;
    rounded = select(rounded, 0x7f800000u, magnitude >= 0x477ff000u);
  }
  return bitcast<f32>(rounded | (bitcast<u32>(x) & 0x80000000u));
}`,

  half_bits: `
// The 16 bits of a float16 value. WGSL's pack2x16float leaves infinities and NaN open.
fn half_bits(x: f32) -> u32 {
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  var bits: u32;
  if (magnitude > 0x7f800000u) {
    bits = 0x7e00u;
  } else if (magnitude >= 0x47800000u) {
    bits = 0x7c00u;
  } else if (magnitude < 0x38800000u) {
    bits = u32(bitcast<f32>(magnitude) * 16777216.0);
  } else {
    bits = (magnitude - 0x38000000u) >> 13u;
  }
  return bits | ((bitcast<u32>(x) >> 16u) & 0x8000u);
}`,

  round_to_bfloat: `
// To the nearest bfloat16, ties to even.
fn round_to_bfloat(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if (is_nan(x)) { return x; }
  return bitcast<f32>((bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u);
}`,

  float_remainder: `
// C's fmod, exact: long division of the significands, one bit a round.
fn float_remainder(x: f32, y: f32) -> f32 {
  let a = bitcast<u32>(x) & 0x7fffffffu;
  let b = bitcast<u32>(y) & 0x7fffffffu;
  if (a >= 0x7f800000u || b > 0x7f800000u || b == 0u) { return not_a_number(); }
  if (a < b) { return x; }
  var exponent = i32(a >> 23u);
  var exponent_y = i32(b >> 23u);
  var significand = (a & 0x7fffffu) | 0x800000u;
  var significand_y = (b & 0x7fffffu) | 0x800000u;
  if (exponent == 0) {
    let shift = countLeadingZeros(a) - 8u;
    significand = a << shift;
    exponent = 1 - i32(shift);
  }
  if (exponent_y == 0) {
    let shift = countLeadingZeros(b) - 8u;
    significand_y = b << shift;
    exponent_y = 1 - i32(shift);
  }
  while (exponent > exponent_y) {
    significand = select(significand, significand - significand_y, significand >= significand_y) << 1u;
    exponent -= 1;
  }
  significand = select(significand, significand - significand_y, significand >= significand_y);
  let sign = bitcast<u32>(x) & 0x80000000u;
  if (significand == 0u) { return bitcast<f32>(sign); }
  let shift = countLeadingZeros(significand) - 8u;
  significand <<= shift;
  exponent -= i32(shift);
  if (exponent <= 0) { return bitcast<f32>((significand >> u32(1 - exponent)) | sign); }
  return bitcast<f32>((significand & 0x7fffffu) | (u32(exponent) << 23u) | sign);
}`,

  multiply_high: `
// The upper 32 bits of a product of 32-bit numbers.
fn multiply_high(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let cross = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let other = (a & 0xffffu) * (b >> 16u) + (cross & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (cross >> 16u) + (other >> 16u);
}`,

  philox: `
// Philox 4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011): word 0.
fn philox(index: i32, offset: i32, key0: i32, key1: i32) -> i32 {
  var counter = vec4u(bitcast<u32>(index), bitcast<u32>(offset), 0u, 0u);
  var key = vec2u(bitcast<u32>(key0), bitcast<u32>(key1));
  for (var round = 0; round < 10; round++) {
    counter = vec4u(
      multiply_high(0xcd9e8d57u, counter.z) ^ counter.y ^ key.x,
      0xcd9e8d57u * counter.z,
      multiply_high(0xd2511f53u, counter.x) ^ counter.w ^ key.y,
      0xd2511f53u * counter.x,
    );
    key += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return bitcast<i32>(counter.x);
}`,
};
