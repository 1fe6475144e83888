// Packing: copies a panel of `width` items (rows of the left, columns of the right operand) times `count` inner
// positions so that the micro-kernel reads it in order: for each inner position, the items side by side.

import {
  type Callable,
  type Expression,
  type FunctionBuilder,
  i32,
  i32x4,
  i64x2,
  type Local,
  type ModuleBuilder,
  v128,
} from '../wasm/index.ts';
import { tileVectors } from './descriptor.ts';
import type { Lanes } from './lanes.ts';

type I32 = Expression<'i32'>;

/**
 * Emits pack(source, items, inner, count, target): `items` and `inner` are addresses of offset tables. Positions in the
 * target are `pitch` elements apart.
 */
export function emitPack(module: ModuleBuilder, lanes: Lanes, width: number, pitch: number): Callable {
  return module.function(
    ['i32', 'i32', 'i32', 'i32', 'i32'],
    [],
    (code, source, items, inner, count, target) => {
      const { elementBytes, elementShift } = lanes;
      const end = code.local('i32', i32.add(inner, i32.shl(count, 2)));
      const general = (): void => {
        const pointers = Array.from({ length: width }, (_, item) =>
          code.local('i32', i32.add(source, i32.shl(i32.load(items, item * 4), elementShift))),
        );
        packByInner(code, lanes, pointers, inner, end, target, pitch);
      };
      if (width === 1) {
        general();
        return;
      }
      const byPosition = (copy: (from: I32) => void): void => {
        const first = code.local('i32', i32.add(source, i32.shl(i32.load(items), elementShift)));
        const from = code.local('i32');
        code.walk(inner, end, 4, () => {
          code.set(from, i32.add(first, i32.shl(i32.load(inner), elementShift)));
          copy(from);
          code.increment(target, pitch * elementBytes);
        });
      };
      code.if(
        itemsAreApart(items, width, 1),
        () => byPosition((from) => copyRun(code, lanes, from, target, width)),
        () => {
          if (lanes.count !== 4 || width % 4 !== 0) general();
          else {
            // Windows two elements apart.
            code.if(
              itemsAreApart(items, width, 2),
              () => byPosition((from) => copyEveryOther(code, from, target, width)),
              general,
            );
          }
        },
      );
    },
  );
}

/**
 * Emits pack(source, inner, count, target, panelBytes): several panels of `tileVectors` vectors of items, which all lie
 * side by side from `source` on; their targets begin so many bytes apart. What shares a line of the cache is read once.
 */
export function emitPackPanels(module: ModuleBuilder, lanes: Lanes, panels: number): Callable {
  const vectorBytes = lanes.count * lanes.elementBytes;
  return module.function(
    ['i32', 'i32', 'i32', 'i32', 'i32'],
    [],
    (code, source, inner, count, target, panelBytes) => {
      const end = code.local('i32', i32.add(inner, i32.shl(count, 2)));
      const targets = Array.from({ length: panels }, (_, panel) =>
        code.local('i32', i32.add(target, i32.mul(panelBytes, panel))),
      );
      const from = code.local('i32');
      code.while(
        () => i32.ne(inner, end),
        () => {
          code.set(from, i32.add(source, i32.shl(i32.load(inner), lanes.elementShift)));
          for (const [panel, to] of targets.entries()) {
            for (let vector = 0; vector < tileVectors; vector++) {
              const value = lanes.load(from, (panel * tileVectors + vector) * vectorBytes);
              code.emit(lanes.store(to, value, vector * vectorBytes));
            }
            code.increment(to, tileVectors * vectorBytes);
          }
          code.increment(inner, 4);
        },
      );
    },
  );
}

/** Whether each item lies `step` elements after the one before it. */
function itemsAreApart(items: I32, width: number, step: number): I32 {
  let condition: I32 = i32.constant(1);
  for (let item = 1; item < width; item++) {
    const distance = i32.sub(i32.load(items, item * 4), i32.load(items));
    condition = i32.and(condition, i32.eq(distance, item * step));
  }
  return condition;
}

/** Copies `width` 32-bit elements, a multiple of four, that lie two apart; nothing behind the last one is read. */
function copyEveryOther(code: FunctionBuilder, from: I32, to: I32, width: number): void {
  for (let item = 0; item < width; item += 4) {
    const low = v128.load(from, item * 8);
    // The second vector ends with the last element that is wanted: its odd positions count.
    const high = v128.load(from, item * 8 + 12);
    code.emit(v128.store(to, i32x4.shuffle(low, high, [0, 2, 5, 7]), item * 4));
  }
}

/** Copies `width` adjacent elements with as few, ever narrower moves as there are. */
function copyRun(code: FunctionBuilder, lanes: Lanes, from: I32, to: I32, width: number): void {
  let item = 0;
  for (; item + lanes.count <= width; item += lanes.count) {
    const offset = item * lanes.elementBytes;
    code.emit(lanes.store(to, lanes.load(from, offset), offset));
  }
  if (lanes.count === 4 && item + 2 <= width) {
    code.emit(v128.store64Lane(to, v128.load64Zero(from, item * 4), 0, item * 4));
    item += 2;
  }
  for (; item < width; item++) {
    const offset = item * lanes.elementBytes;
    code.emit(lanes.storeElement(to, lanes.loadElement(from, offset), offset));
  }
}

