// The loop kernel: blocks of coordinates go through the producer, the epilogue and the stores.
import type { DType } from '../dtype.ts';
import type { LoopKernel, Reduction } from '../kernel.ts';
import { sizeOf } from '../shape.ts';
import { startAccumulator } from './accumulate.ts';
import { type LoweredProducer, lowerDot } from './dot.ts';
import { lowerInstructions, lowerStore } from './lower.ts';
import { lanes, type Register, RegisterFile } from './registers.ts';
import { Space } from './space.ts';
import type { Frame } from './step.ts';

export type LoweredKernel = (frame: Frame) => void;

/** What lowering needs to know of each buffer. */
export interface BufferInfo {
  readonly dtype: DType;
  readonly length: number;
}

export function lowerLoop(kernel: LoopKernel, buffers: readonly BufferInfo[]): LoweredKernel {
  const registers = new RegisterFile();
  const bufferDTypes = buffers.map((buffer) => buffer.dtype);
  const producer = lowerProducer(kernel, registers, buffers);
  const space = new Space(kernel.extents, registers);
  const results: readonly Register[] = producer?.results ?? [];
  const scope = { space, registers, results };
  const epilogue = lowerInstructions(kernel.epilogue, scope);
  const stores = kernel.stores.map(({ access, value }) =>
    lowerStore(access, bufferDTypes[access.buffer], epilogue.values[value], scope),
  );
  const size = sizeOf(kernel.extents);
  return (frame) => {
    if (size === 0) return;
    producer?.prepare(frame);
    epilogue.prepare(frame);
    for (let start = 0; start < size; start += lanes) {
      const count = Math.min(lanes, size - start);
      producer?.compute(start, count, frame);
      space.moveTo(start, count);
      epilogue.compute(count, frame);
      for (const store of stores) store(count, frame);
    }
    producer?.release();
  };
}

function lowerProducer(
  { producer, extents }: LoopKernel,
  registers: RegisterFile,
  buffers: readonly BufferInfo[],
): LoweredProducer | null {
  if (producer === null) return null;
  if (producer.kind === 'reduce') return lowerReduction(producer, extents, registers);
  return lowerDot(
    producer,
    extents,
    registers,
    buffers.map((buffer) => buffer.length),
  );
}

/**
 * Walks the kernel's and the reduction's extents together in row-major order, in full blocks whatever the sizes
 * of the two, and cuts each block into runs that belong to one of the kernel's coordinates.
 */
function lowerReduction(
  reduction: Reduction,
  extents: readonly number[],
  registers: RegisterFile,
): LoweredProducer {
  const space = new Space([...extents, ...reduction.extents], registers);
  const body = lowerInstructions(reduction.body, { space, registers, results: [] });
  const accumulators = reduction.accumulators.map((accumulator) =>
    startAccumulator(
      accumulator,
      reduction.body[accumulator.value].dtype,
      body.values[accumulator.value],
      registers,
    ),
  );
  const inner = sizeOf(reduction.extents);
  return {
    results: accumulators.map((accumulator) => accumulator.result),
    prepare: body.prepare,
    compute(start, count, frame) {
      for (const accumulator of accumulators) accumulator.reset(count);
      const end = (start + count) * inner;
      for (let from = start * inner; from < end; from += lanes) {
        const block = Math.min(lanes, end - from);
        space.moveTo(from, block);
        body.compute(block, frame);
        for (let i = 0; i < block; ) {
          const position = (from + i) % inner;
          const run = Math.min(inner - position, block - i);
          const lane = Math.floor((from + i) / inner) - start;
          for (const accumulator of accumulators) accumulator.take(lane, i, i + run, position);
          i += run;
        }
      }
      for (const accumulator of accumulators) accumulator.finish(count);
    },
    release() {},
  };
}
