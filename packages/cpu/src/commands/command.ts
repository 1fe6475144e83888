// One kernel of a program, ready to run.

/** What a run binds. */
export interface Binding {
  /** The address of each of the program's buffers, then of scratch space. */
  readonly addresses: readonly number[];
  readonly params: readonly (number | bigint)[];
}

export interface Command {
  /** Bytes of scratch space, which is at the address after the program's buffers. */
  readonly scratchBytes: number;
  run(binding: Binding): void;
  dispose?(): void;
}
