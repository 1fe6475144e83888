// What the kernels of one element type are put together from.

import {
  type Callable,
  type Expression,
  type FunctionBuilder,
  i32,
  type Local,
  select,
} from '../wasm/index.ts';
import { tileRows, unbounded } from './descriptor.ts';
import { field } from './fields.ts';
import type { Lanes } from './lanes.ts';

type I32 = Expression<'i32'>;

export interface Parts {
  readonly lanes: Lanes;
  readonly tileColumns: number;
  readonly packLeft: readonly Callable[];
  /** Packs columns of the right operand, panel by panel. */
  readonly packColumns: Callable;
  /** How many whole panels of adjacent columns a table begins with. */
  readonly adjacentPanels: Callable;
  /** By kind of the left operand, then rows - 1, then vectors - 1. */
  readonly strips: readonly Callable[];
  /** Those that read the right operand in place, by rows - 1, then vectors - 1. */
  readonly directTiles: readonly (readonly Callable[])[];
}

/** Sets `panels` to how many whole panels of adjacent columns a table begins with; `run` is about all of the axis. */
export function countPanels(
  code: FunctionBuilder,
  { adjacentPanels, tileColumns }: Pick<Parts, 'adjacentPanels' | 'tileColumns'>,
  panels: Local<'i32'>,
  { table, columns, run }: { readonly table: I32; readonly columns: I32; readonly run: I32 },
): void {
  code.set(panels, i32.divU(columns, tileColumns));
  code.if(i32.ltS(run, unbounded), () => {
    code.if(
      i32.ltS(run, tileColumns),
      () => code.set(panels, 0),
      () => code.set(panels, code.callFor('i32', adjacentPanels, [table, columns])),
    );
  });
}

/** Where a batch's packed left operand begins. */
export function packedLeftOf(descriptor: I32, batch: I32): I32 {
  return i32.add(field(descriptor, 'packedLeft'), i32.mul(batch, field(descriptor, 'packedLeftBytes')));
}

export interface RowPanels {
  readonly panels: Local<'i32'>;
  readonly rowsPerPanel: Local<'i32'>;
  /** The first so many panels have a row more. */
  readonly longPanels: Local<'i32'>;
}

/** Heights differ by one at most, so that no panel is nearly empty. */
export function rowPanels(code: FunctionBuilder, rows: I32): RowPanels {
  const panels = code.local('i32', i32.divU(i32.add(rows, tileRows - 1), tileRows));
  const rowsPerPanel = code.local('i32', i32.divU(rows, panels));
  const longPanels = code.local('i32', i32.sub(rows, i32.mul(rowsPerPanel, panels)));
  return { panels, rowsPerPanel, longPanels };
}

export const minimum = (left: I32, right: I32): I32 => select(i32.ltS(left, right), left, right);

/** Calls choices[width - 1]. */
export function callByWidth(
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
