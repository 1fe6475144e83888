// One row times a matrix. Nothing is used twice, so that packing would only add traffic: the matrix is read in place,
// once, in the direction in which it is contiguous.

import {
  type Callable,
  type Expression,
  type FunctionBuilder,
  i32,
  i32x4,
  type Local,
  type ModuleBuilder,
  v128,
} from '../wasm/index.ts';
import { batchStart, field } from './fields.ts';
import type { Lanes } from './lanes.ts';
import { minimum } from './parts.ts';

type I32 = Expression<'i32'>;

/** Columns whose dot products run side by side, so that additions do not wait for each other. */
const dotColumns = 4;
/** Positions per round of a dot product along one run. */
const runPositions = 16;
/** Rows of the matrix that are added up per pass over a row of sums. */
const rowsPerPass = 8;

interface Block {
  /** The packed left row. */
  readonly left: I32;
  /** The right operand's start. */
  readonly right: I32;
  /** Addresses of tables: the block's inner positions, the task's columns. */
  readonly inner: I32;
  readonly columns: I32;
  readonly innerCount: I32;
  readonly columnCount: I32;
  /** The task's sums. */
  readonly sums: I32;
}

/** Exports vector(descriptor, begin, end, thread): items are batch * columnTasks + columnTask. */
export function emitVector(module: ModuleBuilder, lanes: Lanes, packRow: Callable, exportName: string): void {
  const byColumns = emitBlock(module, lanes, emitDots);
  const byRows = emitBlock(module, lanes, emitRowSums);
  module.function(
    ['i32', 'i32', 'i32', 'i32'],
    [],
    (code, descriptor, begin, end, thread) => {
      const { elementShift } = lanes;
      const scratch = code.local(
        'i32',
        i32.add(field(descriptor, 'scratch'), i32.mul(field(descriptor, 'scratchBytes'), thread)),
      );
      const leftRow = code.local('i32', i32.add(scratch, field(descriptor, 'leftBlockOffset')));
      const sums = code.local('i32', i32.add(scratch, field(descriptor, 'rightPanelsOffset')));
      const inner = code.local('i32', field(descriptor, 'inner'));
      const [batch, first, count, start, block, columns, accumulate] = code.locals('i32', 7);
      code.for(begin, end, (task) => {
        code.set(batch, i32.divU(task, field(descriptor, 'columnTasks')));
        const columnTask = i32.sub(task, i32.mul(batch, field(descriptor, 'columnTasks')));
        code.set(first, i32.mul(columnTask, field(descriptor, 'taskColumns')));
        code.set(
          count,
          minimum(i32.sub(field(descriptor, 'columns'), first), field(descriptor, 'taskColumns')),
        );
        code.set(columns, i32.add(field(descriptor, 'rightColumns'), i32.shl(first, 2)));
        code.set(accumulate, field(descriptor, 'accumulate'));
        code.set(start, 0);
        code.loop((nextBlock) => {
          code.set(block, minimum(i32.sub(inner, start), field(descriptor, 'innerBlock')));
          code.call(packRow, [
            batchStart(descriptor, 'leftBase', 'leftBatch', batch, elementShift),
            field(descriptor, 'leftRows'),
            i32.add(field(descriptor, 'leftInner'), i32.shl(start, 2)),
            block,
            leftRow,
          ]);
          const innerTable = i32.add(field(descriptor, 'rightInner'), i32.shl(start, 2));
          const right = batchStart(descriptor, 'rightBase', 'rightBatch', batch, elementShift);
          const operands = [leftRow, right, innerTable, columns, block, count, sums];
          const innerIsContiguous = code.local('i32', 0);
          code.if(i32.gtS(block, 1), () => {
            code.set(innerIsContiguous, i32.eq(i32.sub(i32.load(innerTable, 4), i32.load(innerTable)), 1));
          });
          code.if(
            innerIsContiguous,
            () => code.call(byColumns, operands),
            () => {
              code.if(
                isRun(code, columns, count),
                () => code.call(byRows, operands),
                () => code.call(byColumns, operands),
              );
            },
          );
          flush(code, lanes, descriptor, { batch, first, count, sums, accumulate });
          code.set(accumulate, 1);
          code.set(start, i32.add(start, block));
          code.branchIf(nextBlock, i32.ltS(start, inner));
        });
      });
    },
    exportName,
  );
}

