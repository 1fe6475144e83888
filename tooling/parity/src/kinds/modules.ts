// Modules: constructor, state, input to output, gradients, and the state afterwards.
import type { Tensor } from '@nn/tensor';
import { callMethod, construct, MissingApiError } from '../api.ts';
import type { ModuleCase, State, TensorValue } from '../case-file.ts';
import { compare, Difference, type Tolerances } from '../compare.ts';
import { argumentsOf, parseSignature, toCamelCase } from '../signature.ts';
import { moduleRows } from '../table/modules.ts';
import { Decoder, decodeTensor } from '../values.ts';
import { compareGradient, compareResults, flatten, gradientsOf } from './gradients.ts';

/** @throws {Difference} unless everything is as PyTorch's module had it. */
export async function runModuleCase(test: ModuleCase, tolerances: Tolerances): Promise<void> {
  const row = moduleRows[test.module];
  if (row === undefined) throw new Difference(`the table has no row for ${test.module}`);
  const decoder = new Decoder();
  const constructorArguments = argumentsOf(parseSignature(row.parameters), {
    args: decoder.decodeAll(test.ctor_args),
    kwargs: decoder.decodeNamed(test.ctor_kwargs),
  });
  const module = construct('@nn/modules', test.module, constructorArguments);
  callMethod(module, 'loadStateDict', [decodeState(test.state)]);
  callMethod(module, 'train', [test.training]);
  const inputs = argumentsOf(parseSignature(row.forward), {
    args: decoder.decodeAll(test.args),
    kwargs: decoder.decodeNamed(test.kwargs),
  });
  if (typeof module !== 'function') throw new MissingApiError(`${test.module} is not callable`);
  const results = flatten(module(...inputs));
  const parameters = new Map(callMethod(module, 'namedParameters', []) as Iterable<[string, Tensor]>);
  const names = Object.keys(test.param_grads);
  const tracked = names.map((name) => requireNamed('parameter', parameters, statePath(name)));
  const gradients = gradientsOf(results, [...decoder.leaves, ...tracked], test);
  await compareResults(results, test.out, { tolerances, indexOutputs: row.indexOutputs });
  const expected = [...(test.grads ?? []), ...names.map((name) => test.param_grads[name])];
  const labels = [
    ...decoder.leaves.map((_, i) => `gradient ${i}`),
    ...names.map((name) => `gradient of ${name}`),
  ];
  for (const [i, gradient] of gradients.entries())
    await compareGradient(labels[i], gradient, expected[i] ?? null, { tolerances });
  await compareState(module, test.state_after, tolerances);
}

function decodeState(state: State): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(state).map(([path, value]) => [statePath(path), decodeTensor(value)]),
  );
}

/** Members of modules are named in camel case here: `self_attn.in_proj_bias` is `selfAttn.inProjBias`. */
function statePath(path: string): string {
  return path.split('.').map(toCamelCase).join('.');
}

function requireNamed(what: string, named: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const found = named.get(name);
  if (found === undefined)
    throw new Difference(`there is no ${what} '${name}', only ${[...named.keys()].join(', ') || 'none'}`);
  return found;
}

async function compareState(module: object, expected: State, tolerances: Tolerances): Promise<void> {
  const wanted: [string, TensorValue][] = Object.entries(expected);
  if (wanted.length === 0) return;
  const dict = callMethod(module, 'stateDict', []) as Record<string, Tensor> | Map<string, Tensor>;
  const state = dict instanceof Map ? dict : new Map(Object.entries(dict));
  for (const [name, value] of wanted) {
    // Counters of batches are int32, as integers from JavaScript numbers are.
    const isIndex = name.endsWith('num_batches_tracked');
    await compare(`${name} afterwards`, requireNamed('state', state, statePath(name)), value, {
      tolerances,
      isIndex,
    });
  }
}
