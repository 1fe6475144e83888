// The kernels of one element type: packing of the right operand, and the tasks that compute the result.

import {
  type Callable,
  type Expression,
  type FunctionBuilder,
  i32,
  type Local,
  ModuleBuilder,
  select,
} from '../wasm/index.ts';
import { leftKinds, scratchTileVectors, tileRows, tileVectors, word } from './descriptor.ts';
import { emitDirectTiles } from './direct-tile.ts';
import { batchStart, field } from './fields.ts';
import type { Lanes } from './lanes.ts';
import { emitTile } from './micro-kernel.ts';
import { emitPack } from './pack.ts';
import { emitVector } from './vector-kernel.ts';

type I32 = Expression<'i32'>;

/** Exports of the module, by number. */
export const entry = { packRight: 0, compute: 1, vector: 2, packLeft: 3 } as const;

export interface MemoryLimits {
  readonly shared: boolean;
  readonly maximumPages: number;
}

export function buildGemmModule(lanes: Lanes, memory: MemoryLimits): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory({
    module: 'env',
    name: 'memory',
    minimum: 1,
    maximum: memory.maximumPages,
    shared: memory.shared,
  });
  const tileColumns = tileVectors * lanes.count;
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
  const packLeft = numbers(tileRows).map((width) => emitPack(module, lanes, width, width));
  const packRight = numbers(tileColumns).map((width) => emitPack(module, lanes, width, tileColumns));
  const tiles = leftKinds.flatMap((leftKind) =>
    numbers(tileRows).flatMap((rows) =>
      numbers(tileVectors).map((vectors) => emitTile(module, lanes, rows, vectors, leftKind)),
    ),
  );
  const directTiles = numbers(tileRows).map((rows) => emitDirectTiles(module, lanes, rows));
  const parts: Parts = { lanes, tileColumns, packLeft, packRight, tiles, directTiles };
  emitPackRight(module, parts);
  emitPackLeft(module, parts);
  emitCompute(module, parts);
  emitVector(module, lanes, packLeft[0], `k${entry.vector}`);
  return module.build();
}

interface Parts {
  readonly lanes: Lanes;
  readonly tileColumns: number;
  readonly packLeft: readonly Callable[];
  readonly packRight: readonly Callable[];
  /** By kind of the left operand, then rows - 1, then vectors - 1. */
  readonly tiles: readonly Callable[];
  /** Those that read the right operand in place, by rows - 1, then vectors - 1. */
  readonly directTiles: readonly (readonly Callable[])[];
}

/** Packs whole panels of the right operand: items are batch * panels + panel. */
function emitPackRight(module: ModuleBuilder, { lanes, tileColumns, packRight }: Parts): void {
  module.function(
    ['i32', 'i32', 'i32', 'i32'],
    [],
    (code, descriptor, begin, end) => {
      const columns = code.local('i32', field(descriptor, 'columns'));
      const inner = code.local('i32', field(descriptor, 'inner'));
      const panels = code.local('i32', i32.divU(i32.add(columns, tileColumns - 1), tileColumns));
      const batch = code.local('i32');
      const panel = code.local('i32');
      const width = code.local('i32');
      code.for(begin, end, (item) => {
        code.set(batch, i32.divU(item, panels));
        code.set(panel, i32.sub(item, i32.mul(batch, panels)));
        const first = code.local('i32', i32.mul(panel, tileColumns));
        code.set(width, minimum(i32.sub(columns, first), i32.constant(tileColumns)));
        const operands = [
          batchStart(descriptor, 'rightBase', 'rightBatch', batch, lanes.elementShift),
          i32.add(field(descriptor, 'rightColumns'), i32.shl(first, 2)),
          field(descriptor, 'rightInner'),
          inner,
          i32.add(
            i32.add(field(descriptor, 'packedRight'), i32.mul(batch, field(descriptor, 'packedRightBytes'))),
            i32.mul(i32.mul(first, inner), lanes.elementBytes),
          ),
        ];
        callByWidth(code, packRight, width, operands);
      });
    },
    `k${entry.packRight}`,
  );
}

