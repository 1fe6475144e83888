import { OutOfMemoryError } from '@nn/core';
import { expect, test } from 'vitest';
import { Heap } from '../src/heap.ts';

function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test('blocks are aligned and never overlap, through many cycles', () => {
  const heap = new Heap();
  const random = generator(1);
  const held = new Map<number, number>();
  for (let round = 0; round < 20_000; round++) {
    const addresses = [...held.keys()];
    if (held.size > 60 || (held.size > 0 && random(2) === 0)) {
      const address = addresses[random(addresses.length)];
      heap.free(address);
      held.delete(address);
    } else {
      const bytes = 1 + random(2 ** random(18));
      const address = heap.allocate(bytes);
      expect(address % 64).toBe(0);
      for (const [other, length] of held) {
        if (address < other + length && other < address + bytes) throw new Error('blocks overlap');
      }
      held.set(address, bytes);
    }
  }
  for (const address of held.keys()) heap.free(address);
  expect(heap.liveBytes).toBe(0);
});

test('half a million cycles leave the memory flat', () => {
  const heap = new Heap();
  const random = generator(2);
  const sizes = [64, 1000, 4096, 100_000, 37, 1_000_000];
  const held: number[] = [];
  let reserved = 0;
  for (let round = 0; round < 500_000; round++) {
    if (held.length >= 20) heap.free(held.splice(random(held.length), 1)[0]);
    held.push(heap.allocate(sizes[random(sizes.length)]));
    if (round === 100_000) reserved = heap.reservedBytes;
  }
  expect(heap.reservedBytes).toBeLessThanOrEqual(reserved * 1.25);
  expect(heap.peakBytes).toBeLessThan(21 * 1_000_064);
});

test('freed neighbours become one block', () => {
  const heap = new Heap({ maximumBytes: 4 * 2 ** 20 });
  const parts = Array.from({ length: 30 }, () => heap.allocate(100_000));
  for (const address of [
    ...parts.filter((_, index) => index % 2),
    ...parts.filter((_, index) => index % 2 === 0),
  ]) {
    heap.free(address);
  }
  heap.free(heap.allocate(4_000_000));
});

test('running out of memory is a typed error that says how much is in use', () => {
  const heap = new Heap({ maximumBytes: 8 * 2 ** 20 });
  const held = heap.allocate(2 ** 20);
  expect(() => heap.allocate(8 * 2 ** 20)).toThrow(OutOfMemoryError);
  expect(() => heap.allocate(8 * 2 ** 20)).toThrow('1.0 MiB are in use');
  expect(() => heap.allocate(2 ** 40)).toThrow(OutOfMemoryError);
  heap.free(held);
  heap.free(heap.allocate(7 * 2 ** 20));
});

test('freeing twice is an error', () => {
  const heap = new Heap();
  const address = heap.allocate(10);
  heap.free(address);
  expect(() => heap.free(address)).toThrow('was freed before');
});
