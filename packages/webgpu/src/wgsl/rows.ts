/**
 * Loops over the same rows in one dispatch: the lanes that serve a row take step after step of it, with barriers
 * where a step needs what other lanes have stored.
 */
import type { LoopKernel, Reduction, RowsKernel } from '@nn/core';
import { emitCoordinates, sizeOfExtents } from './affine.ts';
import { KeptValues } from './kept-values.ts';
import { type EmitContext, KernelCode, type Launch } from './kernel-code.ts';
import {
  emitLanes,
  emitMeet,
  emitWalk,
  floorPowerOfTwo,
  type LaneShape,
  loneRanges,
  workgroupSize,
} from './lanes.ts';
import { emitLoop, emitTail, type Place } from './loop.ts';
import { emitTake, rangeIsContiguous } from './reduce.ts';
import { emitState } from './reduce-state.ts';
import { simplifyRows } from './simplify.ts';
import { buffersTouched, buffersWritten, canBind, shareBuffers } from './touched.ts';

/** From so many results a row on, each lane computes whole ones, instead of all lanes one after the other. */
const manyResults = 32;

export function emitRows(kernel: RowsKernel, context: EmitContext): readonly Launch[] {
  const loops = kernel.steps.filter((step) => sizeOfExtents(step.extents) > 0);
  if (loops.length === 0) return [];
  const simple = simplifyRows(kernel.extents, loops);
  const rows = sizeOfExtents(simple.rows);
  const steps = simple.steps.map((loop) => describe(loop, simple.rows.length));
  if (servesRows(rows, steps, context) && canBind(buffersTouched(loops), context)) {
    const launch = new RowsEmitter(simple.rows, steps, context).launch(kernel.name);
    if (launch !== null) return [launch];
  }
  return loops.flatMap((loop) => emitLoop(loop, context));
}

interface Step {
  readonly loop: LoopKernel;
  readonly reduction: Reduction | null;
  /** In each row. */
  readonly results: number;
  /** Values reduced for a result. */
  readonly length: number;
}

function describe(loop: LoopKernel, rowRank: number): Step {
  const reduction = loop.producer?.kind === 'reduce' ? loop.producer : null;
  const length = reduction === null ? 1 : sizeOfExtents(reduction.extents);
  return { loop, reduction, results: sizeOfExtents(loop.extents.slice(rowRank)), length };
}

/** Whether there are rows enough for the device, or so little in each that starting kernels would cost more. */
function servesRows(rows: number, steps: readonly Step[], { cooperate }: EmitContext): boolean {
  const longest = Math.max(...steps.map(({ results, length }) => results * Math.max(1, length)));
  return cooperate ? rows >= 64 || longest <= 32 * workgroupSize : rows >= 16 || longest <= 2048;
}

function chooseShape(rows: number, steps: readonly Step[], rowRank: number): LaneShape {
  const bodies = steps.flatMap(({ loop, reduction }) => [...(reduction?.body ?? []), ...loop.epilogue]);
  const alongRange = rangeIsContiguous(bodies, rowRank);
  const width = Math.max(...steps.map(({ results, length }) => (results >= manyResults ? results : length)));
  // About four values a lane, but more lanes where there would be few in all.
  const most = Math.min(workgroupSize, 2 * floorPowerOfTwo(Math.max(1, width - 1)));
  const few = alongRange ? floorPowerOfTwo(Math.max(1, width / 4)) : 8;
  const enough = floorPowerOfTwo(Math.max(1, (64 * workgroupSize) / rows));
  return { lanes: Math.min(most, Math.max(few, enough)), alongRange };
}

class RowsEmitter {
  readonly #rows: readonly number[];
  readonly #steps: readonly Step[];
  readonly #code: KernelCode;
  readonly #cooperate: boolean;
  readonly #shape: LaneShape;
  readonly #kept: KeptValues;
  /** What lanes have read and written since they last met. */
  #read: Set<number> = new Set();
  #written: Set<number> = new Set();
  #haveMet = false;

  constructor(rows: readonly number[], steps: readonly Step[], context: EmitContext) {
    this.#rows = rows;
    this.#steps = steps;
    this.#code = new KernelCode(context);
    this.#cooperate = context.cooperate;
    this.#shape = context.cooperate
      ? chooseShape(sizeOfExtents(rows), steps, rows.length)
      : { lanes: 1, alongRange: true };
    this.#kept = new KeptValues(rows.length, this.#code);
  }

