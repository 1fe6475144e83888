import { interpreter, use } from '@nn/tensor';
import { test } from 'vitest';
import { cpu } from '../src/index.ts';
import { expectedLosses, expectLosses, train } from './support/training.ts';

test('a training loop has the same losses on the interpreter, on one thread and on several', async () => {
  for (const backend of [interpreter(), cpu({ threads: 1 }), cpu({ threads: 3 })]) {
    use(backend);
    expectLosses(await train(expectedLosses.length));
    backend.dispose();
  }
});
