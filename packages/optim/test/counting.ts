// An interpreter that counts what it compiles and runs.
import { type Backend, interpreter } from '@nn/core';

export function countingInterpreter(name: string, counts: { compiled: number; run: number }): Backend {
  const inner = interpreter({ name });
  return {
    ...inner,
    compile(program) {
      counts.compiled++;
      return inner.compile(program);
    },
    run(...given) {
      counts.run++;
      inner.run(...given);
    },
  };
}
