// The module with the kernels of one element type.

import { ModuleBuilder } from '../wasm/index.ts';
import { emitCompute } from './compute.ts';
import { leftKinds, tileRows, tileVectors } from './descriptor.ts';
import { emitDirectTiles } from './direct-tile.ts';
import type { Lanes } from './lanes.ts';
import { emitStrip } from './micro-kernel.ts';
import { emitPack } from './pack.ts';
import { emitAdjacentPanels, emitPackColumns, emitPackLeft, emitPackRight } from './pack-operands.ts';
import type { Parts } from './parts.ts';
import { emitVector } from './vector-kernel.ts';

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
  const adjacentPanels = emitAdjacentPanels(module, tileColumns);
  const packColumns = emitPackColumns(module, lanes, tileColumns, adjacentPanels);
  const strips = leftKinds.flatMap((leftKind) =>
    numbers(tileRows).flatMap((rows) =>
      numbers(tileVectors).map((vectors) => emitStrip(module, lanes, rows, vectors, leftKind)),
    ),
  );
  const directTiles = numbers(tileRows).map((rows) => emitDirectTiles(module, lanes, rows));
  const parts: Parts = { lanes, tileColumns, packLeft, packColumns, adjacentPanels, strips, directTiles };
  emitPackRight(module, parts, `k${entry.packRight}`);
  emitPackLeft(module, parts, `k${entry.packLeft}`);
  emitCompute(module, parts, `k${entry.compute}`);
  emitVector(module, lanes, packLeft[0], `k${entry.vector}`);
  return module.build();
}
