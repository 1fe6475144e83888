/** Independent loops: as many to a dispatch as there may be bindings, each with a range of the workgroups. */
import type { LoopKernel, ParallelKernel } from '@nn/core';
import { sizeOfExtents } from './affine.ts';
import { type EmitContext, KernelCode, type Launch } from './kernel-code.ts';
import { workgroupSize } from './lanes.ts';
import { emitElementwise, emitLoop } from './loop.ts';
import { emitWhole, isInChunks } from './reduce.ts';
import { simplifyLoop } from './simplify.ts';
import { buffersTouched, canBind } from './touched.ts';

/** Invocations of a workgroup where they do not work together. */
const loneSize = 64;

export function emitParallel(kernel: ParallelKernel, context: EmitContext): readonly Launch[] {
  const launches: Launch[] = [];
  let together: LoopKernel[] = [];
  const dispatch = (): void => {
    if (together.length > 0) launches.push(emitTogether(kernel.name, together, context));
    together = [];
  };
  for (const whole of kernel.parts) {
    if (sizeOfExtents(whole.extents) === 0) continue;
    const part = simplifyLoop(whole);
    if (part.producer?.kind === 'reduce' && isInChunks(part, part.producer, context)) {
      launches.push(...emitLoop(whole, context));
      continue;
    }
    if (!canBind(buffersTouched([...together, part]), context)) dispatch();
    together.push(part);
  }
  dispatch();
  return launches;
}

function emitTogether(name: string, parts: readonly LoopKernel[], context: EmitContext): Launch {
  const code = new KernelCode(context);
  const size = context.cooperate ? workgroupSize : loneSize;
  const lines: string[] = ['let whole_group = group;'];
  let groups = 0;
  parts.forEach((part, at) => {
    const statements =
      part.producer?.kind === 'reduce'
        ? emitWhole(part, part.producer, code, size, `${at}`)
        : emitElementwise(part, code, size, `${at}`);
    const first = at === 0 ? '' : ` - ${code.sizes.integer(groups)}`;
    groups += statements.groups;
    const range = at === parts.length - 1 ? '' : `if (whole_group < ${code.sizes.integer(groups)}) `;
    lines.push(
      `${at === 0 ? '' : 'else '}${range}{`,
      `let group = whole_group${first};`,
      ...statements.lines,
      '}',
    );
  });
  return code.launch(name, size, groups, lines);
}
