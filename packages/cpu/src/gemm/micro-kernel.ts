// The register tile: `rows` x `vectors` accumulators stay in registers while the inner dimension runs.

import { type Callable, type FunctionBuilder, i32, type Local, type ModuleBuilder } from '../wasm/index.ts';
import { tileVectors } from './descriptor.ts';
import type { Lanes } from './lanes.ts';

/** Inner positions per round: loop overhead is spread over them, and offsets are immediates. */
const unroll = 4;

/** How a tile finds its rows of the left operand. */
export type LeftKind = 'packed' | 'inPlace';

/**
 * Emits tile(count, left, right, result, rowTable, accumulate, leftTable): `right` is packed `tileVectors` vectors wide;
 * row r of the tile begins at result + rowTable[r] elements and lies contiguously. `left` is packed `rows` wide, or in
 * place: row r contiguous from left + leftTable[r] elements on.
 */
export function emitTile(
  module: ModuleBuilder,
  lanes: Lanes,
  rows: number,
  vectors: number,
  leftKind: LeftKind,
): Callable {
  const { elementBytes, elementShift } = lanes;
  const vectorBytes = lanes.count * elementBytes;
  const rightPitch = tileVectors * vectorBytes;
  return module.function(
    ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    [],
    (code, count, left, right, result, rowTable, accumulate, leftTable) => {
      const accumulators: Local[][] = Array.from({ length: rows }, () =>
        code.locals(lanes.vectorType, vectors),
      );
      for (const local of accumulators.flat()) code.set(local, lanes.zero);
      const columns = code.locals(lanes.vectorType, vectors);
      const element = code.local(lanes.vectorType);
      // Packed, one pointer goes from position to position; in place, each row has one.
      const isPacked = leftKind === 'packed';
      const pointers = isPacked
        ? [left]
        : accumulators.map((_, row) =>
            code.local('i32', i32.add(left, i32.shl(i32.load(leftTable, row * 4), elementShift))),
          );
      const leftPitch = (isPacked ? rows : 1) * elementBytes;
      const loadLeft = (position: number, row: number): ReturnType<typeof lanes.loadSplat> =>
        isPacked
          ? lanes.loadSplat(left, position * leftPitch + row * elementBytes)
          : lanes.loadSplat(pointers[row], position * leftPitch);

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
      };
      const loopTo = (end: Local<'i32'>, positions: number): void => {
        code.while(
          () => i32.ne(right, end),
          () => {
            for (let position = 0; position < positions; position++) step(position);
            for (const pointer of pointers) code.increment(pointer, positions * leftPitch);
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
