// Scans: of lines, shared by threads; of one long line in parts.
import type { ScanKernel } from '@nn/core';
import type { Device } from '../device.ts';
import { lanes } from '../emit/registers.ts';
import { accumulatorDType, scanModule, scanScratchBytes } from '../kernels/scan.ts';
import { partTotalsModule, scanPartsModule } from '../kernels/scan-parts.ts';
import type { Command, CommandContext } from './command.ts';
import { lineGrain, PlainCommand } from './plain.ts';
import { Sequence } from './sequence.ts';
import { withPartialResults } from './split.ts';

/** Elements of a part: the same for any number of threads, and so are the sums. */
const partLength = 32_768;
/** A line from which one thread takes too long without a pause. */
const longLine = 4_000_000;

/**
 * Whether there is one long line, and parts of it, put together in another order, give what it gives as a whole: sums
 * of float32 run in float64; products, and sums of float64, would show it.
 */
function isScannedInParts({ device, buffers, tier }: CommandContext, kernel: ScanKernel): boolean {
  const { op, outer, length, inner } = kernel;
  const { dtype } = buffers[kernel.source];
  const isFree = op === 'max' || op === 'min' || (op === 'sum' && dtype !== 'float64');
  const least = device.pool.threads > 1 ? 2 * partLength : device.pauses ? longLine : Infinity;
  return isFree && tier.simd && outer === 1 && inner === 1 && length >= least;
}

/** The totals of all parts but the last, then each part on from those before it. */
function scanPartsCommand(context: CommandContext, kernel: ScanKernel): Command {
  const { device, buffers, tier } = context;
  const { op, length } = kernel;
  const { dtype } = buffers[kernel.source];
  const parts = Math.ceil(length / partLength);
  const accumulated = accumulatorDType(op, dtype);
  const { extended, first, scratchBytes } = withPartialResults(context, [accumulated], (parts - 1) * lanes);
  const kind = `${op} ${dtype} ${tier.relaxedSimd}`;
  const totalling = device.kernels.hold(`totals of parts ${kind}`, () =>
    partTotalsModule(device.heap, op, dtype, tier),
  );
  const scanning = device.kernels.hold(`scan parts ${kind}`, () =>
    scanPartsModule(device.heap, op, dtype, tier),
  );
  const totals = new PlainCommand(extended, totalling, {
    buffers: [kernel.source, first],
    numbers: [partLength],
    items: parts - 1,
    grain: 1,
  });
  const scans = new PlainCommand(extended, scanning, {
    buffers: [kernel.source, kernel.target, first],
    numbers: [length, partLength],
    items: parts,
    grain: 1,
  });
  return new Sequence([totals, scans], scratchBytes);
}

/** Adjacent lines that share cache lines, however narrow their elements are. */
const adjacentLines = 64;

/** Lines side by side are walked in runs as long as can be: whole blocks of them, or as many as each thread gets. */
function columnGrain({ pool }: Device, { outer, length, inner }: ScanKernel): number {
  const elementsPerTurn = 16_384;
  const turns = Math.max(1, Math.min(pool.threads, Math.floor((outer * inner * length) / elementsPerTurn)));
  if (outer >= turns) return inner * Math.ceil(outer / (outer >= turns * 4 ? turns * 4 : turns));
  return Math.ceil((outer * inner) / turns / adjacentLines) * adjacentLines;
}

export function scanCommand(context: CommandContext, kernel: ScanKernel): Command {
  if (isScannedInParts(context, kernel)) return scanPartsCommand(context, kernel);
  const { device, buffers, tier } = context;
  const { dtype } = buffers[kernel.target];
  const { op, outer, length, inner } = kernel;
  const code = device.kernels.hold(`scan ${op} ${dtype} ${tier.simd} ${tier.relaxedSimd}`, () =>
    scanModule(device.heap, op, dtype, tier),
  );
  const lines = length === 0 ? 0 : outer * inner;
  return new PlainCommand(context, code, {
    buffers: [kernel.source, kernel.target],
    numbers: [length, inner],
    scratchBytesPerThread: inner === 1 ? 0 : scanScratchBytes,
    items: lines,
    grain: inner === 1 ? lineGrain(device, lines, length, 16_384) : columnGrain(device, kernel),
  });
}