/** Whether a table of a length known at run time holds consecutive numbers. */
function isRun(code: FunctionBuilder, table: I32, count: I32): I32 {
  const result = code.local('i32', 1);
  const first = code.local('i32', i32.load(table));
  code.for(1, count, (index) => {
    const value = i32.load(i32.add(table, i32.shl(index, 2)));
    code.set(result, i32.and(result, i32.eq(i32.sub(value, first), index)));
  });
  return result;
}

function emitBlock(
  module: ModuleBuilder,
  lanes: Lanes,
  body: (code: FunctionBuilder, lanes: Lanes, block: Block) => void,
): Callable {
  const parameters = ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'] as const;
  return module.function(
    parameters,
    [],
    (code, left, right, inner, columns, innerCount, columnCount, sums) => {
      body(code, lanes, { left, right, inner, columns, innerCount, columnCount, sums });
    },
  );
}

/** For a matrix whose columns are contiguous, or that is contiguous nowhere: dot products, some columns at a time. */
function emitDots(code: FunctionBuilder, lanes: Lanes, block: Block): void {
  const { elementBytes, elementShift } = lanes;
  const column = code.local('i32', 0);
  // Looked at once for all columns; a block that is one run needs no further looks at its table.
  const isOneRun = code.local('i32', isRun(code, block.inner, block.innerCount));
  const dots = (width: number): void => {
    code.scope(() => {
      const pointers = Array.from({ length: width }, (_, index) => {
        const table = i32.add(block.columns, i32.shl(column, 2));
        return code.local('i32', i32.add(block.right, i32.shl(i32.load(table, index * 4), elementShift)));
      });
      const accumulators: Local[] = code.locals(lanes.vectorType, width);
      for (const local of accumulators) code.set(local, lanes.zero);
      const target = code.local('i32', i32.add(block.sums, i32.shl(column, elementShift)));
      for (let index = 0; index < width; index++) code.emit(zeroElement(lanes, target, index * elementBytes));
      const inner = code.local('i32', block.inner);
      const left = code.local('i32', block.left);
      const end = code.local('i32', i32.add(inner, i32.shl(block.innerCount, 2)));
      const offset = code.local('i32');
      const addOne = (position: number): void => {
        code.set(offset, i32.shl(i32.load(inner, position * 4), elementShift));
        for (const [index, pointer] of pointers.entries()) {
          const product = lanes.multiplyElements(
            lanes.loadElement(left, position * elementBytes),
            lanes.loadElement(i32.add(pointer, offset)),
          );
          const sum = lanes.addElements(lanes.loadElement(target, index * elementBytes), product);
          code.emit(lanes.storeElement(target, sum, index * elementBytes));
        }
      };
      const advance = (positions: number): void => {
        code.increment(inner, positions * 4);
        code.increment(left, positions * elementBytes);
      };
      if (lanes.count > 1) {
        const addVectors = (positions: number): void => {
          for (let position = 0; position < positions; position += lanes.count) {
            const bytes = position * elementBytes;
            for (const [index, pointer] of pointers.entries()) {
              const value = lanes.load(i32.add(pointer, offset), bytes);
              const sum = accumulators[index];
              code.set(sum, lanes.multiplyAdd(lanes.load(left, bytes), value, sum));
            }
          }
        };
        code.if(isOneRun, () => {
          code.set(offset, i32.shl(i32.load(inner), elementShift));
          code.while(
            () => i32.leU(i32.add(inner, runPositions * 4), end),
            () => {
              addVectors(runPositions);
              advance(runPositions);
              code.increment(offset, runPositions * elementBytes);
            },
          );
        });
        code.while(
          () => i32.leU(i32.add(inner, 16), end),
          () => {
            const expected = i32x4.add(i32x4.splat(i32.load(inner)), i32x4.constant(0, 1, 2, 3));
            code.if(
              i32x4.allTrue(i32x4.eq(v128.load(inner), expected)),
              () => {
                code.set(offset, i32.shl(i32.load(inner), elementShift));
                addVectors(4);
              },
              () => {
                for (let position = 0; position < 4; position++) addOne(position);
              },
            );
            advance(4);
          },
        );
      }
      code.while(
        () => i32.ltU(inner, end),
        () => {
          addOne(0);
          advance(1);
        },
      );
      if (lanes.count === 1) return;
      for (const [index, accumulator] of accumulators.entries()) {
        const offsetInTarget = index * elementBytes;
        let sum = lanes.loadElement(target, offsetInTarget);
        for (let lane = 0; lane < lanes.count; lane++) {
          sum = lanes.addElements(sum, lanes.extractLane(accumulator, lane));
        }
        code.emit(lanes.storeElement(target, sum, offsetInTarget));
      }
    });
  };
  const lastGroup = code.local('i32', i32.sub(block.columnCount, dotColumns - 1));
  code.countUp(column, lastGroup, dotColumns, () => dots(dotColumns));
  code.countUp(column, block.columnCount, 1, () => dots(1));
}

