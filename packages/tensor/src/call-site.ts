// Where in the user's code something was called: an error's stack without the library's own frames.
import { AnomalyError, isHeld, type Node, StaleValueError } from '@nn/core';
import { findFailingOp } from './failing-op.ts';
import { type Observer, observe } from './observer.ts';

/** Places in the user's code, innermost first: 'step (file:///…/train.ts:12:9)'. */
export type CallSite = readonly string[];

/** Frames kept of a stack. */
const mostFrames = 8;

/** Deep enough to come out of the library. */
const stackDepth = 64;

interface StackLimit {
  stackTraceLimit?: number;
}

/** The place in the user's code that is running now. Empty where the engine tells nothing of it. */
export function callSite(): CallSite {
  const limited = Error as StackLimit;
  const former = limited.stackTraceLimit;
  // V8's alone; others give all frames.
  if (former !== undefined) limited.stackTraceLimit = stackDepth;
  const { stack } = new Error();
  if (former !== undefined) limited.stackTraceLimit = former;
  if (stack === undefined) return [];
  let site = known.get(stack);
  if (site === undefined) {
    site = userFrames(stack, import.meta.url);
    if (known.size >= mostKnown) known.clear();
    known.set(stack, site);
  }
  return site;
}

/** Loops come by the same places again. */
const known = new Map<string, CallSite>();
const mostKnown = 4096;

/** 'at step (…)' lines, or a word on why there are none. */
export function formatCallSite(site: CallSite | undefined): string {
  if (site === undefined) return '    (not known: anomaly mode was off when it was called)';
  if (site.length === 0) return '    (not known: the engine names no place outside of the library)';
  return site.map((frame) => `    at ${frame}`).join('\n');
}

// ---- Stacks ----

interface Frame {
  readonly text: string;
  readonly file: string;
}

/**
 * The frames of a stack that belong neither to the library nor to the engine.
 *
 * @param ownUrl where a module of the library is: `…/<package>/src/x.ts` or `…/<package>/dist/x.js`. From a bundle it
 * cannot be told which frames are the library's: all are given.
 */
export function userFrames(stack: string, ownUrl: string): CallSite {
  const isLibrary = libraryTest(ownUrl);
  const frames: string[] = [];
  for (const line of stack.split('\n')) {
    const frame = parseFrame(line);
    if (frame === null || isLibrary(frame.file)) continue;
    frames.push(frame.text);
    if (frames.length === mostFrames) break;
  }
  return frames;
}

/** V8: '    at name (file:1:2)' or '    at file:1:2'; Firefox and Safari: 'name@file:1:2'. */
function parseFrame(line: string): Frame | null {
  const v8 = /^\s*at (?:(.*) \()?(\S.*?):(\d+):(\d+)\)?$/.exec(line);
  const other = v8 === null ? /^([^@\s]*)@(.*):(\d+):(\d+)$/.exec(line) : null;
  const [, name = '', file, row, column] = v8 ?? other ?? [];
  if (file === undefined || file.startsWith('node:') || file.startsWith('<') || file === 'native')
    return null;
  const place = `${file}:${row}:${column}`;
  return { file: normalized(file), text: name === '' ? place : `${name} (${place})` };
}

function normalized(file: string): string {
  const path = file
    .replace(/[?#].*$/, '')
    .replace(/^file:\/\//, '')
    .replaceAll('\\', '/');
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

function libraryTest(ownUrl: string): (file: string) => boolean {
  const own = normalized(ownUrl);
  // Vite's development server bundles what is installed, each package for itself.
  if (own.includes('/.vite/deps')) return (file) => file.includes('/.vite/deps');
  const installed = /^.*(\/node_modules\/@[^/]+\/)[^/]+\/(?:src|dist)\//.exec(own);
  if (installed !== null) return (file) => file.includes(installed[1]);
  const beside = /^(.*\/)[^/]+\/(?:src|dist)\/[^/]+$/.exec(own);
  if (beside === null) return () => false;
  const [, root] = beside;
  return (file) => file.startsWith(root) && /^[^/]+\/(?:src|dist)\//.test(file.slice(root.length));
}

// ---- Ops ----

let sites = new WeakMap<Node, CallSite>();
let remembering = 0;

/** Where the op was called, if that was remembered. */
export function callSiteOf(node: Node): CallSite | undefined {
  return sites.get(node);
}

/** Remembers where ops are called, and tells it in errors that come later, until the guard's end. */
export function rememberCallSites(): Disposable {
  remembering++;
  const looking = observe(remember);
  return {
    [Symbol.dispose]() {
      looking[Symbol.dispose]();
      if (--remembering === 0) sites = new WeakMap();
    },
  };
}

const remember: Observer = {
  recordsAll: true,
  recorded(node) {
    sites.set(node, callSite());
  },
  made({ viewInfo, storage }) {
    // Data, which no op makes.
    const node = viewInfo === null ? storage.knownNode : null;
    if (node !== null && node.inputs.length === 0 && !sites.has(node)) sites.set(node, callSite());
  },
  failed(nodes, backend, error) {
    if (error instanceof StaleValueError) {
      const lost = findLost(nodes);
      if (lost !== undefined) addNote(error, `The value is that of ${described(lost)}`);
      return;
    }
    const failing = findFailingOp(nodes, backend, error);
    if (failing !== undefined) addNote(error, `What failed is ${described(failing)}`);
    else
      addNote(
        error,
        `It happened while computing ${nodes.slice(0, mostNamed).map(described).join('\nand ')}`,
      );
  },
  read(node, _, error) {
    if (error !== undefined && !(error instanceof AnomalyError))
      addNote(error, `It came up when reading the result of ${described(node)}`);
  },
};

/** Of many values that were being computed together, so many are named. */
const mostNamed = 3;

function described(node: Node): string {
  return `'${node.op}' of shape [${node.shape.join(', ')}], called at\n${formatCallSite(sites.get(node))}`;
}

function findLost(roots: readonly Node[]): Node | undefined {
  const seen = new Set<Node>(roots);
  for (const node of seen) {
    if (isHeld(node)) continue;
    if (node.state?.lost !== undefined) return node;
    for (const input of node.inputs) seen.add(input);
  }
  return undefined;
}

const noted = new WeakSet<Error>();

/** Adds a paragraph to an error's message, once. */
export function addNote(error: unknown, note: string): void {
  if (!(error instanceof Error) || noted.has(error)) return;
  noted.add(error);
  const { message, stack } = error;
  error.message = `${message}\n${note}`;
  // V8 wrote the message into the stack when the error was made.
  if (stack?.includes(message)) error.stack = stack.replace(message, () => error.message);
}
