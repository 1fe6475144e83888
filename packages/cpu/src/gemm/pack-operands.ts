// Packing operands: the kernels that do it for all tasks, and what tasks do on their own.

import { type Callable, i32, type ModuleBuilder } from '../wasm/index.ts';
import { panelsTogether } from './descriptor.ts';
import { batchStart, field } from './fields.ts';
import type { Lanes } from './lanes.ts';
import { emitPack, emitPackPanels } from './pack.ts';
import { callByWidth, countPanels, minimum, type Parts, packedLeftOf, rowPanels } from './parts.ts';
import { isRun } from './scatter-tile.ts';

/** Emits panels(table, count): how many whole panels of adjacent items a table of so many items begins with. */
export function emitAdjacentPanels(module: ModuleBuilder, tileColumns: number): Callable {
  return module.function(['i32', 'i32'], ['i32'], (code, table, count) => {
    const at = code.local('i32', table);
    const panelWords = tileColumns * 4;
    const end = code.local('i32', i32.add(table, i32.mul(i32.divU(count, tileColumns), panelWords)));
    code.block((done) => {
      code.while(
        () => i32.ne(at, end),
        () => {
          const distance = i32.sub(i32.load(at), i32.load(table));
          const follows = i32.eq(distance, i32.shrU(i32.sub(at, table), 2));
          code.branchIf(done, i32.eqz(i32.and(follows, isRun(at, tileColumns))));
          code.increment(at, panelWords);
        },
      );
    });
    code.return(i32.divU(i32.sub(at, table), panelWords));
  });
}

/**
 * Emits pack(source, items, columns, run, inner, count, target, panelBytes): packs columns of the right operand, whose
 * offsets are the table `items`, in panels that begin so many bytes apart.
 */
export function emitPackColumns(
  module: ModuleBuilder,
  lanes: Lanes,
  tileColumns: number,
  adjacentPanels: Callable,
): Callable {
  const widths = Array.from({ length: tileColumns }, (_, at) => emitPack(module, lanes, at + 1, tileColumns));
  const together = Array.from({ length: panelsTogether - 1 }, (_, at) =>
    emitPackPanels(module, lanes, at + 2),
  );
  return module.function(
    ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    [],
    (code, source, items, columns, run, inner, count, target, panelBytes) => {
      const panels = code.local('i32');
      const width = code.local('i32');
      code.while(
        () => i32.gtS(columns, 0),
        () => {
          const several = minimum(columns, i32.constant(panelsTogether * tileColumns));
          countPanels(code, { adjacentPanels, tileColumns }, panels, { table: items, columns: several, run });
          code.if(
            i32.gtS(panels, 1),
            () => {
              const from = i32.add(source, i32.shl(i32.load(items), lanes.elementShift));
              callByWidth(code, together, i32.sub(panels, 1), [from, inner, count, target, panelBytes]);
            },
            () => {
              code.set(panels, 1);
              callByWidth(code, widths, minimum(columns, i32.constant(tileColumns)), [
                source,
                items,
                inner,
                count,
                target,
              ]);
            },
          );
          code.set(width, i32.mul(panels, tileColumns));
          code.set(columns, i32.sub(columns, width));
          code.increment(items, i32.shl(width, 2));
          code.increment(target, i32.mul(panels, panelBytes));
        },
      );
    },
  );
}

/** Packs panels of the right operand, some together: items are (batch * blocks + block) * groups + group. */
export function emitPackRight(
  module: ModuleBuilder,
  { lanes, tileColumns, packColumns }: Parts,
  name: string,
): void {
  const { elementBytes, elementShift } = lanes;
  const groupColumns = panelsTogether * tileColumns;
  module.function(
    ['i32', 'i32', 'i32', 'i32'],
    [],
    (code, descriptor, begin, end) => {
      const columns = code.local('i32', field(descriptor, 'columns'));
      const inner = code.local('i32', field(descriptor, 'inner'));
      const innerBlock = code.local('i32', field(descriptor, 'innerBlock'));
      const blocks = code.local('i32', i32.divU(i32.add(inner, i32.sub(innerBlock, 1)), innerBlock));
      const groups = code.local('i32', i32.divU(i32.add(columns, groupColumns - 1), groupColumns));
      const [rest, batch, start, block, first] = code.locals('i32', 5);
      code.for(begin, end, (item) => {
        code.set(rest, i32.divU(item, groups));
        code.set(first, i32.mul(i32.sub(item, i32.mul(rest, groups)), groupColumns));
        code.set(batch, i32.divU(rest, blocks));
        code.set(start, i32.mul(i32.sub(rest, i32.mul(batch, blocks)), innerBlock));
        code.set(block, minimum(i32.sub(inner, start), innerBlock));
        const batchTarget = i32.add(
          field(descriptor, 'packedRight'),
          i32.mul(batch, field(descriptor, 'packedRightBytes')),
        );
        const elements = i32.add(i32.mul(first, inner), i32.mul(start, tileColumns));
        code.call(packColumns, [
          batchStart(descriptor, 'rightBase', 'rightBatch', batch, elementShift),
          i32.add(field(descriptor, 'rightColumns'), i32.shl(first, 2)),
          minimum(i32.sub(columns, first), i32.constant(groupColumns)),
          field(descriptor, 'rightRun'),
          i32.add(field(descriptor, 'rightInner'), i32.shl(start, 2)),
          block,
          i32.add(batchTarget, i32.mul(elements, elementBytes)),
          i32.mul(inner, tileColumns * elementBytes),
        ]);
      });
    },
    name,
  );
}

/** Packs row panels of the left operand, all rows being one task's: items are (batch * blocks + block) * panels + panel. */
export function emitPackLeft(module: ModuleBuilder, { lanes, packLeft }: Parts, name: string): void {
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
    name,
  );
}
