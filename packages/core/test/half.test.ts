import { describe, expect, it } from 'vitest';
import {
  bfloat16ToNumber,
  float16ToNumber,
  numberToBfloat16,
  numberToFloat16,
  roundToBfloat16,
  roundToFloat16,
} from '../src/index.ts';

describe('float16', () => {
  it('keeps every bit pattern but the payloads of NaN', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = float16ToNumber(bits);
      if (Number.isNaN(value)) expect(numberToFloat16(value)).toBe(0x7e00);
      else if (numberToFloat16(value) !== bits)
        expect.fail(`bits ${bits} came back as ${numberToFloat16(value)}`);
    }
  });

  it('rounds halfway values to even, and others to nearest', () => {
    for (let bits = 0; bits < 0x7bff; bits++) {
      const low = float16ToNumber(bits);
      const high = float16ToNumber(bits + 1);
      const middle = (low + high) / 2;
      const even = bits % 2 === 0 ? bits : bits + 1;
      const found = [middle, middle * (1 - 2e-16), middle * (1 + 4e-16), -middle].map(numberToFloat16);
      if (`${found}` !== `${[even, bits, bits + 1, even | 0x8000]}`) expect.fail(`near ${middle}: ${found}`);
    }
  });

  it('overflows from 65520 on', () => {
    expect(roundToFloat16(65519.99999)).toBe(65504);
    expect(roundToFloat16(65520)).toBe(Infinity);
    expect(roundToFloat16(-1e300)).toBe(-Infinity);
    expect(numberToFloat16(-Infinity)).toBe(0xfc00);
  });

  it('keeps the sign of zero, also of what rounds to it', () => {
    expect(numberToFloat16(-0)).toBe(0x8000);
    expect(numberToFloat16(-(2 ** -26))).toBe(0x8000);
    expect(numberToFloat16(2 ** -25)).toBe(0);
    expect(numberToFloat16(2 ** -25 * 1.0001)).toBe(1);
  });
});

describe('bfloat16', () => {
  it('keeps every bit pattern but the payloads of NaN', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = bfloat16ToNumber(bits);
      if (Number.isNaN(value)) expect(numberToBfloat16(value)).toBe(0x7fc0);
      else if (numberToBfloat16(value) !== bits)
        expect.fail(`bits ${bits} came back as ${numberToBfloat16(value)}`);
    }
  });

  it('rounds halfway values to even, and others to nearest', () => {
    for (let bits = 0; bits < 0x7f7f; bits++) {
      const low = bfloat16ToNumber(bits);
      const high = bfloat16ToNumber(bits + 1);
      const middle = (low + high) / 2;
      const even = bits % 2 === 0 ? bits : bits + 1;
      const found = [middle, middle * (1 - 2e-16), middle * (1 + 4e-16), -middle].map(numberToBfloat16);
      if (`${found}` !== `${[even, bits, bits + 1, even | 0x8000]}`) expect.fail(`near ${middle}: ${found}`);
    }
  });

  it('rounds once, not by way of float32', () => {
    // Just above the middle of 1 and 1 + 2^-7, by less than float32 can hold.
    const value = 1 + 2 ** -8 + 2 ** -40;
    expect(Math.fround(value)).toBe(1 + 2 ** -8);
    expect(roundToBfloat16(value)).toBe(1 + 2 ** -7);
  });

  it('overflows half a unit above the greatest value', () => {
    const greatest = bfloat16ToNumber(0x7f7f);
    expect(roundToBfloat16((2 - 2 ** -8) * 2 ** 127)).toBe(Infinity);
    expect(roundToBfloat16(3.396e38)).toBe(greatest);
    expect(roundToBfloat16(Infinity)).toBe(Infinity);
  });
});