/** Goes along the inner dimension: four adjacent positions are transposed in registers, others copied one by one. */
function packByInner(
  code: FunctionBuilder,
  lanes: Lanes,
  pointers: readonly Local<'i32'>[],
  inner: Local<'i32'>,
  end: I32,
  target: Local<'i32'>,
  pitch: number,
): void {
  const { elementBytes, elementShift } = lanes;
  const offset = code.local('i32');
  const copyOne = (position: number): void => {
    code.set(offset, i32.shl(i32.load(inner, position * 4), elementShift));
    for (const [item, pointer] of pointers.entries()) {
      const value = lanes.loadElement(i32.add(pointer, offset));
      code.emit(lanes.storeElement(target, value, (position * pitch + item) * elementBytes));
    }
  };
  const advance = (positions: number): void => {
    code.increment(inner, positions * 4);
    code.increment(target, positions * pitch * elementBytes);
  };
  code.while(
    () => i32.leU(i32.add(inner, 16), end),
    () => {
      if (lanes.count === 1) {
        for (let position = 0; position < 4; position++) copyOne(position);
      } else {
        const offsets = v128.load(inner);
        const expected = i32x4.add(i32x4.splat(i32.load(inner)), i32x4.constant(0, 1, 2, 3));
        code.if(
          i32x4.allTrue(i32x4.eq(offsets, expected)),
          () => {
            code.set(offset, i32.shl(i32.load(inner), elementShift));
            if (lanes.count === 4) transposeFour(code, pointers, offset, target, pitch);
            else transposeTwo(code, pointers, offset, target, pitch);
          },
          () => {
            for (let position = 0; position < 4; position++) copyOne(position);
          },
        );
      }
      advance(4);
    },
  );
  code.while(
    () => i32.ltU(inner, end),
    () => {
      copyOne(0);
      advance(1);
    },
  );
}

/** Four positions of 32-bit elements. */
function transposeFour(
  code: FunctionBuilder,
  pointers: readonly Local<'i32'>[],
  offset: I32,
  target: I32,
  pitch: number,
): void {
  const at = (position: number, item: number): number => (position * pitch + item) * 4;
  const row = (item: number): Expression<'v128'> => v128.load(i32.add(pointers[item], offset));
  const { shuffle } = i32x4;
  let item = 0;
  for (; item + 4 <= pointers.length; item += 4) {
    code.scope(() => {
      const [a, b, c, d] = [0, 1, 2, 3].map((step) => code.local('v128', row(item + step)));
      const abLow = code.local('v128', shuffle(a, b, [0, 4, 1, 5]));
      const cdLow = code.local('v128', shuffle(c, d, [0, 4, 1, 5]));
      code.emit(v128.store(target, shuffle(abLow, cdLow, [0, 1, 4, 5]), at(0, item)));
      code.emit(v128.store(target, shuffle(abLow, cdLow, [2, 3, 6, 7]), at(1, item)));
      const abHigh = code.local('v128', shuffle(a, b, [2, 6, 3, 7]));
      const cdHigh = code.local('v128', shuffle(c, d, [2, 6, 3, 7]));
      code.emit(v128.store(target, shuffle(abHigh, cdHigh, [0, 1, 4, 5]), at(2, item)));
      code.emit(v128.store(target, shuffle(abHigh, cdHigh, [2, 3, 6, 7]), at(3, item)));
    });
  }
  if (item + 2 <= pointers.length) {
    code.scope(() => {
      const a = code.local('v128', row(item));
      const b = code.local('v128', row(item + 1));
      const low = code.local('v128', shuffle(a, b, [0, 4, 1, 5]));
      const high = code.local('v128', shuffle(a, b, [2, 6, 3, 7]));
      code.emit(v128.store64Lane(target, low, 0, at(0, item)));
      code.emit(v128.store64Lane(target, low, 1, at(1, item)));
      code.emit(v128.store64Lane(target, high, 0, at(2, item)));
      code.emit(v128.store64Lane(target, high, 1, at(3, item)));
    });
    item += 2;
  }
  if (item < pointers.length) {
    code.scope(() => {
      const a = code.local('v128', row(item));
      for (let position = 0; position < 4; position++) {
        code.emit(v128.store32Lane(target, a, position, at(position, item)));
      }
    });
  }
}

/** Four positions of 64-bit elements, two at a time. */
function transposeTwo(
  code: FunctionBuilder,
  pointers: readonly Local<'i32'>[],
  offset: I32,
  target: I32,
  pitch: number,
): void {
  const at = (position: number, item: number): number => (position * pitch + item) * 8;
  for (const position of [0, 2]) {
    const row = (item: number): Expression<'v128'> =>
      v128.load(i32.add(pointers[item], offset), position * 8);
    let item = 0;
    for (; item + 2 <= pointers.length; item += 2) {
      code.scope(() => {
        const a = code.local('v128', row(item));
        const b = code.local('v128', row(item + 1));
        code.emit(v128.store(target, i64x2.shuffle(a, b, [0, 2]), at(position, item)));
        code.emit(v128.store(target, i64x2.shuffle(a, b, [1, 3]), at(position + 1, item)));
      });
    }
    if (item < pointers.length) {
      code.scope(() => {
        const a = code.local('v128', row(item));
        code.emit(v128.store64Lane(target, a, 0, at(position, item)));
        code.emit(v128.store64Lane(target, a, 1, at(position + 1, item)));
      });
    }
  }
}
