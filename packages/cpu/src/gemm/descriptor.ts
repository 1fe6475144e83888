// One multiplication's description in memory, as JavaScript writes it and the kernels read it.
//
// The operands are scatter matrices (Matthews 2018, "High-performance tensor contraction without transposition"):
// element (i, j) lies at base + table_of_rows[i] + table_of_columns[j], in elements. Any strides, transpositions, and
// the overlapping windows of a convolution are tables, so that one routine covers them all.

/** Indices of 32-bit words. */
export const word = {
  /** Addresses of the three operands, in bytes. */
  leftBase: 0,
  rightBase: 1,
  resultBase: 2,
  /** Addresses of tables of element offsets. */
  leftRows: 3,
  leftInner: 4,
  rightInner: 5,
  rightColumns: 6,
  resultRows: 7,
  resultColumns: 8,
  leftBatch: 9,
  rightBatch: 10,
  resultBatch: 11,
  rows: 12,
  columns: 13,
  inner: 14,
  /** One to add to the result, zero to replace it. */
  accumulate: 15,
  /** A task is `taskRows` x `taskColumns` of one batch's result; rowTasks x columnTasks of them cover it. */
  rowTasks: 16,
  taskRows: 17,
  columnTasks: 18,
  taskColumns: 19,
  /** Address of the packed right operand, or 0 when each task packs its own part as it goes. */
  packedRight: 20,
  /** Bytes of one batch's packed right operand. */
  packedRightBytes: 21,
  /** Scratch space: thread t's begins at scratch + t * scratchBytes. */
  scratch: 22,
  scratchBytes: 23,
  /** Where in a thread's scratch the packed left block, and the packed panels of the right operand begin. */
  leftBlockOffset: 24,
  rightPanelsOffset: 25,
  /** How much of the inner dimension is packed at a time. */
  innerBlock: 26,
  /** How tiles find the left operand: a number of `leftKinds`; and from one inner position to the next, in bytes. */
  leftKind: 27,
  leftPitch: 39,
  /** Address of the packed left operand, or 0 when each task packs its own part as it goes; one batch's bytes. */
  packedLeft: 34,
  packedLeftBytes: 35,
  /** Columns that lie side by side in the right operand where it is read in place, else 0. */
  columnRun: 36,
  /** Columns that lie side by side in the result and in the right operand, or `unbounded` where all do. */
  resultRun: 37,
  rightRun: 41,
  /** Columns of the widest tile that reads the right operand in place. */
  directColumns: 38,
  /** Columns whose panels are used, and where each task packs its own are packed, together: a multiple of a panel's. */
  groupColumns: 40,
  /** Offsets of the rows of a tile in scratch, for tiles that do not lie contiguously in the result. */
  tileRows: 28,
} as const;

/** Longer than any axis. */
export const unbounded = 0x7fffffff;

export const descriptorBytes = 192;

/**
 * The left operand of a tile: packed, rows side by side for each inner position; or in place, with adjacent inner
 * positions (`rows`), or with adjacent rows and inner positions that are equally far apart (`columns`).
 */
export const leftKinds = ['packed', 'rows', 'columns'] as const;
export type LeftKind = (typeof leftKinds)[number];

/** Rows and vectors of a register tile: 12 accumulators, 2 vectors of the right, 1 of the left: 15 registers. */
export const tileRows = 6;
export const tileVectors = 2;

/** Panels of the right operand that are packed together where their columns lie side by side: two lines of the cache. */
export const panelsTogether = 4;

/** A thread's scratch begins with a tile that is scattered to the result; vectors from one of its rows to the next. */
export const scratchTileVectors = 8;
export const tileBytes: number = tileRows * scratchTileVectors * 16;
