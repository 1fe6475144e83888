// The reference passes its own kit: what the kit asks for can be done.
import { interpreter } from '@nn/core';
import { describe, it } from 'vitest';
import { testBackend } from '../src/index.ts';

testBackend({ create: () => interpreter(), test: { describe, it } });
