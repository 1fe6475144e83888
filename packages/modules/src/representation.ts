// Modules as text, in PyTorch's form.
import type { ModuleBase } from './module-base.ts';

export function represent(module: ModuleBase): string {
  const children = [...module.namedChildren()].map(
    ([name, child]) => `(${name}): ${child.toString().replaceAll('\n', '\n  ')}`,
  );
  const extra = module.extraRepr();
  const name = module.constructor.name;
  if (children.length === 0) return `${name}(${extra})`;
  return `${name}(\n  ${[...(extra === '' ? [] : [extra]), ...children].join('\n  ')}\n)`;
}

/** `name=value` pairs, those without a value left out. */
export function namedValues(values: { readonly [name: string]: unknown }): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${formatValue(value)}`)
    .join(', ');
}

function formatValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.join(', ')}]`;
  return typeof value === 'string' ? `'${value}'` : String(value);
}
