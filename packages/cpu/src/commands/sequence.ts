// Commands one after the other.
import type { Slices } from '../threads/slices.ts';
import type { Command } from './command.ts';

export class Sequence implements Command {
  readonly scratchBytes: number;
  readonly #commands: readonly Command[];

  constructor(commands: readonly Command[], scratchBytes = 0) {
    this.#commands = commands;
    this.scratchBytes = Math.max(scratchBytes, ...commands.map((command) => command.scratchBytes));
  }

  run(leaves = false): void {
    const commands = this.#commands;
    const last = commands.length - 1;
    for (let at = 0; at <= last; at++) commands[at].run(leaves && at === last);
  }

  *inSlices(): Slices {
    for (const command of this.#commands) yield* command.inSlices();
  }

  dispose(): void {
    for (const command of this.#commands) command.dispose();
  }
}

/** Makes all, or gives back those made before the one that failed. */
export function makeAll<T extends { dispose(): void }>(makers: readonly (() => T)[]): T[] {
  const made: T[] = [];
  try {
    for (const make of makers) made.push(make());
  } catch (error) {
    for (const one of made) one.dispose();
    throw error;
  }
  return made;
}
