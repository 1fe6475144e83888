// Modules as text, in PyTorch's form.
import type { Tensor } from '@nn/tensor';
import { isModule, type ModuleBase } from './module-base.ts';

export function represent(module: ModuleBase): string {
  return assembled(module, childrenOf(module));
}

/** As `represent`, with one line `(0-5): 6 x …` for neighbours that look the same. */
export function representRuns(module: ModuleBase): string {
  const runs: { first: string; last: string; count: number; text: string }[] = [];
  for (const [name, child] of childrenOf(module)) {
    const text = child.toString();
    const run = runs.at(-1);
    if (run?.text === text) {
      run.last = name;
      run.count++;
    } else runs.push({ first: name, last: name, count: 1, text });
  }
  return assembled(
    module,
    runs.map(({ first, last, count, text }) =>
      count === 1 ? [first, text] : [`${first}-${last}`, `${count} x ${text}`],
    ),
  );
}

/** All members that are modules, also those that are there twice. */
function childrenOf(module: ModuleBase): [string, ModuleBase][] {
  return Array.from(module.members()).flatMap(([name, value]) => (isModule(value) ? [[name, value]] : []));
}

function assembled(module: ModuleBase, named: readonly (readonly [string, object | string])[]): string {
  const children = named.map(([name, child]) => `(${name}): ${String(child).replaceAll('\n', '\n  ')}`);
  const extra = module.extraRepr();
  const { typeName } = module;
  if (children.length === 0 && !extra.includes('\n')) return `${typeName}(${extra})`;
  const lines = [...(extra === '' ? [] : extra.split('\n')), ...children];
  return `${typeName}(\n  ${lines.join('\n  ')}\n)`;
}

/** `name=value` pairs, those without a value left out. */
export function namedValues(values: { readonly [name: string]: unknown }): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${formatValue(value)}`)
    .join(', ');
}

function formatValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(formatValue).join(', ')}]`;
  return typeof value === 'string' ? `'${value}'` : String(value);
}

/** A tensor's kind in a line. */
export function describeTensor({ dtype, shape }: Tensor): string {
  return `[${dtype} of size ${shape.join('x')}]`;
}
