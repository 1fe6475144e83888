// What is known at some point of the code that is written.
import type { Local } from '../wasm/index.ts';
import type { VectorLocal } from './registers.ts';

/** The values known at some point of the code. */
export class Values {
  readonly scalars: (Local | undefined)[];
  readonly vectors: (readonly VectorLocal[] | undefined)[];

  constructor(from?: Values) {
    this.scalars = from === undefined ? [] : [...from.scalars];
    this.vectors = from === undefined ? [] : [...from.vectors];
  }
}

/** Where the cursors stand: each one's value at lane 0 of the first vector. */
export type Positions = readonly Local<'i32'>[];
