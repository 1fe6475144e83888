/** Independent loops: as many to a dispatch as there may be bindings, each with a range of the workgroups. */
import type { LoopKernel, ParallelKernel } from '@nn/core';
import { sizeOfExtents } from './affine.ts';
import { type EmitContext, KernelCode, type Launch } from './kernel-code.ts';
import { workgroupSize } from './lanes.ts';
import { emitElementwise, emitLoop } from './loop.ts';
import { simplifyLoop } from './simplify.ts';
import { buffersTouched, canBind } from './touched.ts';

export function emitParallel(kernel: ParallelKernel, context: EmitContext): readonly Launch[] {
  const parts = kernel.parts.filter((part) => sizeOfExtents(part.extents) > 0);
  const reductions = parts.filter(({ producer }) => producer !== null);
  const launches = reductions.flatMap((part) => emitLoop(part, context));
  let together: LoopKernel[] = [];
  const dispatch = (): void => {
    if (together.length > 0) launches.push(emitTogether(kernel.name, together, context));
  };
  for (const part of parts) {
    if (part.producer !== null) continue;
    const more = [...together, part];
    if (together.length > 0 && !canBind(buffersTouched(more), context)) {
      dispatch();
      together = [part];
    } else together = more;
  }
  dispatch();
  return launches;
}

function emitTogether(name: string, parts: readonly LoopKernel[], context: EmitContext): Launch {
  const code = new KernelCode(context);
  const lines: string[] = [];
  let groups = 0;
  parts.forEach((part, at) => {
    const own = emitElementwise(simplifyLoop(part), code, `${at}`);
    const first = groups;
    groups += own.groups;
    if (parts.length === 1) {
      lines.push(...own.lines);
      return;
    }
    const end = at === parts.length - 1 ? '' : `if (first_group < ${code.sizes.integer(groups)}) `;
    const shift = at === 0 ? 'first_group' : `first_group - ${code.sizes.integer(first)}`;
    lines.push(`${at === 0 ? '' : 'else '}${end}{`, `let group = ${shift};`, ...own.lines, '}');
  });
  if (parts.length > 1) lines.unshift('let first_group = group;');
  return code.launch(name, workgroupSize, groups, lines.map((line) => `  ${line}`).join('\n'));
}
