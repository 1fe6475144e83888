// Functions against PyTorch's values and gradients in float64, which scripts/references.py wrote down.
import { readFileSync } from 'node:fs';
import { grad } from '@nn/autograd';
import { cat, interpreter, setFusion, type Tensor, tensor, use } from '@nn/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface Given {
  readonly shape: readonly number[];
  readonly dtype: 'float64' | 'int32' | 'bool';
  /** Row-major, with spaces between. */
  readonly data: string;
}

interface Reference {
  readonly inputs: readonly Given[];
  readonly outputs: readonly Given[];
  /** Those of the float inputs, for cotangents cos(0), cos(1), … of all outputs' elements. Null where there is none. */
  readonly gradients: readonly (string | null)[];
}

const references: { readonly [title: string]: Reference } = JSON.parse(
  readFileSync(new URL('references.json', import.meta.url), 'utf8'),
);

export type Call = (...inputs: Tensor[]) => Tensor | readonly (Tensor | null)[];

const numbers = (text: string): number[] => text.split(' ').map(Number);

const given = ({ shape, dtype, data }: Given): Tensor =>
  tensor(numbers(data), { shape, dtype: 'float64' }).to(dtype);

/** float64, given with twelve digits. */
async function expectClose(actual: Tensor, text: string): Promise<void> {
  const expected = numbers(text);
  const values = Array.from(await actual.data(), Number);
  expect(values.length).toBe(expected.length);
  values.forEach((value, i) => {
    expect(Math.abs(value - expected[i])).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(expected[i])));
  });
}

async function check(call: Call, { inputs, outputs, gradients }: Reference): Promise<void> {
  const tensors = inputs.map(given);
  const leaves = tensors.filter((x) => x.dtype === 'float64').map((x) => x.requiresGrad_());
  const result = call(...tensors);
  const results = (Array.isArray(result) ? result : [result]) as Tensor[];
  expect(results.map(({ shape }) => shape)).toEqual(outputs.map(({ shape }) => shape));
  for (const [i, each] of results.entries()) await expectClose(each, outputs[i].data);
  const flat = cat(results.map((x) => x.double().reshape(-1)));
  const gradOutputs = tensor(Float64Array.from({ length: flat.numel() }, (_, i) => Math.cos(i)));
  const found = grad(flat, leaves, { gradOutputs, allowUnused: true });
  for (const [i, each] of found.entries()) {
    const expected = gradients[i];
    if (expected === null) expect(each).toBe(null);
    else await expectClose(each!, expected);
  }
}

/** Calls with the inputs that PyTorch was given under these titles, with fusion on and off. */
export function againstPyTorch(calls: { readonly [title: string]: Call }): void {
  describe.each([true, false])('against PyTorch, fusion %s', (fusion) => {
    let former = true;
    beforeAll(() => {
      use(interpreter());
      former = setFusion(fusion);
    });
    afterAll(() => {
      setFusion(former);
    });
    it.each(Object.keys(calls))('%s', (title) => check(calls[title], references[title]));
  });
}
