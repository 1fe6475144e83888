// Tiles that do not lie contiguously in the result.

import { type Expression, type FunctionBuilder, i32, type Local } from '../wasm/index.ts';
import { scratchTileVectors } from './descriptor.ts';
import type { Lanes } from './lanes.ts';

type I32 = Expression<'i32'>;

/** Whether a table holds `count` consecutive numbers. */
export function isRun(table: I32, count: number): I32 {
  let condition: I32 = i32.constant(1);
  for (let index = 1; index < count; index++) {
    condition = i32.and(condition, i32.eq(i32.sub(i32.load(table, index * 4), i32.load(table)), index));
  }
  return condition;
}

export interface ScatteredTile {
  readonly scratch: I32;
  readonly height: I32;
  readonly width: I32;
  readonly result: I32;
  readonly rowTable: I32;
  readonly columnTable: I32;
  readonly accumulate: I32;
}

/** Brings a tile from scratch to where its elements belong. */
export function scatterTile(code: FunctionBuilder, lanes: Lanes, tile: ScatteredTile): void {
  const { elementBytes, elementShift, count } = lanes;
  const pitch = scratchTileVectors * count * elementBytes;
  code.scope(() => {
    const from = code.local('i32');
    const rowTarget = code.local('i32');
    const columnTable = code.local('i32', tile.columnTable);
    const rowTable = code.local('i32', tile.rowTable);
    const tileRow = code.local('i32', tile.scratch);
    const offsets = code.locals('i32', count);
    const vector = code.local(lanes.vectorType);
    const columnEnd = code.local('i32', i32.add(columnTable, i32.shl(tile.width, 2)));
    const rowEnd = code.local('i32', i32.add(rowTable, i32.shl(tile.height, 2)));
    /** The elements of as many columns as there are offsets, row by row. */
    const rows = (targets: readonly Local<'i32'>[]): void => {
      for (const [at, offset] of targets.entries())
        code.set(offset, i32.shl(i32.load(columnTable, at * 4), elementShift));
      code.set(rowTable, tile.rowTable);
      code.set(from, tileRow);
      code.walk(rowTable, rowEnd, 4, () => {
        code.set(rowTarget, i32.add(tile.result, i32.shl(i32.load(rowTable), elementShift)));
        if (targets.length === count) code.set(vector, lanes.load(from));
        const element = (at: number): ReturnType<typeof lanes.load> =>
          targets.length === count ? lanes.extractLane(vector, at) : lanes.loadElement(from);
        const store = (change: (at: number, target: I32) => ReturnType<typeof lanes.load>): void => {
          for (const [at, offset] of targets.entries()) {
            const target = i32.add(rowTarget, offset);
            code.emit(lanes.storeElement(target, change(at, target)));
          }
        };
        code.if(
          tile.accumulate,
          () => store((at, target) => lanes.addElements(lanes.loadElement(target), element(at))),
          () => store(element),
        );
        code.increment(from, pitch);
      });
      code.increment(columnTable, targets.length * 4);
      code.increment(tileRow, targets.length * elementBytes);
    };
    code.while(
      () => i32.leU(i32.add(columnTable, count * 4), columnEnd),
      () => rows(offsets),
    );
    if (count > 1) {
      code.while(
        () => i32.ltU(columnTable, columnEnd),
        () => rows(offsets.slice(0, 1)),
      );
    }
  });
}
