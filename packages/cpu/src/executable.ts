// A compiled program: its commands, and where its buffers are found.
import {
  type Dot,
  type Executable,
  type Kernel,
  type LoopKernel,
  type Program,
  type RowsKernel,
  UnsupportedError,
} from '@nn/core';
import { Binding } from './commands/binding.ts';
import { cutByBorders, findBorders, zerosThenBox } from './commands/borders.ts';
import { columnsCommand, isLong, isWorthStreaming } from './commands/columns.ts';
import type { Command, CommandContext } from './commands/command.ts';
import { detachedCommand, isWorthDetaching } from './commands/detach.ts';
import { dotCommand } from './commands/dot.ts';
import { LoopCommand } from './commands/loop.ts';
import { parallelCommand } from './commands/parallel.ts';
import { argsortCommand, copyCommand } from './commands/plain.ts';
import { shortenExponentials } from './commands/row-maxima.ts';
import { rowsCommand } from './commands/rows.ts';
import { scanCommand } from './commands/scan.ts';
import { scatterCommand } from './commands/scatter.ts';
import { cutByGuards } from './commands/sections.ts';
import { makeAll, Sequence } from './commands/sequence.ts';
import { SharedOperands } from './commands/shared-operands.ts';
import { isWorthSplitting, splitCommand } from './commands/split.ts';
import { splitDotCommand } from './commands/split-dot.ts';
import { sideBySide } from './commands/unroll.ts';
import { winogradCommand } from './commands/winograd.ts';
import type { Device } from './device.ts';
import { isNarrowedByEpilogue, planLoop } from './emit/plan.ts';
import type { Slices } from './threads/slices.ts';

function loopCommand(context: CommandContext, kernel: LoopKernel): Command {
  const { producer } = kernel;
  if (producer?.kind === 'dot') {
    const inTiles = context.device.usesWinograd ? winogradCommand(context, kernel, producer) : undefined;
    if (inTiles !== undefined) return inTiles;
    const bands = cutByBorders(kernel, producer, context.borders);
    const make = (band: LoopKernel) => (): Command => {
      const dot = band.producer as Dot;
      return splitDotCommand(context, band, dot) ?? dotCommand(context, band, dot);
    };
    return bands.length === 1 ? make(bands[0])() : new Sequence(makeAll(bands.map(make)));
  }
  const sections = cutByGuards(kernel);
  if (sections.length !== 1) return parallel(context, sections);
  if (producer === null) return new LoopCommand(context, kernel, null);
  if (isWorthSplitting(kernel, producer, context.device.pool.threads))
    return splitCommand(context, kernel, producer);
  if (!isLong(kernel, producer)) return new LoopCommand(context, kernel, producer);
  const plan = planLoop(kernel, producer, context);
  if (isWorthStreaming(producer, plan)) return columnsCommand(context, kernel, producer, plan);
  if (isWorthDetaching(kernel, producer) && isNarrowedByEpilogue(plan))
    return detachedCommand(context, kernel, producer);
  return new LoopCommand(context, kernel, producer);
}

function inOrder(context: CommandContext, kernels: readonly LoopKernel[]): Command {
  return new Sequence(makeAll(kernels.map((kernel) => () => loopCommand(context, kernel))));
}

/** One job of all parts, but for reductions that are cut. */
function parallel(context: CommandContext, given: readonly LoopKernel[]): Command {
  const { threads } = context.device.pool;
  const parts = given.flatMap((part) => cutByGuards(part));
  const isCut = (part: LoopKernel): boolean => {
    const { producer } = part;
    if (producer?.kind !== 'reduce') return false;
    if (isWorthSplitting(part, producer, threads)) return true;
    return isLong(part, producer) && isWorthStreaming(producer, planLoop(part, producer, context));
  };
  const cut = parts.filter(isCut);
  const whole = parts.filter((part) => !isCut(part));
  if (cut.length === 0) return parallelCommand(context, whole);
  return new Sequence(
    makeAll([
      () => inOrder(context, cut),
      ...(whole.length > 0 ? [() => parallelCommand(context, whole)] : []),
    ]),
  );
}

/** Block after block where that pays; what is better off in sections is cut first. */
function rows(context: CommandContext, kernel: RowsKernel): Command {
  const isCut = kernel.steps.some((step) => cutByGuards(step).length !== 1);
  const command = isCut ? undefined : rowsCommand(context, kernel);
  return command ?? inOrder(context, shortenExponentials(kernel, context.device.tier).steps);
}

