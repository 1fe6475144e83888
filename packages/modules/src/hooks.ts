// Lists of hooks: functions that are called at a certain point, until their handle removes them.
import { ArgumentError, checkOptions, type RemovableHandle } from '@nn/tensor';

export interface HookOptions {
  /** Whether the hook is called before those that were there. Default false. */
  readonly prepend?: boolean;
}

/** Hooks in the order of their calls. The same function may be there several times. */
export class Hooks<Hook> {
  #entries: readonly { readonly hook: Hook }[] = [];
  /** What is there now; a hook that removes itself leaves a list that is gone through as it is. */
  list: readonly Hook[] = [];

  add(functionName: string, hook: Hook, options: HookOptions = {}): RemovableHandle {
    if (typeof hook !== 'function') throw new ArgumentError(`${functionName}: a hook must be a function`);
    checkOptions(functionName, options, ['prepend']);
    const entry = { hook };
    this.#set(options.prepend === true ? [entry, ...this.#entries] : [...this.#entries, entry]);
    return { remove: () => this.#set(this.#entries.filter((each) => each !== entry)) };
  }

  #set(entries: readonly { readonly hook: Hook }[]): void {
    this.#entries = entries;
    this.list = entries.map(({ hook }) => hook);
  }

  get isEmpty(): boolean {
    return this.list.length === 0;
  }

  /** Takes over another list's hooks; handles of the other one do not remove them here. */
  addAll(other: Hooks<Hook>): void {
    this.#set([...this.#entries, ...other.list.map((hook) => ({ hook }))]);
  }
}
