// Plain copies, in pieces that threads share.
import type { Heap } from '../heap.ts';
import { i32, memory } from '../wasm/index.ts';
import { kernelModule } from './module.ts';

/** Bytes that one item copies. */
export const copyPieceBytes: number = 64 * 1024;

/** Words: source, target, bytes. */
export function copyModule(heap: Heap): Uint8Array<ArrayBuffer> {
  return kernelModule(heap, (builder, { record, begin, end }) => {
    const start = builder.local('i32', i32.mul(begin, copyPieceBytes));
    const stop = builder.local('i32', i32.mul(end, copyPieceBytes));
    const bytes = builder.local('i32', i32.load(record, 8));
    builder.if(i32.gtU(stop, bytes), () => builder.set(stop, bytes));
    const source = i32.add(i32.load(record, 0), start);
    const target = i32.add(i32.load(record, 4), start);
    builder.emit(memory.copy(target, source, i32.sub(stop, start)));
  });
}
