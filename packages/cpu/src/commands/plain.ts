// Kernels that are written by hand: copy, scatter, scan, argsort.
import type { ArgsortKernel, BufferSpec, CopyKernel, ScanKernel, ScatterKernel } from '@nn/core';
import type { Device } from '../device.ts';
import { storageBytes } from '../emit/registers.ts';
import { argsortModule, argsortScratchBytes } from '../kernels/argsort.ts';
import { copyModule, copyPieceBytes } from '../kernels/copy.ts';
import { scanModule } from '../kernels/scan.ts';
import { scatterModule } from '../kernels/scatter.ts';
import type { Kernel } from '../threads/kernel-module.ts';
import type { Binding, Command } from './command.ts';

interface PlainOptions {
  /** Buffers whose addresses are the record's first words, then numbers. */
  readonly buffers: readonly number[];
  readonly numbers: readonly number[];
  /** Scratch bytes of each thread; the address and this number follow in the record. */
  readonly scratchBytesPerThread?: number;
  readonly items: number;
  /** Items a thread takes at a time. */
  readonly grain: number;
}

class PlainCommand implements Command {
  readonly scratchBytes: number;
  readonly #device: Device;
  readonly #kernel: Kernel;
  readonly #options: PlainOptions;

  constructor(device: Device, kernel: Kernel, options: PlainOptions) {
    this.#device = device;
    this.#kernel = kernel;
    this.#options = options;
    this.scratchBytes = (options.scratchBytesPerThread ?? 0) * device.pool.threads;
  }

  run({ addresses }: Binding): void {
    const { buffers, numbers, scratchBytesPerThread, items, grain } = this.#options;
    if (items === 0) return;
    const { heap, pool, recordAddress } = this.#device;
    const memory = heap.words;
    let word = recordAddress >>> 2;
    for (const buffer of buffers) memory[word++] = addresses[buffer];
    for (const number of numbers) memory[word++] = number;
    if (scratchBytesPerThread !== undefined) {
      memory[word++] = addresses[addresses.length - 1];
      memory[word++] = scratchBytesPerThread;
    }
    if (grain >= items) this.#kernel.function(recordAddress, 0, items, 0);
    else pool.run([{ kernel: this.#kernel, arguments: recordAddress }], items, grain);
  }
}

export function copyCommand(device: Device, kernel: CopyKernel, buffers: readonly BufferSpec[]): Command {
  const { dtype, length } = buffers[kernel.source];
  const bytes = length * storageBytes[dtype];
  return new PlainCommand(
    device,
    device.kernel('copy', () => copyModule(device.heap)),
    {
      buffers: [kernel.source, kernel.target],
      numbers: [bytes],
      items: Math.ceil(bytes / copyPieceBytes),
      grain: 4,
    },
  );
}

export function scatterCommand(
  device: Device,
  kernel: ScatterKernel,
  buffers: readonly BufferSpec[],
): Command {
  const { dtype } = buffers[kernel.target];
  const code = device.kernel(`scatter ${kernel.mode} ${dtype}`, () =>
    scatterModule(device.heap, kernel.mode, dtype),
  );
  return new PlainCommand(device, code, {
    buffers: [kernel.index, kernel.source, kernel.target],
    numbers: [kernel.targetSize],
    items: kernel.count,
    grain: kernel.count,
  });
}

/** Lines per turn, so that a turn is worth some tens of microseconds. */
function lineGrain(device: Device, lines: number, length: number, elementsPerTurn: number): number {
  const fair = Math.ceil(lines / (device.pool.threads * 4));
  return Math.max(1, fair, Math.ceil(elementsPerTurn / Math.max(1, length)));
}

export function scanCommand(device: Device, kernel: ScanKernel, buffers: readonly BufferSpec[]): Command {
  const { dtype } = buffers[kernel.target];
  const { op, outer, length, inner } = kernel;
  const code = device.kernel(`scan ${op} ${dtype}`, () => scanModule(device.heap, op, dtype));
  const lines = length === 0 ? 0 : outer * inner;
  return new PlainCommand(device, code, {
    buffers: [kernel.source, kernel.target],
    numbers: [length, inner],
    items: lines,
    grain: lineGrain(device, lines, length, 16_384),
  });
}

export function argsortCommand(
  device: Device,
  kernel: ArgsortKernel,
  buffers: readonly BufferSpec[],
): Command {
  const { dtype } = buffers[kernel.source];
  const { descending, outer, length, inner } = kernel;
  const code = device.kernel(`argsort ${dtype} ${descending}`, () =>
    argsortModule(device.heap, dtype, descending),
  );
  const lines = length === 0 ? 0 : outer * inner;
  return new PlainCommand(device, code, {
    buffers: [kernel.source, kernel.target],
    numbers: [length, inner],
    scratchBytesPerThread: Math.ceil(argsortScratchBytes(dtype, length) / 64) * 64,
    items: lines,
    grain: lineGrain(device, lines, length, 1024),
  });
}
