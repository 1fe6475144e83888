// What the kit needs of a test runner: vitest, jest, mocha and node:test all have it.

export interface TestRunner {
  describe(name: string, body: () => void): void;
  readonly it: {
    (name: string, body: () => Promise<void>): void;
    skip(name: string, body: () => Promise<void>): void;
  };
}

/** Fails the running test. */
export function fail(message: string): never {
  throw new Error(message);
}

export function check(holds: boolean, message: string): void {
  if (!holds) fail(message);
}

/** The error that a call throws or rejects with. */
export async function errorOf(call: () => unknown): Promise<Error> {
  try {
    await call();
  } catch (error) {
    if (error instanceof Error) return error;
    return fail(`threw ${String(error)}, which is no Error`);
  }
  return fail('did not throw');
}
