// Lets the event loop turn while results are awaited. A promise that is resolved already only runs microtasks: a
// loop that awaits such results would keep timers, signals, input and painting waiting until its end.

/** At most this long without a turn: less than a frame of 60 Hz. */
const longestMilliseconds = 12;

let lastTurn = 0;

interface Scheduling {
  readonly setImmediate?: (callback: () => void) => unknown;
}

function turn(): Promise<void> {
  const { setImmediate: immediate } = globalThis as Scheduling;
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

/** Resolves at once, or after a turn of the event loop when the last one was too long ago. */
export async function turnIfDue(): Promise<void> {
  const now = performance.now();
  if (now - lastTurn < longestMilliseconds) return;
  await turn();
  lastTurn = performance.now();
}
