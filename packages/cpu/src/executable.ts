// A compiled program: its commands, and where its buffers are found.
import { type Executable, type Kernel, type Program, UnsupportedError } from '@nn/core';
import type { Binding, Command } from './commands/command.ts';
import { dotCommand } from './commands/dot.ts';
import { LoopCommand } from './commands/loop.ts';
import { argsortCommand, copyCommand, scanCommand, scatterCommand } from './commands/plain.ts';
import { isWorthSplitting, SplitCommand } from './commands/split.ts';
import type { Device } from './device.ts';

function makeCommand(device: Device, kernel: Kernel, program: Program): Command {
  const { buffers } = program;
  const options = { tier: device.tier, buffers, programParams: program.params.length };
  switch (kernel.kind) {
    case 'loop': {
      const { producer } = kernel;
      if (producer?.kind === 'dot') return dotCommand(device, kernel, producer, options);
      return producer !== null && isWorthSplitting(kernel, producer, device.pool.threads)
        ? new SplitCommand(device, kernel, producer, options)
        : new LoopCommand(device, kernel, producer, options);
    }
    case 'rows':
      return new Sequence(kernel.steps.map((step) => makeCommand(device, step, program)));
    case 'parallel':
      return new Sequence(kernel.parts.map((part) => makeCommand(device, part, program)));
    case 'copy':
      return copyCommand(device, kernel, buffers);
    case 'scatter':
      return scatterCommand(device, kernel, buffers);
    case 'scan':
      return scanCommand(device, kernel, buffers);
    case 'argsort':
      return argsortCommand(device, kernel, buffers);
    default: {
      const { kind } = kernel as { readonly kind: string };
      throw new UnsupportedError(`there are no kernels of kind '${kind}'`);
    }
  }
}

/** Commands one after the other. */
class Sequence implements Command {
  readonly scratchBytes: number;
  readonly #commands: readonly Command[];

  constructor(commands: readonly Command[]) {
    this.#commands = commands;
    this.scratchBytes = Math.max(0, ...commands.map((command) => command.scratchBytes));
  }

  run(binding: Binding): void {
    for (const command of this.#commands) command.run(binding);
  }

  dispose(): void {
    for (const command of this.#commands) command.dispose?.();
  }
}

/** Makes a command; what it does not support is named with its kernel. */
function makeNamedCommand(device: Device, kernel: Kernel, program: Program): Command {
  try {
    return makeCommand(device, kernel, program);
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
  readonly #device: Device;
  readonly #commands: readonly Command[];
  readonly #addresses: number[];
  readonly #inputs: readonly number[];
  readonly #outputs: readonly number[];
  readonly #temporaries: readonly number[];
  readonly #scratchOffset: number;
  readonly #arenaBytes: number;

  constructor(device: Device, program: Program) {
    this.program = program;
    this.#device = device;
    this.#commands = program.kernels.map((kernel) => makeNamedCommand(device, kernel, program));
    const withRole = (...roles: string[]): number[] =>
      program.buffers.flatMap((buffer, at) => (roles.includes(buffer.role) ? [at] : []));
    this.#inputs = withRole('input', 'updated');
    this.#outputs = withRole('output');
    this.#temporaries = withRole('temporary');
    this.#addresses = new Array<number>(program.buffers.length + 1).fill(0);
    this.#scratchOffset = alignUp(program.arenaBytes);
    const scratchBytes = Math.max(0, ...this.#commands.map((command) => command.scratchBytes));
    this.#arenaBytes = this.#scratchOffset + scratchBytes;
  }

  run(inputs: readonly number[], outputs: readonly number[], params: readonly (number | bigint)[]): void {
    const addresses = this.#addresses;
    const arena = this.#device.arena(this.#arenaBytes);
    const { buffers } = this.program;
    for (let at = 0; at < this.#inputs.length; at++) addresses[this.#inputs[at]] = inputs[at];
    for (let at = 0; at < this.#outputs.length; at++) addresses[this.#outputs[at]] = outputs[at];
    for (const at of this.#temporaries) addresses[at] = arena + buffers[at].offset;
    addresses[buffers.length] = arena + this.#scratchOffset;
    const binding = { addresses, params };
    for (const command of this.#commands) command.run(binding);
  }

  /** What must be given back when the executable is gone; holds no reference to it. */
  get disposer(): () => void {
    const commands = this.#commands;
    return () => {
      for (const command of commands) command.dispose?.();
    };
  }
}
