// Errors on their way from a worker to whoever waits for its batch.
import { NnError } from '@nn/core';

/**
 * A worker of a `DataLoader` failed. `cause` is the error as the worker threw it, with its own name, message and
 * stack, where there was one.
 */
export class WorkerError extends NnError {
  /** Which worker, from 0. */
  readonly worker: number;
  /** The position of the sample that it was making, where it is known. */
  readonly index: number | null;

  constructor(message: string, worker: number, index: number | null = null, options?: ErrorOptions) {
    super('NN_WORKER', message, options);
    this.worker = worker;
    this.index = index;
  }
}

export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: unknown;
  readonly cause: SentError | undefined;
}

const deepestCause = 8;

/** An error as plain data; what was thrown need not be an error. */
export function describeError(error: unknown, depth: number = 0): SentError {
  if (!(error instanceof Error)) {
    return { name: 'Error', message: String(error), stack: undefined, code: undefined, cause: undefined };
  }
  const { name, message, stack, cause } = error;
  const { code } = error as { readonly code?: unknown };
  return {
    name,
    message,
    stack,
    code: typeof code === 'string' || typeof code === 'number' ? code : undefined,
    cause: cause === undefined || depth === deepestCause ? undefined : describeError(cause, depth + 1),
  };
}

/** The error, with the stack that it had in its thread. */
export function rebuildError({ name, message, stack, code, cause }: SentError): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause: rebuildError(cause) });
  const set = (key: string, value: unknown): void => {
    Object.defineProperty(error, key, { value, configurable: true, writable: true });
  };
  set('name', name);
  set('stack', stack ?? `${name}: ${message}`);
  if (code !== undefined) set('code', code);
  return error;
}
