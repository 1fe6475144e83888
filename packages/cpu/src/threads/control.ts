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
  callCount: 9,
  /** Then four words a call: module id, address and length of the module's bytes, entry; and in a fifth, arguments. */
  calls: 16,
} as const;

export const wordsPerCall = 5;
export const maximumCalls = 8;
export const controlBytes: number = (controlWord.calls + wordsPerCall * maximumCalls) * 4;
