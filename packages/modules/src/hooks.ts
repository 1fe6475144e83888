// Lists of hooks: functions that are called at a certain point, until their handle removes them.
import { ArgumentError, checkOptions, type RemovableHandle } from '@nn/tensor';

export interface HookOptions {
  /** Whether the hook is called before those that were there. Default false. */
  readonly prepend?: boolean;
}

/** Hooks in the order of their calls. The same function may be there several times. */
export class Hooks<Hook> {
  #entries: readonly { readonly hook: Hook }[] = [];

  add(functionName: string, hook: Hook, options: HookOptions = {}): RemovableHandle {
    if (typeof hook !== 'function') throw new ArgumentError(`${functionName}: a hook must be a function`);
    checkOptions(functionName, options, ['prepend']);
    const entry = { hook };
    this.#entries = options.prepend === true ? [entry, ...this.#entries] : [...this.#entries, entry];
    return {
      remove: () => {
        this.#entries = this.#entries.filter((each) => each !== entry);
      },
    };
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Takes over another list's hooks; handles of the other one do not remove them here. */
  addAll(other: Hooks<Hook>): void {
    this.#entries = [...this.#entries, ...other.#entries.map(({ hook }) => ({ hook }))];
  }

  /** Goes through the hooks that are there now: a hook may remove itself. */
  *[Symbol.iterator](): Generator<Hook> {
    for (const { hook } of this.#entries) yield hook;
  }
}