function makeCommand(context: CommandContext, kernel: Kernel): Command {
  switch (kernel.kind) {
    case 'loop': {
      const steps = zerosThenBox(kernel, context.buffers);
      if (steps.length > 1) return inOrder(context, steps);
      const parts = sideBySide(kernel);
      return parts.length === 1 ? loopCommand(context, parts[0]) : parallel(context, parts);
    }
    case 'rows': {
      const rank = kernel.extents.length;
      const steps = kernel.steps
        .flatMap((step) => zerosThenBox(step, context.buffers, rank))
        .flatMap((step) => sideBySide(step, rank));
      return rows(context, { ...kernel, steps });
    }
    case 'parallel':
      return parallel(
        context,
        kernel.parts.flatMap((part) => sideBySide(part)),
      );
    case 'copy':
      return copyCommand(context, kernel);
    case 'scatter':
      return scatterCommand(context, kernel);
    case 'scan':
      return scanCommand(context, kernel);
    case 'argsort':
      return argsortCommand(context, kernel);
    default: {
      const { kind } = kernel as { readonly kind: string };
      throw new UnsupportedError(`there are no kernels of kind '${kind}'`);
    }
  }
}

/** Makes a command; what it does not support is named with its kernel. */
function makeNamedCommand(context: CommandContext, kernel: Kernel): Command {
  try {
    return makeCommand(context, kernel);
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    throw new UnsupportedError(
      `cpu: cannot compile kernel '${kernel.name}': ${error.message}. ` +
        'Install versions of @nn/core and @nn/cpu that match, or cast its inputs to another dtype',
      { cause: error },
    );
  }
}

const alignUp = (bytes: number): number => Math.ceil(bytes / 64) * 64;

export class CpuExecutable implements Executable {
  readonly program: Program;
  /** Gives back what the executable holds; has no reference to it. */
  readonly disposer: () => void;
  readonly #device: Device;
  readonly #binding: Binding;
  readonly #commands: readonly Command[];
  readonly #inputs: readonly number[];
  readonly #outputs: readonly number[];
  readonly #temporaries: readonly number[];
  readonly #scratchOffset: number;
  readonly #arenaBytes: number;
  #arena = -1;

  constructor(device: Device, program: Program) {
    const { buffers } = program;
    const binding = new Binding(device.heap, buffers.length, program.params.length);
    const { tier } = device;
    const borders = findBorders(program);
    const sharedOperands = new SharedOperands(program);
    const programParams = program.params.length;
    const context = { device, binding, tier, buffers, borders, sharedOperands, programParams };
    const commands = makeAll(program.kernels.map((kernel) => () => makeNamedCommand(context, kernel)));
    this.program = program;
    this.#device = device;
    this.#binding = binding;
    this.#commands = commands;
    const withRole = (...roles: string[]): number[] =>
      buffers.flatMap((buffer, at) => (roles.includes(buffer.role) ? [at] : []));
    this.#inputs = withRole('input', 'updated');
    this.#outputs = withRole('output');
    this.#temporaries = withRole('temporary');
    this.#scratchOffset = alignUp(program.arenaBytes) + sharedOperands.bytes;
    const scratchBytes = Math.max(0, ...commands.map((command) => command.scratchBytes));
    const arenaBytes = this.#scratchOffset + scratchBytes;
    this.#arenaBytes = arenaBytes;
    device.needArena(arenaBytes);
    this.disposer = () => {
      for (const command of commands) command.dispose();
      device.releaseArena(arenaBytes);
    };
  }

  /** What it needs of the arena. */
  get arenaBytes(): number {
    return this.#arenaBytes;
  }

  /** Has the next run read and write these. */
  bind(
    inputs: readonly { readonly address: number }[],
    outputs: readonly { readonly address: number }[],
  ): void {
    const binding = this.#binding;
    this.#device.pool.finish();
    for (let at = 0; at < inputs.length; at++) binding.bindAddress(this.#inputs[at], inputs[at].address);
    for (let at = 0; at < outputs.length; at++) binding.bindAddress(this.#outputs[at], outputs[at].address);
  }

  /** Runs on the inputs and outputs that are bound; `leaves` as in `Command.run`. */
  run(params: readonly (number | bigint)[], leaves = false): void {
    this.#prepare(params);
    const commands = this.#commands;
    const last = commands.length - 1;
    for (let at = 0; at <= last; at++) commands[at].run(leaves && at === last);
  }

  /** The same in slices. */
  *inSlices(params: readonly (number | bigint)[]): Slices {
    this.#prepare(params);
    for (const command of this.#commands) yield* command.inSlices();
  }

  /** The same; gives the milliseconds of each kernel. */
  runTimed(params: readonly (number | bigint)[]): number[] {
    this.#prepare(params);
    let start = performance.now();
    return this.#commands.map((command) => {
      command.run();
      const end = performance.now();
      const elapsed = end - start;
      start = end;
      return elapsed;
    });
  }

  #prepare(params: readonly (number | bigint)[]): void {
    const binding = this.#binding;
    const arena = this.#device.arena(this.#arenaBytes);
    if (arena !== this.#arena) {
      this.#arena = arena;
      const { buffers } = this.program;
      for (const at of this.#temporaries) binding.bindAddress(at, arena + buffers[at].offset);
      binding.bindAddress(binding.scratch, arena + this.#scratchOffset);
    }
    for (let at = 0; at < this.program.params.length; at++) binding.bindParam(at, params[at]);
  }
}
