// The words through which threads speak to each other. The worker's source is a string and repeats these numbers
// through interpolation, so they are written down once.

/** Indices of 32-bit words in the control block. */
export const controlWord = {
  /** Raised with each job; idle workers sleep on it. */
  generation: 0,
  /** One while a job may be entered. */
  open: 1,
  /** Workers inside the present job (or just looking whether there is one). */
  active: 2,
  /** The next item that nobody has taken. */
  next: 3,
  items: 4,
  grain: 5,
  /** Set by a worker whose kernel trapped. */
  failed: 6,
  /** Workers that are up. */
  ready: 7,
  /** One when workers must end. */
  stop: 8,
  /** Addresses of the job's calls, and of its pieces, or 0 where each call runs on each run of items. */
  calls: 9,
  callCount: 10,
  pieces: 11,
  /** Workers that sleep, or are about to: whoever raises the generation after this has to wake them. */
  sleepers: 12,
} as const;

export const controlBytes: number = 16 * 4;

/** Indices of 32-bit words of a call. */
export const callWord = {
  /** Where a worker keeps the module, and which module that is: slots are used again. */
  slot: 0,
  serial: 1,
  bytesAddress: 2,
  bytesLength: 3,
  entry: 4,
  arguments: 5,
  /** Items of the call for each of the job's. */
  scale: 6,
  /** All of the call's items. */
  items: 7,
} as const;

export const wordsPerCall = 8;

/** Indices of 32-bit words of a piece: items [begin, end) of one call. */
export const pieceWord = { call: 0, begin: 1, end: 2 } as const;

export const wordsPerPiece = 3;
