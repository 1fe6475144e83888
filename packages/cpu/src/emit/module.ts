// A module with one kernel in it.
import type { Heap } from '../heap.ts';
import { type Callable, ModuleBuilder } from '../wasm/index.ts';
import { EmitContext } from './context.ts';
import { KernelWriter } from './kernel-writer.ts';
import { importOf } from './scalar-operations.ts';
import type { Step, Structure } from './structure.ts';

/** The functions of JavaScript that a structure's code calls, and whether each takes two numbers. */
function importsOf(structure: Structure): ReadonlySet<string> {
  const names = new Set<string>();
  const look = (step: Step): void => {
    const name = step.kind === 'operation' ? importOf(step.op, step.dtype) : undefined;
    if (name !== undefined) names.add(name);
  };
  structure.body?.forEach(look);
  structure.pair?.body.forEach(look);
  structure.pair?.scalar.steps.forEach(look);
  structure.epilogue.forEach(look);
  return names;
}

const takeTwo: ReadonlySet<string> = new Set(['pow', 'atan2', 'rem']);

/** The module's bytes: `k0(record, begin, end, thread)` computes items [begin, end). */
export function emitModule(structure: Structure, heap: Heap): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory({
    module: 'env',
    name: 'memory',
    minimum: 1,
    maximum: heap.maximumPages,
    shared: heap.shared,
  });
  const imports = new Map<string, Callable>();
  for (const name of importsOf(structure)) {
    const parameters = takeTwo.has(name) ? (['f64', 'f64'] as const) : (['f64'] as const);
    imports.set(name, module.importFunction('math', name, parameters, ['f64']));
  }
  module.function(
    ['i32', 'i32', 'i32', 'i32'],
    [],
    (builder, record, begin, end) => {
      const context = new EmitContext(builder, structure.tier, imports);
      new KernelWriter(context, structure, record).write(begin, end);
    },
    'k0',
  );
  return module.build();
}
