/**
 * Products of matrices, batched, with any strides (a convolution is one with overlapping strides). Thin products
 * become reductions; those of few results over a long inner range are cut into chunks, and the chunks' results added
 * up afterwards.
 */
import type { Dot, Instruction, LoopKernel, Reduction } from '@nn/core';
import { emitBlocks } from './dot-blocks.ts';
import { chunkCount, resultCount, splitDot } from './dot-parts.ts';
import { emitTiles } from './dot-tiles.ts';
import type { EmitContext, Launch } from './kernel-code.ts';
import { emitMeeting, emitReduction } from './reduce.ts';

export function emitDot(kernel: LoopKernel, dot: Dot, context: EmitContext): readonly Launch[] {
  const whole = splitDot(kernel, dot);
  const results = resultCount(whole);
  const asReduction = { ...kernel, producer: reductionOf(dot) };
  if (Math.min(whole.rows.size, whole.columns.size) === 1 || results <= 64 || whole.inner === 0) {
    return emitReduction(asReduction, asReduction.producer, context);
  }
  const emit = context.cooperate ? emitTiles : emitBlocks;
  const { launch, loops } = emit(kernel, dot, whole, context);
  const chunks = chunkCount(loops);
  if (chunks === 1) return [launch];
  const meeting = { outputs: results, chunks, outputStride: 1, chunkStride: results };
  return [launch, emitMeeting(asReduction, asReduction.producer, context, meeting)];
}

/** The same product as a reduction of elementwise products. */
function reductionOf(dot: Dot): Reduction {
  const load = ({ buffer, offset, strides }: Dot['left']): Instruction => ({
    op: 'load',
    dtype: dot.dtype,
    access: { buffer, offset, strides, guards: [] },
  });
  // Products of the 16-bit floats are exact in float32, so that is what is added up.
  const wide = dot.dtype === 'float16' || dot.dtype === 'bfloat16' ? 'float32' : dot.dtype;
  const body: Instruction[] = [
    load(dot.left),
    load(dot.right),
    { op: 'cast', dtype: wide, args: [0] },
    { op: 'cast', dtype: wide, args: [1] },
    { op: 'mul', dtype: wide, args: [2, 3] },
  ];
  const accumulators = [{ op: 'sum', value: 4, dtype: dot.dtype }] as const;
  return { kind: 'reduce', extents: dot.inner, body, accumulators };
}
