/** Loop kernels: elementwise ones here, those with a producer in their own files. */
import type { LoopKernel } from '@nn/core';
import { emitCoordinates, sizeOfExtents } from './affine.ts';
import { emitDot } from './dot.ts';
import { emitInstructions, emitStore } from './instructions.ts';
import { type EmitContext, KernelCode, type Launch } from './kernel-code.ts';
import { emitReduction } from './reduce.ts';
import { simplifyLoop } from './simplify.ts';

const workgroupSize = 256;
/** From so many elements on, each invocation takes four, which hides the latency of memory. */
const manyElements = 2 ** 18;

export function emitLoop(kernel: LoopKernel, context: EmitContext): readonly Launch[] {
  if (sizeOfExtents(kernel.extents) === 0) return [];
  const simple = simplifyLoop(kernel);
  if (simple.producer === null) return [emitElementwise(simple, context)];
  if (simple.producer.kind === 'dot') return emitDot(simple, simple.producer, context);
  return emitReduction(simple, simple.producer, context);
}

function emitElementwise(kernel: LoopKernel, context: EmitContext): Launch {
  const code = new KernelCode(context);
  const size = sizeOfExtents(kernel.extents);
  const each = size >= manyElements ? 4 : 1;
  code.declarations.push(emitElement(kernel, [], code));
  const total = code.sizes.integer(size);
  const body =
    each === 1
      ? `  let at = group * ${workgroupSize} + lane;\n  if (at < ${total}) { element(at); }`
      : `  for (var i = 0; i < ${each}; i++) {
    let at = (group * ${each} + i) * ${workgroupSize} + lane;
    if (at < ${total}) { element(at); }
  }`;
  return code.launch(kernel.name, workgroupSize, Math.ceil(size / (workgroupSize * each)), body);
}

/**
 * `fn element(at, results...)`: the epilogue and the stores at the row-major position `at` of the extents, given
 * the producer's results (WGSL parameters such as `result0: f32`).
 */
export function emitElement(kernel: LoopKernel, results: readonly string[], code: KernelCode): string {
  const { lines, names } = emitCoordinates('at', kernel.extents, 'c', code.sizes);
  const parameters = ['at: i32', ...results].join(', ');
  return `fn element(${parameters}) {\n  ${[...lines, ...emitTail(kernel, names, results, code)].join('\n  ')}\n}`;
}

/** The statements of the epilogue and the stores, where the coordinates are known by name. */
export function emitTail(
  kernel: LoopKernel,
  coordinates: readonly string[],
  results: readonly string[],
  code: KernelCode,
): string[] {
  const names = results.map((parameter) => parameter.split(':')[0]);
  const scope = { code, coordinates, results: names, prefix: 'v' };
  const { lines, values } = emitInstructions(kernel.epilogue, scope);
  const stores = kernel.stores.map(({ access, value }) => emitStore({ access, value: values[value] }, scope));
  return [...lines, ...stores];
}
