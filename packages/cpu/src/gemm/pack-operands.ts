// The kernels that pack an operand for all tasks.

import { i32, type ModuleBuilder } from '../wasm/index.ts';
import { batchStart, field } from './fields.ts';
import { callByWidth, minimum, type Parts, packedLeftOf, rowPanels } from './parts.ts';

/** Packs whole panels of the right operand: items are batch * panels + panel. */
export function emitPackRight(
  module: ModuleBuilder,
  { lanes, tileColumns, packRight }: Parts,
  name: string,
): void {
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
