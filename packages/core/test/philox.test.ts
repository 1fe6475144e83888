import { describe, expect, it } from 'vitest';
import { philox4x32 } from '../src/interpreter/philox.ts';
import { compute } from './programs.ts';

// The known answers that come with Random123 (kat_vectors, philox4x32 10).
const answers = [
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
] as const;

describe('philox', () => {
  it.each(answers)('counter %j, key %j', (counter, key, expected) => {
    expect(philox4x32(counter, key)).toEqual(expected);
  });

  it('as an instruction gives word 0 at (index, offset, 0, 0)', () => {
    const [index, offset, key0, key1] = [
      [0, -1, 5],
      [0, 7, -9],
      [0, 123, -1],
      [0, 456, 1 << 31],
    ];
    const result = compute(
      'philox',
      'int32',
      ['int32', index],
      ['int32', offset],
      ['int32', key0],
      ['int32', key1],
    );
    expect(result).toEqual(
      index.map((i, at) => philox4x32([i, offset[at], 0, 0], [key0[at], key1[at]])[0] | 0),
    );
    expect(result[0]).toBe(0x6627e8d5);
  });
});
