// What a worker runs: plain JavaScript in a string, so that no bundler needs to know about a second entry point.
//
// A worker never waits for a message once it runs: jobs, and the bytes of the modules that they call, come through
// shared memory. Engines cache compiled code by the bytes within a process, so compiling them again costs little.

import {
  callWord as callAt,
  controlBytes,
  pieceWord as pieceAt,
  controlWord as word,
  wordsPerCall,
  wordsPerPiece,
} from './control.ts';
import { mathSource } from './math-functions.ts';

/** How often a worker looks for the next job before it sleeps: 50 µs or more, as nearly all gaps between a program's jobs are shorter. */
const looksBeforeSleep = 5000;

/** `start(memory, controlAddress, thread)` is defined by this source. */
const startFunction = `
function start(memory, controlAddress, thread) {
  const words = new Int32Array(memory.buffer, controlAddress, ${controlBytes / 4});
  const exportsOf = [], serials = [];
  const math = ${mathSource};
  let heap = new Int32Array(memory.buffer);
  const wordsOf = (address, count) => {
    // The other threads' growing shows once this thread asks for the memory anew.
    if (address + count * 4 > heap.byteLength) {
      memory.grow(0);
      heap = new Int32Array(memory.buffer);
    }
    return address >>> 2;
  };
  const load = (call) => {
    const slot = heap[call + ${callAt.slot}], serial = heap[call + ${callAt.serial}];
    if (serials[slot] !== serial) {
      const address = heap[call + ${callAt.bytesAddress}] >>> 0, length = heap[call + ${callAt.bytesLength}];
      wordsOf(address, (length + 3) >>> 2);
      const bytes = new Uint8Array(length);
      bytes.set(new Uint8Array(memory.buffer, address, length));
      exportsOf[slot] = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory }, math }).exports;
      serials[slot] = serial;
    }
    return exportsOf[slot]['k' + heap[call + ${callAt.entry}]];
  };
  const work = () => {
    const items = words[${word.items}], grain = words[${word.grain}], count = words[${word.callCount}];
    let begin = Atomics.add(words, ${word.next}, grain);
    if (begin >= items) return;
    const calls = wordsOf(words[${word.calls}] >>> 0, count * ${wordsPerCall});
    const piecesAddress = words[${word.pieces}] >>> 0;
    const functions = [];
    if (piecesAddress === 0) {
      for (let call = 0; call < count; call++) functions.push(load(calls + call * ${wordsPerCall}));
      while (begin < items) {
        const end = Math.min(begin + grain, items);
        for (let call = 0; call < count; call++) {
          const at = calls + call * ${wordsPerCall}, scale = heap[at + ${callAt.scale}];
          const last = Math.min(end * scale, heap[at + ${callAt.items}]);
          functions[call](heap[at + ${callAt.arguments}], begin * scale, last, thread);
        }
        begin = Atomics.add(words, ${word.next}, grain);
      }
      return;
    }
    const pieces = wordsOf(piecesAddress, items * ${wordsPerPiece});
    while (begin < items) {
      const end = Math.min(begin + grain, items);
      for (let piece = begin; piece < end; piece++) {
        const at = pieces + piece * ${wordsPerPiece}, call = heap[at + ${pieceAt.call}];
        const callWords = calls + call * ${wordsPerCall};
        functions[call] ??= load(callWords);
        functions[call](heap[callWords + ${callAt.arguments}], heap[at + ${pieceAt.begin}], heap[at + ${pieceAt.end}], thread);
      }
      begin = Atomics.add(words, ${word.next}, grain);
    }
  };
  let seen = Atomics.load(words, ${word.generation});
  Atomics.add(words, ${word.ready}, 1);
  for (;;) {
    let looks = ${looksBeforeSleep};
    while (Atomics.load(words, ${word.generation}) === seen && looks-- > 0);
    if (looks < 0) {
      Atomics.add(words, ${word.sleepers}, 1);
      while (Atomics.load(words, ${word.generation}) === seen) Atomics.wait(words, ${word.generation}, seen);
      Atomics.sub(words, ${word.sleepers}, 1);
    }
    seen = Atomics.load(words, ${word.generation});
    if (Atomics.load(words, ${word.stop}) === 1) return;
    Atomics.add(words, ${word.active}, 1);
    if (Atomics.load(words, ${word.open}) === 1) {
      try {
        work();
      } catch {
        Atomics.store(words, ${word.failed}, 1);
      }
    }
    if (Atomics.sub(words, ${word.active}, 1) === 1) Atomics.notify(words, ${word.active});
  }
}
`;

export const nodeWorkerSource: string = `'use strict';
const { workerData } = process.getBuiltinModule('node:worker_threads');
${startFunction}
start(workerData.memory, workerData.controlAddress, workerData.thread);
`;

export const webWorkerSource: string = `'use strict';
${startFunction}
self.onmessage = ({ data }) => start(data.memory, data.controlAddress, data.thread);
`;