const zeroElement = (lanes: Lanes, address: I32, offset: number): ReturnType<Lanes['storeElement']> =>
  lanes.storeElement(address, lanes.zeroElement, offset);

/** For a matrix whose rows are contiguous: sums += left[k] * row k, several rows a pass, each a sequential stream. */
function emitRowSums(code: FunctionBuilder, lanes: Lanes, block: Block): void {
  const { elementBytes, elementShift } = lanes;
  const vectorBytes = lanes.count * elementBytes;
  const vectorEnd = code.local(
    'i32',
    i32.add(block.sums, i32.shl(i32.and(block.columnCount, -lanes.count), elementShift)),
  );
  const end = code.local('i32', i32.add(block.sums, i32.shl(block.columnCount, elementShift)));
  const sums = code.local('i32', block.sums);
  code.walk(sums, end, elementBytes, () => code.emit(zeroElement(lanes, sums, 0)));
  const inner = code.local('i32', block.inner);
  const left = code.local('i32', block.left);
  const firstColumn = code.local('i32', i32.add(block.right, i32.shl(i32.load(block.columns), elementShift)));
  const pass = (rows: number): void => {
    code.scope(() => {
      const factors: Local[] = code.locals(lanes.vectorType, rows);
      const pointers = Array.from({ length: rows }, (_, row) =>
        code.local('i32', i32.add(firstColumn, i32.shl(i32.load(inner, row * 4), elementShift))),
      );
      for (const [row, factor] of factors.entries())
        code.set(factor, lanes.loadSplat(left, row * elementBytes));
      const sum = code.local(lanes.vectorType);
      const position = code.local('i32', 0);
      code.set(sums, block.sums);
      code.walk(sums, vectorEnd, vectorBytes, () => {
        code.set(sum, lanes.load(sums));
        for (const [row, pointer] of pointers.entries()) {
          code.set(sum, lanes.multiplyAdd(factors[row], lanes.load(i32.add(pointer, position)), sum));
        }
        code.emit(lanes.store(sums, sum));
        code.increment(position, vectorBytes);
      });
      code.walk(sums, end, elementBytes, () => {
        for (const [row, pointer] of pointers.entries()) {
          const product = lanes.multiplyElements(
            lanes.loadElement(left, row * elementBytes),
            lanes.loadElement(i32.add(pointer, position)),
          );
          code.emit(lanes.storeElement(sums, lanes.addElements(lanes.loadElement(sums), product)));
        }
        code.increment(position, elementBytes);
      });
    });
    code.increment(inner, rows * 4);
    code.increment(left, rows * elementBytes);
  };
  const innerEnd = code.local('i32', i32.add(block.inner, i32.shl(block.innerCount, 2)));
  code.while(
    () => i32.leU(i32.add(inner, rowsPerPass * 4), innerEnd),
    () => pass(rowsPerPass),
  );
  code.while(
    () => i32.ltU(inner, innerEnd),
    () => pass(1),
  );
}

interface FlushedSums {
  readonly batch: I32;
  readonly first: I32;
  readonly count: I32;
  readonly sums: I32;
  readonly accumulate: I32;
}

/** Brings a task's sums to where the result's elements belong. */
function flush(code: FunctionBuilder, lanes: Lanes, descriptor: I32, task: FlushedSums): void {
  const { elementShift } = lanes;
  code.scope(() => {
    const rowOffset = i32.shl(i32.load(field(descriptor, 'resultRows')), elementShift);
    const start = batchStart(descriptor, 'resultBase', 'resultBatch', task.batch, elementShift);
    const result = code.local('i32', i32.add(start, rowOffset));
    const table = code.local('i32', i32.add(field(descriptor, 'resultColumns'), i32.shl(task.first, 2)));
    const target = code.local('i32');
    code.for(0, task.count, (column) => {
      const offset = i32.load(i32.add(table, i32.shl(column, 2)));
      code.set(target, i32.add(result, i32.shl(offset, elementShift)));
      const value = lanes.loadElement(i32.add(task.sums, i32.shl(column, elementShift)));
      code.if(
        task.accumulate,
        () => code.emit(lanes.storeElement(target, lanes.addElements(lanes.loadElement(target), value))),
        () => code.emit(lanes.storeElement(target, value)),
      );
    });
  });
}
