// The kernel that computes tasks of the result, tile by tile.

import { type Expression, i32, type Local, type ModuleBuilder, select } from '../wasm/index.ts';
import { leftKinds, tileRows, tileVectors, word } from './descriptor.ts';
import { batchStart, field } from './fields.ts';
import { callByWidth, countPanels, minimum, type Parts, packedLeftOf, rowPanels } from './parts.ts';
import { isRun, scatterTile } from './scatter-tile.ts';

type I32 = Expression<'i32'>;

/** Computes tasks of the result: items are (batch * rowTasks + rowTask) * columnTasks + columnTask. */
export function emitCompute(module: ModuleBuilder, parts: Parts, name: string): void {
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
      const resultRun = load('resultRun');
      const leftKind = load('leftKind');
      const leftRows = load('leftRows');
      const leftPitch = load('leftPitch');
      const hasLeftRows = code.local('i32', i32.eq(leftKind, leftKinds.indexOf('rows')));
      const firstStrip = code.local('i32', i32.sub(i32.mul(leftKind, tileRows * tileVectors), 2));
      const leftAdvance = code.local('i32');
      const scratch = load('scratch');
      code.set(scratch, i32.add(scratch, i32.mul(field(descriptor, 'scratchBytes'), thread)));
      const leftBlock = code.local('i32');
      const packedLeft = load('packedLeft');
      const rightPanels = code.local('i32', i32.add(scratch, field(descriptor, 'rightPanelsOffset')));
      const [batch, rowStart, columnStart, rows, columnEnd] = code.locals('i32', 5);
      const [left, right, result, rightOfBatch] = code.locals('i32', 4);
      const [block, start, accumulate] = code.locals('i32', 3);
      const [panels, rowsPerPanel, longPanels] = code.locals('i32', 3);
      const [row, panel, height, leftPointer, rightPointer] = code.locals('i32', 5);
      const [column, width, isContiguous, resultColumn] = code.locals('i32', 4);
      const [groupEnd, tiles, panelBytes, rightGap] = code.locals('i32', 4);

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
          /** The next tiles whose columns lie side by side in the result, or one tile, which may have to be scattered. */
          const strip = (): void => {
            const columnTable = i32.add(field(descriptor, 'resultColumns'), i32.shl(column, 2));
            const columnsLeft = i32.sub(groupEnd, column);
            countPanels(code, parts, tiles, { table: columnTable, columns: columnsLeft, run: resultRun });
            code.set(isContiguous, tiles);
            code.set(width, minimum(columnsLeft, i32.mul(tiles, tileColumns)));
            code.if(i32.eqz(tiles), () => {
              code.set(tiles, 1);
              code.set(width, minimum(columnsLeft, i32.constant(tileColumns)));
              code.if(i32.eq(width, lanes.count), () =>
                code.set(isContiguous, isRun(columnTable, lanes.count)),
              );
            });
            code.set(resultColumn, i32.add(result, i32.shl(i32.load(columnTable), elementShift)));
            const wide = code.local('i32', i32.gtS(width, lanes.count));
            forEachRowPanel(() => {
              const rowTable = i32.add(field(descriptor, 'resultRows'), i32.shl(row, 2));
              const leftTable = i32.add(leftRows, i32.shl(row, 2));
              const operands = [
                block,
                leftPointer,
                rightPointer,
                select(isContiguous, resultColumn, scratch),
                select(isContiguous, rowTable, i32.add(descriptor, word.tileRows * 4)),
                select(isContiguous, accumulate, i32.constant(0)),
                select(hasLeftRows, leftTable, leftPitch),
                tiles,
                rightGap,
              ];
              code.switch(
                i32.add(firstStrip, i32.add(i32.shl(height, 1), wide)),
                parts.strips.map((each) => () => code.call(each, operands)),
              );
              code.if(i32.eqz(isContiguous), () => scatter(rowTable, columnTable));
            });
            code.increment(rightPointer, i32.mul(tiles, panelBytes));
            code.increment(column, width);
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
                  code.set(isContiguous, i32.and(isWhole, i32.leS(width, until(resultRun))));
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
              code.while(
                () => i32.ltS(column, columnEnd),
                () => {
                  const columnsLeft = i32.sub(columnEnd, column);
                  code.set(
                    groupEnd,
                    i32.add(column, minimum(columnsLeft, field(descriptor, 'groupColumns'))),
                  );
                  code.if(
                    packedRight,
                    () => {
                      const position = i32.add(i32.mul(column, inner), i32.mul(start, tileColumns));
                      code.set(rightPointer, i32.add(rightOfBatch, i32.shl(position, elementShift)));
                      code.set(panelBytes, i32.mul(inner, tileColumns * elementBytes));
                    },
                    () => {
                      code.set(rightPointer, rightPanels);
                      code.set(panelBytes, i32.mul(block, tileColumns * elementBytes));
                      code.call(parts.packColumns, [
                        right,
                        i32.add(field(descriptor, 'rightColumns'), i32.shl(column, 2)),
                        i32.sub(groupEnd, column),
                        field(descriptor, 'rightRun'),
                        i32.add(field(descriptor, 'rightInner'), i32.shl(start, 2)),
                        block,
                        rightPanels,
                        panelBytes,
                      ]);
                    },
                  );
                  code.set(rightGap, i32.sub(panelBytes, i32.mul(block, tileColumns * elementBytes)));
                  code.while(() => i32.ltS(column, groupEnd), strip);
                },
              );
            },
          );
          code.set(accumulate, 1);
          code.set(start, i32.add(start, block));
          code.branchIf(nextBlock, i32.ltS(start, inner));
        });
      });
    },
    name,
  );
}
