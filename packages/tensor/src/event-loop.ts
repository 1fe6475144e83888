// Lets the event loop turn while results are awaited. A promise that is resolved already only runs microtasks: a
// loop that awaits such results would keep timers, signals, input and painting waiting until its end.
import { turn } from '@nn/core';

/** At most this long without a turn: less than a frame of 60 Hz. */
const longestMilliseconds = 12;

let lastTurn = 0;

/** Resolves at once, or after a turn of the event loop when the last one was too long ago. */
export async function turnIfDue(): Promise<void> {
  const now = performance.now();
  if (now - lastTurn < longestMilliseconds) return;
  await turn();
  lastTurn = performance.now();
}
