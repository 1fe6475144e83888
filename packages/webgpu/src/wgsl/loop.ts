/** Loop kernels: elementwise ones here, those with a producer in their own files. */
import type { Access, LoopKernel } from '@nn/core';
import { emitCoordinates, sizeOfExtents } from './affine.ts';
import { emitDot } from './dot.ts';
import { emitInstructions, emitStore } from './instructions.ts';
import { type EmitContext, KernelCode, type Launch } from './kernel-code.ts';
import { workgroupSize } from './lanes.ts';
import { emitReduction } from './reduce.ts';
import { simplifyLoop } from './simplify.ts';

/** From so many elements on, each invocation takes four, which hides the latency of memory. */
const manyElements = 2 ** 18;

export function emitLoop(kernel: LoopKernel, context: EmitContext): readonly Launch[] {
  if (sizeOfExtents(kernel.extents) === 0) return [];
  const simple = simplifyLoop(kernel);
  if (simple.producer?.kind === 'dot') return emitDot(simple, simple.producer, context);
  if (simple.producer?.kind === 'reduce') return emitReduction(simple, simple.producer, context);
  const code = new KernelCode(context);
  const { groups, lines } = emitElementwise(simple, code, workgroupSize);
  return [code.launch(kernel.name, workgroupSize, groups, lines)];
}

/** What so many workgroups do. */
export interface Statements {
  readonly groups: number;
  readonly lines: readonly string[];
}

/**
 * The statements of a loop without producer, by the workgroups number `group` from 0 to `groups`, each of `size`
 * invocations.
 */
export function emitElementwise(kernel: LoopKernel, code: KernelCode, size: number, suffix = ''): Statements {
  const elements = sizeOfExtents(kernel.extents);
  const each = elements >= manyElements ? 4 : 1;
  code.declarations.push(emitElement(kernel, [], code, suffix));
  const total = code.sizes.integer(elements);
  const lines =
    each === 1
      ? [`let at = group * ${size} + lane;`, `if (at < ${total}) { element${suffix}(at); }`]
      : [
          `for (var i = 0; i < ${each}; i++) {`,
          `  let at = (group * ${each} + i) * ${size} + lane;`,
          `  if (at < ${total}) { element${suffix}(at); }`,
          '}',
        ];
  return { groups: Math.ceil(elements / (size * each)), lines };
}

/** How a WGSL function is told where in its loop it is. */
export interface Place {
  /** WGSL parameters. */
  readonly parameters: string;
  /** The statements that compute the coordinates, and their names. */
  readonly lines: readonly string[];
  readonly names: readonly string[];
  /** The name of a variable that holds what a load would read. */
  readonly kept?: (access: Access) => string | undefined;
}

/** By the row-major position in the extents. */
export function flatPlace(name: string, extents: readonly number[], code: KernelCode): Place {
  return { parameters: `${name}: i32`, ...emitCoordinates(name, extents, 'c', code.sizes) };
}

/**
 * `fn element(at, results...)`: the epilogue and the stores at the row-major position `at` of the extents, given
 * the producer's results (WGSL parameters such as `result0: f32`).
 */
export function emitElement(
  kernel: LoopKernel,
  results: readonly string[],
  code: KernelCode,
  suffix = '',
): string {
  const place = flatPlace('at', kernel.extents, code);
  const { values, stores } = emitTail(kernel, place, results, code);
  return `fn element${suffix}(${[place.parameters, ...results].join(', ')}) {
  ${[...place.lines, ...values, ...stores].join('\n  ')}
}`;
}

/** The statements of the epilogue, and those of the stores: what is loaded is loaded before anything is stored. */
export function emitTail(
  kernel: LoopKernel,
  { names, kept }: Pick<Place, 'names' | 'kept'>,
  results: readonly string[],
  code: KernelCode,
): {
  readonly values: readonly string[];
  readonly stores: readonly string[];
  readonly stored: readonly string[];
} {
  const resultNames = results.map((parameter) => parameter.split(':')[0]);
  const scope = { code, coordinates: names, results: resultNames, prefix: 'v', kept };
  const { lines, values } = emitInstructions(kernel.epilogue, scope);
  const stored = kernel.stores.map(({ value }) => values[value]);
  const stores = kernel.stores.map(({ access }, at) => emitStore({ access, value: stored[at] }, scope));
  return { values: lines, stores, stored };
}