  /** Null where that takes more workgroup memory than there is. */
  launch(name: string): Launch | null {
    const code = this.#code;
    const rows = sizeOfExtents(this.#rows);
    const size = this.#cooperate ? workgroupSize : loneRanges(rows);
    const lines = [
      ...emitLanes(this.#shape, code),
      `let row = group * ${this.#cooperate ? 'across' : size} + column;`,
      `let live = row < ${code.sizes.integer(rows)};`,
      ...this.#steps.flatMap((step, at) => [...this.#barrier(step), ...this.#step(step, at)]),
    ];
    if (code.workgroupBytes > code.context.workgroupBytes) return null;
    const groups = Math.ceil(rows / (size / this.#shape.lanes));
    return code.launch(name, size, groups, lines);
  }

  /** Waits for the other lanes where the step reads what they wrote, or writes what they read or wrote. */
  #barrier({ loop }: Step): string[] {
    if (!this.#cooperate) return [];
    const reads = this.#kept.otherReads(loop);
    const writes = buffersWritten(loop);
    const conflicts =
      shareBuffers(reads, this.#written) ||
      shareBuffers(writes, this.#written) ||
      shareBuffers(writes, this.#read);
    if (conflicts) {
      this.#read = reads;
      this.#written = writes;
      return ['storageBarrier();'];
    }
    this.#read = new Set([...this.#read, ...reads]);
    this.#written = new Set([...this.#written, ...writes]);
    return [];
  }

  #step(step: Step, at: number): string[] {
    const { loop, reduction, results, length } = step;
    const code = this.#code;
    const place = this.#place(loop);
    const state = reduction === null ? null : emitState(reduction, code, `${at}`);
    if (state !== null && reduction !== null) {
      code.declarations.push(emitTake(place, reduction, state, code, `${at}`));
    }
    const later = this.#steps.slice(at + 1).map((other) => other.loop);
    const keeps = results === 1 && this.#kept.isWanted(loop, later);
    // Every lane of the row computes what is kept; one stores it.
    const ofOne = keeps && this.#cooperate ? ['place == 0'] : [];
    const call = (where: string): string =>
      `element${at}(${['row', where, ...ofOne, ...(state?.finals('state') ?? [])].join(', ')});`;
    code.declarations.push(this.#element(loop, place, state?.results ?? [], `${at}`, keeps));
    const one = this.#cooperate && !keeps ? 'live && place == 0' : 'live';
    if (state === null && results === 1) return [`if (${one}) { ${call('0')} }`];
    const count = code.sizes.integer(results);
    const each = this.#cooperate
      ? `for (var at = place; at < ${count}; at += lanes) {`
      : `for (var at = 0; at < ${count}; at++) {`;
    if (state === null) return [`if (live) { ${each} ${call('at')} } }`];
    const walk = (where: string, cooperate: boolean): string[] =>
      emitWalk(state, cooperate, '0', code.sizes.integer(length), `take${at}(row, ${where}, position)`);
    const begin = `var state = ${state.identity}();`;
    if (results >= manyResults || (results > 1 && !this.#cooperate)) {
      return ['if (live) {', each, begin, ...walk('at', false), call('at'), '}', '}'];
    }
    const together = (where: string, again: boolean): string[] => [
      begin,
      'if (live) {',
      ...walk(where, this.#cooperate),
      '}',
      ...emitMeet(state, this.#shape, code, again),
      `if (${one}) { ${call(where)} }`,
    ];
    const again = this.#haveMet || results > 1;
    this.#haveMet = true;
    return results === 1
      ? ['{', ...together('0', again), '}']
      : [`for (var at = 0; at < ${count}; at++) {`, ...together('at', again), '}'];
  }

  #place(loop: LoopKernel): Place {
    const { sizes } = this.#code;
    const row = emitCoordinates('row', this.#rows, 'o', sizes);
    const rest = emitCoordinates('at', loop.extents.slice(this.#rows.length), 'c', sizes);
    return {
      parameters: 'row: i32, at: i32',
      lines: [...row.lines, ...rest.lines],
      names: [...row.names, ...rest.names],
      kept: (access) => this.#kept.nameOf(access),
    };
  }

  #element(
    loop: LoopKernel,
    place: Place,
    results: readonly string[],
    suffix: string,
    keeps: boolean,
  ): string {
    const { values, stores, stored } = emitTail(loop, place, results, this.#code);
    const keeping = this.#kept.replace(loop, keeps ? stored : null);
    const storing = keeps && this.#cooperate ? ['if (stores) {', ...stores, '}'] : stores;
    const parameters = [place.parameters, ...(keeps && this.#cooperate ? ['stores: bool'] : []), ...results];
    return `fn element${suffix}(${parameters.join(', ')}) {
  ${[...place.lines, ...values, ...keeping, ...storing].join('\n  ')}
}`;
  }
}
