// Ctrl-C: the first asks the loop to save and leave, the second leaves at once.
import { constants } from 'node:os';

export interface Interrupt extends Disposable {
  readonly requested: boolean;
  /** Ends with the exit status that shells expect after the signal. */
  leave(): void;
}

const signals = ['SIGINT', 'SIGTERM'] as const;

/** Listens until it is disposed of. */
export function onInterrupt(): Interrupt {
  let received: (typeof signals)[number] | undefined;
  const status = (name: (typeof signals)[number]): number => 128 + constants.signals[name];
  const listen = (name: NodeJS.Signals): void => {
    if (received !== undefined) process.exit(status(received));
    received = name as (typeof signals)[number];
  };
  for (const name of signals) process.on(name, listen);
  return {
    get requested() {
      return received !== undefined;
    },
    leave() {
      if (received !== undefined) process.exitCode = status(received);
    },
    [Symbol.dispose]() {
      for (const name of signals) process.off(name, listen);
    },
  };
}