/** Packs row panels of the left operand, all rows being one task's: items are (batch * blocks + block) * panels + panel. */
function emitPackLeft(module: ModuleBuilder, { lanes, packLeft }: Parts): void {
  const { elementBytes, elementShift } = lanes;
  module.function(
    ['i32', 'i32', 'i32', 'i32'],
    [],
    (code, descriptor, begin, end) => {
      const rows = code.local('i32', field(descriptor, 'rows'));
      const inner = code.local('i32', field(descriptor, 'inner'));
      const innerBlock = code.local('i32', field(descriptor, 'innerBlock'));
      const blocks = code.local('i32', i32.divU(i32.add(inner, i32.sub(innerBlock, 1)), innerBlock));
      const { panels, rowsPerPanel, longPanels } = rowPanels(code, rows);
      const [rest, batch, panel, start, block, row, height] = code.locals('i32', 7);
      code.for(begin, end, (item) => {
        code.set(rest, i32.divU(item, panels));
        code.set(panel, i32.sub(item, i32.mul(rest, panels)));
        code.set(batch, i32.divU(rest, blocks));
        code.set(start, i32.mul(i32.sub(rest, i32.mul(batch, blocks)), innerBlock));
        code.set(block, minimum(i32.sub(inner, start), innerBlock));
        code.set(row, i32.add(i32.mul(panel, rowsPerPanel), minimum(panel, longPanels)));
        code.set(height, i32.add(rowsPerPanel, i32.ltS(panel, longPanels)));
        const elements = i32.add(i32.mul(start, rows), i32.mul(row, block));
        callByWidth(code, packLeft, height, [
          batchStart(descriptor, 'leftBase', 'leftBatch', batch, elementShift),
          i32.add(field(descriptor, 'leftRows'), i32.shl(row, 2)),
          i32.add(field(descriptor, 'leftInner'), i32.shl(start, 2)),
          block,
          i32.add(packedLeftOf(descriptor, batch), i32.mul(elements, elementBytes)),
        ]);
      });
    },
    `k${entry.packLeft}`,
  );
}

/** Where a batch's packed left operand begins. */
function packedLeftOf(descriptor: I32, batch: I32): I32 {
  return i32.add(field(descriptor, 'packedLeft'), i32.mul(batch, field(descriptor, 'packedLeftBytes')));
}

interface RowPanels {
  readonly panels: Local<'i32'>;
  readonly rowsPerPanel: Local<'i32'>;
  /** The first so many panels have a row more. */
  readonly longPanels: Local<'i32'>;
}

/** Heights differ by one at most, so that no panel is nearly empty. */
function rowPanels(code: FunctionBuilder, rows: I32): RowPanels {
  const panels = code.local('i32', i32.divU(i32.add(rows, tileRows - 1), tileRows));
  const rowsPerPanel = code.local('i32', i32.divU(rows, panels));
  const longPanels = code.local('i32', i32.sub(rows, i32.mul(rowsPerPanel, panels)));
  return { panels, rowsPerPanel, longPanels };
}

const minimum = (left: I32, right: I32): I32 => select(i32.ltS(left, right), left, right);

/** Calls choices[width - 1]. */
function callByWidth(
  code: FunctionBuilder,
  choices: readonly Callable[],
  width: I32,
  operands: readonly I32[],
): void {
  code.switch(
    i32.sub(width, 1),
    choices.map((choice) => () => code.call(choice, operands)),
  );
}

