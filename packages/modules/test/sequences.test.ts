// Recurrent layers, attention and transformers against PyTorch: outputs, gradients of inputs and parameters, and names.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { grad } from '@nn/autograd';
import { cpu } from '@nn/cpu';
import * as nn from '@nn/modules';
import {
  type Backend,
  type DType,
  interpreter,
  isTensor,
  setFusion,
  type Tensor,
  tensor,
  use,
} from '@nn/tensor';
import { webgpu } from '@nn/webgpu';
import { createDawn } from '@nn/webgpu/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface Value {
  readonly dtype: 'float' | 'bool';
  readonly shape: readonly number[];
  readonly data: readonly (number | '-Infinity')[];
}

type Structure = Value | null | number | boolean | readonly Structure[];

interface Case {
  readonly title: string;
  readonly module: string;
  readonly args: readonly number[];
  readonly options: { readonly [name: string]: unknown };
  readonly training: boolean;
  readonly state: { readonly [path: string]: Value };
  /** Names of the parameters, in their order. */
  readonly parameters: readonly string[];
  readonly inputs: readonly Structure[];
  /** Packs the first input. */
  readonly lengths: readonly number[] | null;
  readonly call: { readonly [name: string]: Structure };
  readonly outputs: readonly Value[];
  readonly gradients: readonly (Value | null)[];
}

const file = new URL('golden/sequences.jsonl.gz', import.meta.url);
const cases: Case[] = gunzipSync(readFileSync(file))
  .toString()
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case);

const isValue = (given: Structure): given is Value =>
  typeof given === 'object' && given !== null && 'data' in given;

/** The outputs of whatever form, in order. */
function flat(output: unknown): Tensor[] {
  if (isTensor(output)) return [output];
  if (nn.isPackedSequence(output)) return [output.data];
  return Array.isArray(output) ? output.flatMap(flat) : [];
}

type AnyModule = nn.Module<unknown[], unknown>;

const small = { dimFeedforward: 5, dropout: 0 };
/** Modules that are made of others. */
const stacks: { readonly [name: string]: () => unknown } = {
  TransformerEncoder: () =>
    new nn.TransformerEncoder(new nn.TransformerEncoderLayer(4, 2, small), 2, { norm: new nn.LayerNorm(4) }),
  TransformerDecoder: () =>
    new nn.TransformerDecoder(new nn.TransformerDecoderLayer(4, 2, small), 2, { norm: new nn.LayerNorm(4) }),
};

class Run {
  readonly leaves: Tensor[] = [];
  readonly #dtype: DType;
  readonly #case: Case;

  constructor(test: Case, dtype: DType) {
    this.#case = test;
    this.#dtype = dtype;
  }

  make(): AnyModule {
    const { module, args, options, training, state } = this.#case;
    const made =
      stacks[module]?.() ??
      Reflect.construct(Reflect.get(nn, module) as new () => AnyModule, [
        ...args,
        nn.fromPyTorchNames(options),
      ]);
    const result = (made as AnyModule).to(this.#dtype).train(training);
    const values = Object.entries(state).map(([path, value]) => [path, this.#tensor(value)] as const);
    result.loadStateDict(nn.fromPyTorchNames(Object.fromEntries(values)));
    return result;
  }

  call(module: AnyModule): unknown {
    const { inputs, lengths, options, call } = this.#case;
    const [first, ...rest] = inputs.map((each) => this.#input(each));
    const batchFirst = options['batch_first'] === true;
    const given =
      lengths === null
        ? first
        : nn.packPaddedSequence(first as Tensor, lengths, { batchFirst, enforceSorted: false });
    const more = Object.entries(call).map(([name, value]) => [name, this.#argument(value)] as const);
    const last = more.length === 0 ? [] : [nn.fromPyTorchNames(Object.fromEntries(more))];
    return module(given, ...rest, ...last);
  }

  #tensor({ dtype, shape, data }: Value): Tensor {
    return tensor(data.map(Number), { shape, dtype: dtype === 'bool' ? 'bool' : this.#dtype });
  }

  #argument(given: Structure): unknown {
    return isValue(given) ? this.#tensor(given) : given;
  }

  #input(given: Structure): unknown {
    if (Array.isArray(given)) return given.map((each: Structure) => this.#input(each));
    const made = this.#argument(given as Value);
    if (isTensor(made)) this.leaves.push(made.requiresGrad_());
    return made;
  }
}

async function expectClose(what: string, actual: Tensor, expected: Value, tolerance: number): Promise<void> {
  expect(actual.shape, what).toEqual(expected.shape);
  const values = Array.from(await actual.data(), Number);
  const far = values.filter(
    (value, i) =>
      !(Math.abs(value - Number(expected.data[i])) <= tolerance * (1 + Math.abs(Number(expected.data[i])))),
  );
  expect(far, `${what}: ${values.join(' ')} instead of ${expected.data.join(' ')}`).toEqual([]);
}

/** Tolerances of float32 are those of sums in another order. */
const runs: readonly [string, DType, boolean, () => Backend, number][] = [
  ['interpreter', 'float64', true, interpreter, 1e-7],
  ['cpu', 'float64', false, cpu, 1e-7],
  ['cpu', 'float32', true, cpu, 5e-5],
];

/** Where each new kernel takes a compiler of shaders its time: one of each kind, without much that others have. */
const onWebgpu = [
  'RNN relu, packed',
  'GRU, packed',
  'LSTM projected, without batch',
  'GRUCell without bias, state or batch',
  'attention, batch first, added keys, masks',
  'encoder layer with masks',
  'decoder layer with masks',
];

async function agrees(test: Case, dtype: DType, tolerance: number): Promise<void> {
  const run = new Run(test, dtype);
  const module = run.make();
  expect(Object.keys(nn.toPyTorchNames(module.stateDict()))).toEqual(Object.keys(test.state));
  expect(Object.keys(nn.toPyTorchNames(Object.fromEntries(module.namedParameters())))).toEqual(
    test.parameters,
  );
  const outputs = flat(run.call(module));
  expect(outputs.length).toBe(test.outputs.length);
  let at = 0;
  const gradOutputs = outputs.map((output) => {
    const start = at;
    at += output.numel();
    const values = Array.from({ length: at - start }, (_, i) => Math.cos(start + i));
    return tensor(values, { shape: output.shape, dtype });
  });
  const leaves = [...run.leaves, ...module.parameters()];
  const gradients = grad(outputs, leaves, { gradOutputs, allowUnused: true });
  for (const [i, output] of outputs.entries())
    await expectClose(`output ${i}`, output, test.outputs[i], tolerance);
  for (const [i, gradient] of gradients.entries()) {
    const expected = test.gradients[i];
    if (expected === null) expect(gradient).toBeNull();
    else await expectClose(`gradient ${i}`, gradient!, expected, tolerance);
  }
}

describe.each(runs)('sequences on %s, %s, fusion %s', (_device, dtype, fusion, backend, tolerance) => {
  let former = true;
  beforeAll(() => {
    use(backend());
    former = setFusion(fusion);
  });
  afterAll(() => void setFusion(former));

  it.each(cases.map((test) => [test.title, test] as const))('%s', (_title, test) =>
    agrees(test, dtype, tolerance),
  );
});

describe('sequences on webgpu', () => {
  beforeAll(async () => use(await webgpu({ gpu: await createDawn({ software: 'fallback' }) })));

  it.each(onWebgpu)('%s', (title) => agrees(cases.find((test) => test.title === title)!, 'float32', 2e-4));
});
