// The register tile: `rows` x `vectors` accumulators stay in registers while the inner dimension runs.

import { type Callable, type FunctionBuilder, i32, type Local, type ModuleBuilder } from '../wasm/index.ts';
import { type LeftKind, tileVectors } from './descriptor.ts';
import type { Lanes } from './lanes.ts';

/** Inner positions per round: loop overhead is spread over them, and offsets are immediates. */
const unrolls: Readonly<Record<LeftKind, number>> = { packed: 4, rows: 2, columns: 2 };

/**
 * Emits tile(count, left, right, result, rowTable, accumulate, leftStep): `right` is packed `tileVectors` vectors wide;
 * row r of the tile begins at result + rowTable[r] elements and lies contiguously. `left` is packed `rows` wide; or row
 * r of it is contiguous from left + leftStep[r] elements on, a table; or its inner positions are leftStep bytes apart.
 */
export function emitTile(
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
    ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    [],
    (code, count, left, right, result, rowTable, accumulate, leftStep) => {
      const accumulators: Local[][] = Array.from({ length: rows }, () =>
        code.locals(lanes.vectorType, vectors),
      );
      for (const local of accumulators.flat()) code.set(local, lanes.zero);
      const columns = code.locals(lanes.vectorType, vectors);
      const element = code.local(lanes.vectorType);
      // One pointer goes from position to position, or each row has one.
      const hasRows = leftKind === 'rows';
      const pointers = hasRows
        ? accumulators.map((_, row) =>
            code.local('i32', i32.add(left, i32.shl(i32.load(leftStep, row * 4), elementShift))),
          )
        : [left];
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
        if (leftKind === 'columns') code.set(left, i32.add(left, leftStep));
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
      const end = code.local('i32', i32.add(right, i32.mul(i32.and(count, -unroll), rightPitch)));
      loopTo(end, unroll);
      code.set(end, i32.add(right, i32.mul(i32.and(count, unroll - 1), rightPitch)));
      loopTo(end, 1);

      storeTile(code, lanes, { sums: accumulators, result, rowTable, accumulate });
    },
  );
}

interface Tile {
  /** Row by row, the vectors of its columns. */
  readonly sums: readonly (readonly Local[])[];
  readonly result: Local<'i32'>;
  readonly rowTable: Local<'i32'>;
  readonly accumulate: Local<'i32'>;
}

/** Stores a tile, or adds it to what is there: row r lies contiguously from result + rowTable[r] elements on. */
export function storeTile(
  code: FunctionBuilder,
  lanes: Lanes,
  { sums, result, rowTable, accumulate }: Tile,
): void {
  const vectorBytes = lanes.count * lanes.elementBytes;
  const pointers = sums.map((_, row) =>
    code.local('i32', i32.add(result, i32.shl(i32.load(rowTable, row * 4), lanes.elementShift))),
  );
  code.if(accumulate, () => {
    for (const [row, line] of sums.entries()) {
      for (const [at, sum] of line.entries())
        code.set(sum, lanes.add(sum, lanes.load(pointers[row], at * vectorBytes)));
    }
  });
  for (const [row, line] of sums.entries()) {
    for (const [at, sum] of line.entries()) code.emit(lanes.store(pointers[row], sum, at * vectorBytes));
  }
}
