// The compiled function that runs now, if one does: it takes down operations in the place of the runtime.
import type { Call } from './call.ts';

/** Null outside of compiled functions. */
export let activeCall: Call | null = null;

export function setActiveCall(call: Call | null): void {
  activeCall = call;
}
