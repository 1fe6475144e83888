// A turn of the event loop, wherever the library runs.

interface Port {
  onmessage: (() => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

interface Scheduling {
  readonly setImmediate?: (callback: () => void) => unknown;
  readonly MessageChannel: new () => { readonly port1: Port; readonly port2: Port };
}

/** Resolves after timers, input and painting that are due had their turn. */
export function turn(): Promise<void> {
  const { setImmediate: immediate, MessageChannel } = globalThis as unknown as Scheduling;
  if (immediate !== undefined) return new Promise((resolve) => immediate(resolve));
  // Messages take their turn among timers and input. Timers of our own would be delayed when they follow each other;
  // `scheduler.yield()` comes back before anybody's timer, so that timers would starve.
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
