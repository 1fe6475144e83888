/** The bind groups of one launch: buffers come and go in the pool, but mostly the same ones. */

const remembered = 16;

interface Remembered {
  readonly buffers: readonly (GPUBuffer | undefined)[];
  readonly group: GPUBindGroup;
}

export class BindGroups {
  /** Which of a program's buffers the launch binds. */
  readonly #places: readonly number[];
  #known: Remembered[] = [];
  #next = 0;
  /** For the buffers that were selected last. */
  current: GPUBindGroup | undefined;

  constructor(places: readonly number[]) {
    this.#places = places;
  }

  isAffected(hasChanged: readonly boolean[]): boolean {
    for (const place of this.#places) if (hasChanged[place]) return true;
    return false;
  }

  /** Makes the group of these buffers the current one: one that is remembered, or else a new one. */
  select(bound: readonly (GPUBuffer | undefined)[], create: () => GPUBindGroup): void {
    for (const { buffers, group } of this.#known) {
      if (!this.#areBound(buffers, bound)) continue;
      this.current = group;
      return;
    }
    this.current = create();
    this.#known[this.#next] = { buffers: this.#places.map((place) => bound[place]), group: this.current };
    this.#next = (this.#next + 1) % remembered;
  }

  clear(): void {
    this.#known = [];
    this.#next = 0;
    this.current = undefined;
  }

  #areBound(buffers: readonly (GPUBuffer | undefined)[], bound: readonly (GPUBuffer | undefined)[]): boolean {
    for (let i = 0; i < buffers.length; i++) if (buffers[i] !== bound[this.#places[i]]) return false;
    return true;
  }
}
