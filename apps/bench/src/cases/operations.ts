// Cases of one operation on tensors that stay: computed, not read, and freed.
import type { Benchmark, Expected, Prepared } from '../benchmark.ts';
import type { Library } from '../libraries/library.ts';

export interface Input {
  readonly values: Float32Array<ArrayBuffer>;
  readonly shape: readonly number[];
}

export interface OperationCase extends Omit<Benchmark, 'prepare' | 'expected'> {
  /** Made when the case is run. */
  readonly inputs: () => readonly Input[];
  readonly operation: <T>(library: Library<T>, inputs: readonly T[]) => T;
  readonly expected: (inputs: readonly Input[]) => Expected;
}

export function operationCase({ inputs, operation, expected, ...rest }: OperationCase): Benchmark {
  let made: readonly Input[] | undefined;
  const once = (): readonly Input[] => {
    made ??= inputs();
    return made;
  };
  return {
    ...rest,
    prepare<T>(library: Library<T>): Prepared {
      const tensors = once().map(({ values, shape }) => library.tensor(values, shape));
      return {
        run() {
          const result = operation(library, tensors);
          const done = library.force(result);
          if (done === undefined) {
            library.free(result);
            return undefined;
          }
          return done.then(() => library.free(result));
        },
        async results() {
          const result = operation(library, tensors);
          const values = await library.read(result);
          library.free(result);
          return values;
        },
        dispose() {
          for (const tensor of tensors) library.free(tensor);
          made = undefined;
        },
      };
    },
    expected: () => expected(once()),
  };
}
