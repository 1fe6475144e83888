// What a worker runs: plain JavaScript in a string, so that no bundler needs to know about a second entry point.
//
// A worker never waits for a message once it runs: jobs, and the bytes of the modules that they call, come through
// shared memory. Engines cache compiled code by the bytes within a process, so compiling them again costs little.

import { controlWord as word, wordsPerCall } from './control.ts';
import { mathSource } from './math-functions.ts';

/** How often a worker looks for the next job before it sleeps: about 20 µs, the gap between kernels of a program. */
const looksBeforeSleep = 2000;

/** `start(memory, controlAddress, thread)` is defined by this source. */
const startFunction = `
function start(memory, controlAddress, thread) {
  const words = new Int32Array(memory.buffer, controlAddress, 64);
  const entries = [];
  const math = ${mathSource};
  const load = (call) => {
    const base = ${word.calls} + call * ${wordsPerCall};
    const id = words[base], address = words[base + 1] >>> 0, length = words[base + 2], entry = words[base + 3];
    let exported = entries[id];
    if (exported === undefined) {
      if (address + length > memory.buffer.byteLength) memory.grow(0);
      const bytes = new Uint8Array(memory.buffer, address, length).slice();
      const plain = new Uint8Array(length);
      plain.set(bytes);
      exported = new WebAssembly.Instance(new WebAssembly.Module(plain), { env: { memory }, math }).exports;
      entries[id] = exported;
    }
    return exported['k' + entry];
  };
  const work = () => {
    const items = words[${word.items}], grain = words[${word.grain}], count = words[${word.callCount}];
    let begin = Atomics.add(words, ${word.next}, grain);
    if (begin >= items) return;
    const functions = [];
    for (let call = 0; call < count; call++) functions.push(load(call));
    while (begin < items) {
      const end = Math.min(begin + grain, items);
      for (let call = 0; call < count; call++) {
        functions[call](words[${word.calls} + call * ${wordsPerCall} + 4], begin, end, thread);
      }
      begin = Atomics.add(words, ${word.next}, grain);
    }
  };
  let seen = Atomics.load(words, ${word.generation});
  Atomics.add(words, ${word.ready}, 1);
  for (;;) {
    let looks = ${looksBeforeSleep};
    while (Atomics.load(words, ${word.generation}) === seen && looks-- > 0);
    while (Atomics.load(words, ${word.generation}) === seen) Atomics.wait(words, ${word.generation}, seen);
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
