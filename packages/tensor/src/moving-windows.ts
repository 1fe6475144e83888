// Windows that move: what steps cut out of a held tensor at ever other places (batches of a data set in memory, rows of
// a table). A slice's place is part of a program, so that each place would need a program of its own. Once a window is
// seen to move, it is looked up at positions that are computed from its offset, which is a number given to the program.
import {
  type AttributesOf,
  contiguousStrides,
  isContiguous,
  isHeld,
  makeNode,
  type Node,
  type OpName,
  type Shape,
  scalarNode,
  sizeOf,
} from '@nn/core';
import { activeCall } from './active.ts';
import { runtimeOf } from './runtimes.ts';

/** A window onto a storage: its shape, and where its elements lie. */
interface Window {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

/** Runs in which new places may turn up before the window counts as moving. A loop within one run does not. */
const patience = 8;
/** Places of a window that are part of programs, at most. */
const mostFixed = 4096;
/** Windows that are watched, at most. */
const mostWatched = 1024;
/** Positions are int32. */
const mostElements = 2 ** 31;
/** What is looked up element by element takes longer in larger windows than a program for each place does. */
const mostLookedUp = 2 ** 20;

/** The places that a window was seen at. */
class Places {
  readonly #fixed = new Set<number>();
  #runs = 0;
  #lastRun = -1;
  #moves = false;

  /** Whether the window moves; once it does, that remains so: programs are found again. */
  movesTo(offset: number, run: number): boolean {
    if (this.#moves) return true;
    if (this.#fixed.has(offset)) return false;
    if (run !== this.#lastRun) this.#runs++;
    this.#lastRun = run;
    this.#moves = this.#runs > patience || this.#fixed.size === mostFixed;
    if (this.#moves) this.#fixed.clear();
    else this.#fixed.add(offset);
    return this.#moves;
  }
}

/** By what is equal in programs that differ in the place only. */
const watched = new Map<string, Places>();

/** The value of a window, if it moves; else null. */
export function movingWindow(whole: Node, window: Window): Node | null {
  const positions = movingPositions('read', whole, window);
  if (positions === null) return null;
  const flat = record('reshape', [whole], { shape: [sizeOf(whole.shape)] });
  return record('reshape', [record('take', [flat, positions], {})], { shape: window.shape });
}

/**
 * Where the elements of a moving window lie, int32, of the window's shape or in one row; null for a window that does
 * not move.
 */
export function movingPositions(use: 'read' | 'write', whole: Node, window: Window): Node | null {
  const { shape, strides, offset } = window;
  const { device } = whole;
  const count = sizeOf(shape);
  if (device === '' || count === 0 || count > mostLookedUp || sizeOf(whole.shape) >= mostElements)
    return null;
  // What a step makes itself, however far it goes, has a program of its own anyway; but for what a moving write before this
  // use has made, a reshaped `scatter`.
  const isOlder = isHeld(whole) || whole.runs > 0 || whole.inputs[0]?.op === 'scatter';
  if (!isOlder) return null;
  const key = `${use} ${device} ${whole.dtype} ${whole.shape} | ${shape} | ${strides}`;
  let places = watched.get(key);
  if (places === undefined) {
    if (watched.size === mostWatched) watched.clear();
    places = new Places();
    watched.set(key, places);
  }
  return places.movesTo(offset, runtimeOf(device).runs) ? positionsOf(window, device) : null;
}

function positionsOf({ shape, strides, offset }: Window, device: string): Node {
  const contiguous = isContiguous(shape, strides);
  const extents = contiguous ? [sizeOf(shape)] : shape;
  const steps = contiguous ? contiguousStrides(extents) : strides;
  let sum = scalar(offset);
  extents.forEach((extent, dim) => {
    if (extent === 1 || steps[dim] === 0) return;
    const along = record('iota', [], { shape: extents, dim, dtype: 'int32' }, device);
    sum = record('add', [steps[dim] === 1 ? along : record('mul', [along, scalar(steps[dim])], {}), sum], {});
  });
  return record('expand', [sum], { shape: extents }, device);
}

/** Nodes of their own: what a view looks up is not counted among what is recorded. */
function record<N extends OpName>(
  op: N,
  inputs: readonly Node[],
  attributes: AttributesOf<N>,
  device?: string,
): Node {
  return activeCall === null
    ? (makeNode(op, inputs, attributes, device) as unknown as Node)
    : activeCall.record(op, inputs, attributes as object, device);
}

function scalar(value: number): Node {
  const node = activeCall === null ? scalarNode(value, 'int32') : activeCall.scalar(value, 'int32');
  return node as Node;
}
