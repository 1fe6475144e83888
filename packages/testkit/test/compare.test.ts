import { describe, expect, it } from 'vitest';
import { closeTo, expectArraysClose, expectClose, hostOf } from '../src/index.ts';

describe('expectArraysClose', () => {
  it('counts in units of the last place, through zero too', () => {
    const one = Float32Array.of(1);
    const next = Float32Array.of(1 + 2 ** -23);
    expectArraysClose('float32', next, one, { ulps: 1 });
    expect(() => expectArraysClose('float32', next, one)).toThrow(
      '1 of 1 float32 values differ by more than 0 ulps:\n  element 0: got 1.0000001192092896, expected 1 (1 ulps)',
    );
    const least = hostOf('float16', [2 ** -24]);
    const negative = hostOf('float16', [-(2 ** -24)]);
    expectArraysClose('float16', least, negative, { ulps: 2 });
    expect(() => expectArraysClose('float16', least, negative, { ulps: 1 })).toThrow('(2 ulps)');
    expectArraysClose('float64', Float64Array.of(Number.MAX_VALUE), Float64Array.of(Infinity), { ulps: 1 });
  });

  it('NaN agrees with NaN only, zeros agree', () => {
    expectArraysClose('float32', Float32Array.of(NaN, -0), Float32Array.of(NaN, 0));
    expect(() =>
      expectArraysClose('float32', Float32Array.of(NaN), Float32Array.of(1), { ulps: 1e9 }),
    ).toThrow();
  });

  it('integers agree exactly, or within an absolute bound', () => {
    expectArraysClose('int64', BigInt64Array.of(5n), BigInt64Array.of(5n));
    expect(() => expectArraysClose('int32', Int32Array.of(5), Int32Array.of(6), { ulps: 3 })).toThrow();
    expectArraysClose('int32', Int32Array.of(5), Int32Array.of(6), { absolute: 1 });
  });

  it('lengths and kinds of array agree', () => {
    expect(() => expectArraysClose('int32', Int32Array.of(1), Int32Array.of(1, 2))).toThrow('got 1 elements');
    expect(() => expectArraysClose('bool', Int8Array.of(1), Uint8Array.of(1))).toThrow(
      'got a Int8Array for bool',
    );
  });
});

describe('expectClose', () => {
  it('takes lists and typed arrays', () => {
    expectClose(Float32Array.of(0.1), [0.1]);
    expect(() => expectClose([1, 2], [1, 3])).toThrow(
      '1 of 2 elements differ:\n  element 1: got 2, expected 3',
    );
    expect(() => expectClose([1], [1, 3])).toThrow('expected 2 elements, got 1');
    expect(closeTo(1, 1.1, { relative: 0.1 })).toBe(true);
    expect(closeTo(NaN, NaN)).toBe(true);
    expect(closeTo(Infinity, 1)).toBe(false);
  });
});
