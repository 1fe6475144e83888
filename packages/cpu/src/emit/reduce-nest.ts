// The loops over a reduction's extents.
import { type Expression, i32, type Local } from '../wasm/index.ts';
import type { KernelWriter } from './kernel-writer.ts';
import type { Positions } from './values.ts';

/** Steps that a lane adds up as float32 before they go to the float64 sum. */
export const blockLength = 32;

export class ReduceNest {
  readonly #writer: KernelWriter;
  readonly #inside: readonly Local<'i32'>[];
  readonly #position: Local<'i32'>;

  constructor(writer: KernelWriter, outside: Positions) {
    this.#writer = writer;
    const { builder } = writer.context;
    const { lanesAlong } = writer.structure;
    this.#inside = writer.structure.cursors.map(({ movesWithReduced, lane }, at) => {
      const moves = movesWithReduced || (lanesAlong === 'reduced' && lane !== 'zero');
      return moves ? builder.local('i32', outside[at]) : outside[at];
    });
    this.#position = builder.local('i32', 0);
  }

  get inside(): Positions {
    return this.#inside;
  }

  /** Row-major position among the reduced coordinates. */
  get position(): Local<'i32'> {
    return this.#position;
  }

  /**
   * Walks the outermost `rank` reduced dimensions, calling `element` at each coordinate. With `flush`, the innermost
   * loop pauses for it every few hundred coordinates at most.
   */
  write(
    rank: number,
    flush: (() => void) | null,
    element: (inside: Positions, position: Expression<'i32'>) => void,
  ): void {
    const { builder } = this.#writer.context;
    if (this.#writer.structure.window.length > 0) {
      this.#writeOut(0, 0, element);
      return;
    }
    const pending = flush === null ? undefined : builder.local('i32', 0);
    this.#loop(0, rank, element, flush, pending);
  }

  /** All coordinates of a window one after the other; gives the position after them. */
  #writeOut(
    d: number,
    position: number,
    element: (inside: Positions, position: Expression<'i32'>) => void,
  ): number {
    const { window } = this.#writer.structure;
    if (d === window.length) {
      this.#writer.context.builder.scope(() => element(this.#inside, i32.constant(position)));
      return position + 1;
    }
    let next = position;
    for (let coordinate = 0; coordinate < window[d]; coordinate++) {
      next = this.#writeOut(d + 1, next, element);
      this.#advance(d);
    }
    return next;
  }

  #loop(
    d: number,
    rank: number,
    element: (inside: Positions, position: Expression<'i32'>) => void,
    flush: (() => void) | null,
    pending: Local<'i32'> | undefined,
  ): void {
    const { builder } = this.#writer.context;
    if (d === rank) {
      builder.scope(() => element(this.#inside, this.#position));
      return;
    }
    const extent = this.#writer.word(this.#writer.layout.reduceExtents + d);
    builder.scope(() => {
      const left = builder.local('i32', extent);
      const isInnermost = d === rank - 1;
      const round = (): void => {
        this.#loop(d + 1, rank, element, flush, pending);
        this.#advance(d);
        if (d === this.#writer.structure.reduceRank - 1) builder.increment(this.#position, 1);
      };
      if (!isInnermost || flush === null || pending === undefined) {
        builder.while(
          () => i32.gtS(left, 0),
          () => {
            round();
            builder.increment(left, -1);
          },
        );
        return;
      }
      const block = builder.local('i32');
      builder.while(
        () => i32.gtS(left, 0),
        () => {
          builder.set(block, left);
          builder.if(i32.gtS(block, blockLength), () => builder.set(block, blockLength));
          builder.set(left, i32.sub(left, block));
          builder.increment(pending, block);
          builder.loop((again) => {
            round();
            builder.increment(block, -1);
            builder.branchIf(again, block);
          });
          builder.if(i32.geS(pending, blockLength), () => {
            flush();
            builder.set(pending, 0);
          });
        },
      );
    });
  }

  #advance(d: number): void {
    const { builder } = this.#writer.context;
    const { structure, layout } = this.#writer;
    for (const [at, cursor] of structure.cursors.entries()) {
      const isLane = structure.lanesAlong === 'reduced' && cursor.lane !== 'zero';
      if (!cursor.movesWithReduced && !isLane) continue;
      builder.increment(this.#inside[at], this.#writer.cursorWord(at, layout.reduceAdvances + d));
    }
  }
}
