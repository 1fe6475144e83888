// Ctrl-C: the first asks the loop to save and leave, the second leaves at once.
import { constants } from 'node:os';

export interface Interrupt {
  readonly requested: boolean;
  /** Ends with the exit status that shells expect after the signal. */
  leave(): void;
}

export function onInterrupt(): Interrupt {
  let signal: 'SIGINT' | 'SIGTERM' | undefined;
  const status = (name: 'SIGINT' | 'SIGTERM'): number => 128 + constants.signals[name];
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (signal !== undefined) process.exit(status(name));
      signal = name;
    });
  }
  return {
    get requested() {
      return signal !== undefined;
    },
    leave() {
      if (signal !== undefined) process.exitCode = status(signal);
    },
  };
}
