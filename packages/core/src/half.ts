// The two 16-bit float formats on the host, where JavaScript has no array of them that every engine knows:
// values are numbers, storage is bits, and every conversion rounds once, to nearest with ties to even.

const view = new DataView(new ArrayBuffer(8));

/**
 * Rounds to a binary format of fewer bits by adding and taking away a power of two whose unit in the last place
 * is the format's: the addition itself then rounds to nearest even.
 */
function roundTo(value: number, fractionBits: number, minExponent: number, overflow: number): number {
  if (value === 0 || Number.isNaN(value)) return value;
  const magnitude = Math.abs(value);
  if (magnitude >= overflow) return value > 0 ? Infinity : -Infinity;
  view.setFloat64(0, magnitude);
  const exponent = Math.max((view.getUint16(0) >> 4) - 1023, minExponent);
  const shifter = 1.5 * 2 ** (exponent - fractionBits + 52);
  const rounded = magnitude + shifter - shifter;
  return value > 0 ? rounded : -rounded;
}

/** The nearest float16 value, as a number. From 65520 on it is infinite. */
export function roundToFloat16(value: number): number {
  return roundTo(value, 10, -14, 65520);
}

// Half a unit above the largest finite bfloat16, (2 - 2^-7) * 2^127.
const bfloat16Overflow = (2 - 2 ** -8) * 2 ** 127;

/** The nearest bfloat16 value, as a number. */
export function roundToBfloat16(value: number): number {
  return roundTo(value, 7, -126, bfloat16Overflow);
}

/** The bits of the nearest float16. Every NaN becomes the quiet one, 0x7e00. */
export function numberToFloat16(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const rounded = roundToFloat16(value);
  const sign = rounded < 0 || Object.is(rounded, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(rounded);
  if (magnitude === Infinity) return sign | 0x7c00;
  // Subnormals count units of 2^-24.
  if (magnitude < 2 ** -14) return sign | (magnitude * 2 ** 24);
  view.setFloat64(0, magnitude);
  const high = view.getUint32(0);
  return sign | (((high >>> 20) - 1023 + 15) << 10) | ((high >>> 10) & 0x3ff);
}

export function float16ToNumber(bits: number): number {
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  let magnitude: number;
  if (exponent === 0) magnitude = fraction * 2 ** -24;
  else if (exponent === 0x1f) magnitude = fraction === 0 ? Infinity : NaN;
  else magnitude = (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -magnitude : magnitude;
}

/** The bits of the nearest bfloat16: the upper half of its float32. Every NaN becomes the quiet one, 0x7fc0. */
export function numberToBfloat16(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  view.setFloat32(0, roundToBfloat16(value));
  return view.getUint16(0);
}

export function bfloat16ToNumber(bits: number): number {
  view.setUint32(0, bits << 16);
  return view.getFloat32(0);
}
