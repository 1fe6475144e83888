// What a lowered instruction is.
import type { HostArray } from '../dtype.ts';
import type { Element } from './element.ts';

/** What a run supplies: an array for each of the program's buffers, and the params. */
export interface Frame {
  readonly arrays: readonly HostArray[];
  readonly params: readonly Element[];
}

/** One instruction over the first `count` lanes of its registers. */
export type Step = (count: number, frame: Frame) => void;
