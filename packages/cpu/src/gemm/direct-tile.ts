// Register tiles that read the right operand in place: where few rows meet it, packing takes longer than what it saves.

import { type Callable, i32, type Local, type ModuleBuilder } from '../wasm/index.ts';
import type { Lanes } from './lanes.ts';
import { rowStarts, storeTile } from './micro-kernel.ts';

/** Inner positions per round. */
const unroll = 2;

/**
 * The most vectors of columns of a tile, by rows - 1: 8 to 12 accumulators, so that additions do not wait for each
 * other, and 16 registers suffice.
 */
const widest: readonly number[] = [8, 4, 3, 2, 2, 2];

/** The most vectors of columns of tiles with that many rows. */
export function directVectors(rows: number): number {
  return widest[rows - 1];
}

/** Tiles of one number of rows, by vectors of columns - 1. */
export function emitDirectTiles(module: ModuleBuilder, lanes: Lanes, rows: number): readonly Callable[] {
  return Array.from({ length: directVectors(rows) }, (_, at) => emitDirectTile(module, lanes, rows, at + 1));
}

/**
 * Emits tile(count, left, right, inner, result, rowTable, accumulate): `left` is packed `rows` wide; the columns of the
 * right operand lie side by side from `right` on, and `inner` is a table of its inner positions' offsets; row r of the
 * tile begins at result + rowTable[r] elements and lies contiguously.
 */
function emitDirectTile(module: ModuleBuilder, lanes: Lanes, rows: number, vectors: number): Callable {
  const { elementBytes, elementShift } = lanes;
  const vectorBytes = lanes.count * elementBytes;
  const leftPitch = rows * elementBytes;
  return module.function(
    ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    [],
    (code, count, left, right, inner, result, rowTable, accumulate) => {
      const sums: Local[][] = Array.from({ length: rows }, () => code.locals(lanes.vectorType, vectors));
      for (const local of sums.flat()) code.set(local, lanes.zero);
      // The shorter side of the tile is held in registers, the other one comes element by element.
      const held = code.locals(lanes.vectorType, Math.min(rows, vectors));
      const passing = code.local(lanes.vectorType);
      const from = code.local('i32');
      const step = (position: number): void => {
        code.set(from, i32.add(right, i32.shl(i32.load(inner, position * 4), elementShift)));
        const column = (at: number): ReturnType<typeof lanes.load> => lanes.load(from, at * vectorBytes);
        const row = (at: number): ReturnType<typeof lanes.load> =>
          lanes.loadSplat(left, position * leftPitch + at * elementBytes);
        const isRowHeld = rows < vectors;
        for (const [at, local] of held.entries()) code.set(local, isRowHeld ? row(at) : column(at));
        for (let other = 0; other < Math.max(rows, vectors); other++) {
          code.set(passing, isRowHeld ? column(other) : row(other));
          for (const [at, local] of held.entries()) {
            const sum = isRowHeld ? sums[at][other] : sums[other][at];
            code.set(sum, lanes.multiplyAdd(passing, local, sum));
          }
        }
      };
      const loopTo = (end: Local<'i32'>, positions: number): void => {
        code.while(
          () => i32.ne(left, end),
          () => {
            for (let position = 0; position < positions; position++) step(position);
            code.increment(left, positions * leftPitch);
            code.increment(inner, positions * 4);
          },
        );
      };
      const end = code.local('i32', i32.add(left, i32.mul(i32.and(count, -unroll), leftPitch)));
      loopTo(end, unroll);
      code.set(end, i32.add(left, i32.mul(i32.and(count, unroll - 1), leftPitch)));
      loopTo(end, 1);

      storeTile(code, lanes, { sums, rows: rowStarts(code, lanes, rows, result, rowTable), accumulate });
    },
  );
}
