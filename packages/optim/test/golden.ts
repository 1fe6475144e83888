// The values of golden/values.json.gz, made by golden/values.py.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** Options by PyTorch's names. */
export type Options = Readonly<Record<string, unknown>>;

interface Step {
  readonly loss: number;
  readonly x: number[];
  readonly c: number[];
  readonly evaluations: number;
}
interface Averaging {
  readonly start: number[][];
  readonly x: number[];
  readonly parameters: number[][];
  readonly runningMean: number[];
  readonly runningVar: number[];
  readonly output: number[];
}
interface Golden {
  readonly problem: {
    readonly A: number[];
    readonly b: number[];
    readonly x0: number[];
    readonly c0: number[];
  };
  readonly optimizers: readonly {
    readonly name: string;
    readonly options: Options;
    readonly steps: Step[];
  }[];
  readonly lbfgs: Golden['optimizers'];
  readonly rosenbrock: readonly { readonly options: Options; readonly steps: Omit<Step, 'c'>[] }[];
  readonly schedulers: Readonly<Record<string, { readonly rates: number[][]; readonly momenta: number[][] }>>;
  readonly plateaus: readonly {
    readonly options: Options;
    readonly metrics: number[];
    readonly rates: number[][];
  }[];
  readonly clipping: readonly {
    readonly normType: number | 'Infinity';
    readonly maxNorm: number;
    readonly total: number;
    readonly x: number[];
    readonly c: number[];
  }[];
  readonly sparseAdam: {
    readonly start: number[];
    readonly batches: number[][];
    readonly weights: number[][];
  };
  readonly averaging: { readonly mean: Averaging; readonly ema: Averaging };
}

const file = new URL('golden/values.json.gz', import.meta.url);
export const golden: Golden = JSON.parse(gunzipSync(readFileSync(file)).toString());

const camelCase = (name: string): string =>
  name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** Options by this library's names. */
export function toOptions(options: Options): object {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [
      camelCase(name),
      typeof value === 'string' ? camelCase(value) : value,
    ]),
  );
}
