import { testBackend } from '@nn/testkit';
import { describe, expect, it } from 'vitest';
import { toy } from '../src/index.ts';

testBackend({ create: toy, test: { describe, it }, dtypes: ['bool', 'uint8', 'int32', 'int64', 'float32'] });

describe('toy', () => {
  it('has its own name', () => {
    expect(toy().name).toBe('toy');
  });
});
