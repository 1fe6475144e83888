// Where a training step without an optimizer ends: tensors that derivatives are asked for were written or made, and
// the next operation that has a derivative begins another step.
import { isHeld } from '@nn/core';
import { activeCall } from './active.ts';
import type { Valued } from './runtime.ts';
import { runtimeOf, runtimes } from './runtimes.ts';

/** Leaves that are made of what is not computed yet begin a step only where so many operations are pending. */
const worthStep = 1024;

/** Leaves noted, at most, until a step begins with them. */
const mostUpdated = 1024;

/** Whether some runtime may have been told of an update since the last step by hand began. */
let isOver = false;

/** Notes that a tensor that derivatives are asked for was written: a training step by hand ends. */
export function noteUpdate(storage: Valued): void {
  if (activeCall !== null || storage.device === '') return;
  runtimeOf(storage.device).updated(storage);
  isOver = true;
}

/** Notes that derivatives by a tensor will be asked for; the step by hand that it was computed in may have ended. */
export function noteLeaf(storage: Valued): void {
  if (activeCall !== null || storage.device === '' || isHeld(storage.node)) return;
  const runtime = runtimeOf(storage.device);
  if (runtime.pendingCount < worthStep) return;
  isOver = true;
  if (runtime.updated(storage) > mostUpdated) beginStepIfUpdated();
}

/** Called when an operation is recorded for derivatives: after an update, the next step begins with it. */
export function beginStepIfUpdated(): void {
  if (!isOver || activeCall !== null) return;
  isOver = false;
  for (const runtime of runtimes()) runtime.stepIfUpdated();
}
