// The register tile: `rows` x `vectors` accumulators stay in registers while the inner dimension runs.

import {
  type Callable,
  type Expression,
  type FunctionBuilder,
  i32,
  type Local,
  type ModuleBuilder,
} from '../wasm/index.ts';
import { type LeftKind, tileVectors } from './descriptor.ts';
import type { Lanes } from './lanes.ts';

/** Inner positions per round: loop overhead is spread over them, and offsets are immediates. */
const unrolls: Readonly<Record<LeftKind, number>> = { packed: 4, rows: 4, columns: 2 };

/**
 * Emits strip(count, left, right, result, rowTable, accumulate, leftStep, tiles, rightGap), which computes so many tiles
 * side by side: `right` is packed in panels of `tileVectors` vectors, `rightGap` bytes between them; row r of the strip
 * begins at result + rowTable[r] elements and lies contiguously. `left` is packed `rows` wide; or row r of it is
 * contiguous from left + leftStep[r] elements on, a table; or its inner positions are leftStep bytes apart.
 */
export function emitStrip(
  module: ModuleBuilder,
  lanes: Lanes,
  rows: number,
  vectors: number,
  leftKind: LeftKind,
): Callable {
  const { elementBytes, elementShift } = lanes;
  const unroll = unrolls[leftKind];
  const vectorBytes = lanes.count * elementBytes;
  const rightPitch = tileVectors * vectorBytes;
  return module.function(
    ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    [],
    (code, count, left, right, result, rowTable, accumulate, leftStep, tiles, rightGap) => {
      const accumulators: Local[][] = Array.from({ length: rows }, () =>
        code.locals(lanes.vectorType, vectors),
      );
      const columns = code.locals(lanes.vectorType, vectors);
      const element = code.local(lanes.vectorType);
      // One pointer goes from position to position, or each row has one.
      const hasRows = leftKind === 'rows';
      const pointers = hasRows
        ? accumulators.map((_, row) =>
            code.local('i32', i32.add(left, i32.shl(i32.load(leftStep, row * 4), elementShift))),
          )
        : [code.local('i32')];
      const leftPitch = { packed: rows * elementBytes, rows: elementBytes, columns: 0 }[leftKind];
      const loadLeft = (position: number, row: number): ReturnType<typeof lanes.loadSplat> => {
        const at = hasRows ? 0 : row * elementBytes;
        return lanes.loadSplat(pointers[hasRows ? row : 0], position * leftPitch + at);
      };

      const step = (position: number): void => {
        for (const [index, column] of columns.entries()) {
          code.set(column, lanes.load(right, position * rightPitch + index * vectorBytes));
        }
        for (const [row, sums] of accumulators.entries()) {
          code.set(element, loadLeft(position, row));
          for (const [index, sum] of sums.entries()) {
            code.set(sum, lanes.multiplyAdd(element, columns[index], sum));
          }
        }
        if (leftKind === 'columns') code.increment(pointers[0], leftStep);
      };
      const loopTo = (end: Local<'i32'>, positions: number): void => {
        code.while(
          () => i32.ne(right, end),
          () => {
            for (let position = 0; position < positions; position++) step(position);
            if (leftPitch > 0) for (const pointer of pointers) code.increment(pointer, positions * leftPitch);
            code.increment(right, positions * rightPitch);
          },
        );
      };
      const end = code.local('i32');
      const targets = rowStarts(code, lanes, rows, result, rowTable);
      code.for(0, tiles, () => {
        for (const local of accumulators.flat()) code.set(local, lanes.zero);
        if (!hasRows) code.set(pointers[0], left);
        code.set(end, i32.add(right, i32.mul(i32.and(count, -unroll), rightPitch)));
        loopTo(end, unroll);
        code.set(end, i32.add(right, i32.mul(i32.and(count, unroll - 1), rightPitch)));
        loopTo(end, 1);
        storeTile(code, lanes, { sums: accumulators, rows: targets, accumulate });
        if (hasRows)
          for (const pointer of pointers) code.set(pointer, i32.sub(pointer, i32.shl(count, elementShift)));
        for (const target of targets) code.increment(target, vectors * vectorBytes);
        code.increment(right, rightGap);
      });
    },
  );
}

/** Where the rows of a tile begin that lie at result + rowTable[r] elements. */
export function rowStarts(
  code: FunctionBuilder,
  lanes: Lanes,
  rows: number,
  result: Expression<'i32'>,
  rowTable: Expression<'i32'>,
): Local<'i32'>[] {
  return Array.from({ length: rows }, (_, row) =>
    code.local('i32', i32.add(result, i32.shl(i32.load(rowTable, row * 4), lanes.elementShift))),
  );
}

interface Tile {
  /** Row by row, the vectors of its columns. */
  readonly sums: readonly (readonly Local[])[];
  /** Where each row begins; it lies contiguously. */
  readonly rows: readonly Local<'i32'>[];
  readonly accumulate: Local<'i32'>;
}

/** Stores a tile, or adds it to what is there. */
export function storeTile(code: FunctionBuilder, lanes: Lanes, { sums, rows, accumulate }: Tile): void {
  const vectorBytes = lanes.count * lanes.elementBytes;
  code.if(accumulate, () => {
    for (const [row, line] of sums.entries()) {
      for (const [at, sum] of line.entries())
        code.set(sum, lanes.add(sum, lanes.load(rows[row], at * vectorBytes)));
    }
  });
  for (const [row, line] of sums.entries()) {
    for (const [at, sum] of line.entries()) code.emit(lanes.store(rows[row], sum, at * vectorBytes));
  }
}