/** Computes tasks of the result: items are (batch * rowTasks + rowTask) * columnTasks + columnTask. */
function emitCompute(module: ModuleBuilder, parts: Parts): void {
  const { lanes, tileColumns } = parts;
  const { elementBytes, elementShift } = lanes;
  module.function(
    ['i32', 'i32', 'i32', 'i32'],
    [],
    (code, descriptor, begin, end, thread) => {
      const load = (name: keyof typeof word): Local<'i32'> => code.local('i32', field(descriptor, name));
      const rowTasks = load('rowTasks');
      const columnTasks = load('columnTasks');
      const inner = load('inner');
      const packedRight = load('packedRight');
      const columnRun = load('columnRun');
      const leftKind = load('leftKind');
      const leftRows = load('leftRows');
      const leftPitch = load('leftPitch');
      const hasLeftRows = code.local('i32', i32.eq(leftKind, leftKinds.indexOf('rows')));
      const firstTile = code.local('i32', i32.sub(i32.mul(leftKind, tileRows * tileVectors), 2));
      const leftAdvance = code.local('i32');
      const scratch = load('scratch');
      code.set(scratch, i32.add(scratch, i32.mul(field(descriptor, 'scratchBytes'), thread)));
      const leftBlock = code.local('i32');
      const packedLeft = load('packedLeft');
      const rightPanel = code.local('i32', i32.add(scratch, field(descriptor, 'rightPanelOffset')));
      const [batch, rowStart, columnStart, rows, columnEnd] = code.locals('i32', 5);
      const [left, right, result, rightOfBatch] = code.locals('i32', 4);
      const [block, start, accumulate] = code.locals('i32', 3);
      const [panels, rowsPerPanel, longPanels] = code.locals('i32', 3);
      const [row, panel, height, leftPointer, rightPointer] = code.locals('i32', 5);
      const [column, width, isContiguous, resultColumn] = code.locals('i32', 4);

      /** Walks the row panels of the task. */
      const forEachRowPanel = (body: () => void): void => {
        code.set(row, rowStart);
        code.set(panel, 0);
        code.set(leftPointer, leftBlock);
        code.countUp(panel, panels, 1, () => {
          code.set(height, i32.add(rowsPerPanel, i32.ltS(panel, longPanels)));
          body();
          code.set(leftPointer, i32.add(leftPointer, i32.mul(height, leftAdvance)));
          code.set(row, i32.add(row, height));
        });
      };

      code.for(begin, end, (task) => {
        const rest = code.local('i32', i32.divU(task, columnTasks));
        const columnTask = i32.sub(task, i32.mul(rest, columnTasks));
        code.set(columnStart, i32.mul(columnTask, field(descriptor, 'taskColumns')));
        code.set(
          columnEnd,
          minimum(i32.add(columnStart, field(descriptor, 'taskColumns')), field(descriptor, 'columns')),
        );
        code.set(batch, i32.divU(rest, rowTasks));
        code.set(rowStart, i32.mul(i32.sub(rest, i32.mul(batch, rowTasks)), field(descriptor, 'taskRows')));
        code.set(rows, minimum(i32.sub(field(descriptor, 'rows'), rowStart), field(descriptor, 'taskRows')));
        const heights = rowPanels(code, rows);
        code.set(panels, heights.panels);
        code.set(rowsPerPanel, heights.rowsPerPanel);
        code.set(longPanels, heights.longPanels);
        code.set(left, batchStart(descriptor, 'leftBase', 'leftBatch', batch, elementShift));
        code.set(right, batchStart(descriptor, 'rightBase', 'rightBatch', batch, elementShift));
        code.set(result, batchStart(descriptor, 'resultBase', 'resultBatch', batch, elementShift));
        code.set(rightOfBatch, i32.add(packedRight, i32.mul(batch, field(descriptor, 'packedRightBytes'))));
        code.set(accumulate, field(descriptor, 'accumulate'));
        code.set(start, 0);
        // At least one round: with nothing to add up, the result is still to be set to zero.
        code.loop((nextBlock) => {
          code.set(block, minimum(i32.sub(inner, start), field(descriptor, 'innerBlock')));
          code.if(
            leftKind,
            () => {
              const first = i32.load(i32.add(field(descriptor, 'leftInner'), i32.shl(start, 2)));
              const rowOffset = i32.load(i32.add(leftRows, i32.shl(rowStart, 2)));
              const isByColumns = i32.eqz(hasLeftRows);
              const offset = i32.add(first, i32.mul(rowOffset, isByColumns));
              code.set(leftBlock, i32.add(left, i32.shl(offset, elementShift)));
              code.set(leftAdvance, i32.shl(isByColumns, elementShift));
            },
            () => {
              code.set(leftAdvance, i32.mul(block, elementBytes));
              code.if(
                packedLeft,
                () => {
                  const before = i32.mul(i32.mul(start, rows), elementBytes);
                  code.set(leftBlock, i32.add(packedLeftOf(descriptor, batch), before));
                },
                () => {
                  code.set(leftBlock, i32.add(scratch, field(descriptor, 'leftBlockOffset')));
                  forEachRowPanel(() => {
                    callByWidth(code, parts.packLeft, height, [
                      left,
                      i32.add(field(descriptor, 'leftRows'), i32.shl(row, 2)),
                      i32.add(field(descriptor, 'leftInner'), i32.shl(start, 2)),
                      block,
                      leftPointer,
                    ]);
                  });
                },
              );
            },
          );
          code.set(column, columnStart);
          const scatter = (rowTable: I32, columnTable: I32): void => {
            scatterTile(code, lanes, { scratch, height, width, result, rowTable, columnTable, accumulate });
          };
          code.if(
            columnRun,
            () => {
              const until = (run: I32): I32 => i32.sub(run, i32.remU(column, run));
              code.while(
                () => i32.ltS(column, columnEnd),
                () => {
                  code.set(width, minimum(until(columnRun), i32.sub(columnEnd, column)));
                  code.set(width, minimum(width, field(descriptor, 'directColumns')));
                  const columnTable = i32.add(field(descriptor, 'resultColumns'), i32.shl(column, 2));
                  const isWhole = i32.eqz(i32.and(width, lanes.count - 1));
                  code.set(
                    isContiguous,
                    i32.and(isWhole, i32.leS(width, until(field(descriptor, 'resultRun')))),
                  );
                  code.set(resultColumn, i32.add(result, i32.shl(i32.load(columnTable), elementShift)));
                  const first = i32.load(i32.add(field(descriptor, 'rightColumns'), i32.shl(column, 2)));
                  code.set(rightPointer, i32.add(right, i32.shl(first, elementShift)));
                  const innerTable = i32.add(field(descriptor, 'rightInner'), i32.shl(start, 2));
                  const vectors = i32.divU(i32.sub(width, 1), lanes.count);
                  forEachRowPanel(() => {
                    const rowTable = i32.add(field(descriptor, 'resultRows'), i32.shl(row, 2));
                    const target = code.local('i32', select(isContiguous, resultColumn, scratch));
                    const table = select(isContiguous, rowTable, i32.add(descriptor, word.tileRows * 4));
                    const operands = [
                      block,
                      leftPointer,
                      rightPointer,
                      innerTable,
                      target,
                      table,
                      i32.and(isContiguous, accumulate),
                    ];
                    code.switch(
                      i32.sub(height, 1),
                      parts.directTiles.map((tiles) => () => {
                        code.switch(
                          vectors,
                          tiles.map((tile) => () => code.call(tile, operands)),
                        );
                      }),
                    );
                    code.if(i32.eqz(isContiguous), () => scatter(rowTable, columnTable));
                  });
                  code.set(column, i32.add(column, width));
                },
              );
            },
            () => {
              code.countUp(column, columnEnd, tileColumns, () => {
                code.set(width, minimum(i32.sub(columnEnd, column), i32.constant(tileColumns)));
                code.if(
                  packedRight,
                  () => {
                    const position = i32.add(i32.mul(column, inner), i32.mul(start, tileColumns));
                    code.set(rightPointer, i32.add(rightOfBatch, i32.shl(position, elementShift)));
                  },
                  () => {
                    code.set(rightPointer, rightPanel);
                    callByWidth(code, parts.packRight, width, [
                      right,
                      i32.add(field(descriptor, 'rightColumns'), i32.shl(column, 2)),
                      i32.add(field(descriptor, 'rightInner'), i32.shl(start, 2)),
                      block,
                      rightPanel,
                    ]);
                  },
                );
                const columnTable = i32.add(field(descriptor, 'resultColumns'), i32.shl(column, 2));
                code.set(isContiguous, 0);
                code.if(i32.eq(width, tileColumns), () => {
                  code.set(isContiguous, isRun(columnTable, tileColumns));
                });
                code.set(resultColumn, i32.add(result, i32.shl(i32.load(columnTable), elementShift)));
                const wide = code.local('i32', i32.gtS(width, lanes.count));
                forEachRowPanel(() => {
                  const rowTable = i32.add(field(descriptor, 'resultRows'), i32.shl(row, 2));
                  const leftTable = i32.add(leftRows, i32.shl(row, 2));
                  const leftStep = select(hasLeftRows, leftTable, leftPitch);
                  const callTile = (target: I32, table: I32, mode: I32): void => {
                    code.switch(
                      i32.add(firstTile, i32.add(i32.shl(height, 1), wide)),
                      parts.tiles.map((tile) => () => {
                        code.call(tile, [block, leftPointer, rightPointer, target, table, mode, leftStep]);
                      }),
                    );
                  };
                  code.if(
                    isContiguous,
                    () => callTile(resultColumn, rowTable, accumulate),
                    () => {
                      callTile(scratch, i32.add(descriptor, word.tileRows * 4), i32.constant(0));
                      scatter(rowTable, columnTable);
                    },
                  );
                });
              });
            },
          );
          code.set(accumulate, 1);
          code.set(start, i32.add(start, block));
          code.branchIf(nextBlock, i32.ltS(start, inner));
        });
      });
    },
    `k${entry.compute}`,
  );
}

/** Whether a table holds `count` consecutive numbers. */
function isRun(table: I32, count: number): I32 {
  let condition: I32 = i32.constant(1);
  for (let index = 1; index < count; index++) {
    condition = i32.and(condition, i32.eq(i32.sub(i32.load(table, index * 4), i32.load(table)), index));
  }
  return condition;
}

interface ScatteredTile {
  readonly scratch: I32;
  readonly height: I32;
  readonly width: I32;
  readonly result: I32;
  readonly rowTable: I32;
  readonly columnTable: I32;
  readonly accumulate: I32;
}

/** Brings a tile from scratch to where its elements belong. */
function scatterTile(code: FunctionBuilder, lanes: Lanes, tile: ScatteredTile): void {
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
      code.countUp(rowTable, rowEnd, 4, () => {
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
