// The user's frames of a stack: every engine's form of it, from source, built, installed and bundled.
import { callSite } from '@nn/tensor';
import { describe, expect, test } from 'vitest';
import { userFrames } from '../src/call-site.ts';

describe('userFrames', () => {
  const expected = ['step (file:///app/train.ts:12:9)', 'file:///app/train.ts:40:1'];

  test('reads the stacks of Node and Chrome', () => {
    const stack = [
      'Error',
      '    at callSite (file:///repo/packages/tensor/src/call-site.ts:30:21)',
      '    at Tensor.add (file:///repo/packages/tensor/src/methods/elementwise.ts:3:2)',
      '    at new Linear (file:///repo/packages/modules/src/linear.ts:9:9)',
      '    at Array.map (<anonymous>)',
      '    at step (file:///app/train.ts:12:9)',
      '    at file:///app/train.ts:40:1',
      '    at node:internal/main/run_main_module:36:49',
    ].join('\n');
    expect(userFrames(stack, 'file:///repo/packages/tensor/src/call-site.ts')).toEqual(expected);
  });

  test('keeps what is asynchronous, constructed, or in a folder with spaces', () => {
    const stack = [
      'Error',
      '    at async Promise.all (index 0)',
      '    at async train (C:\\my app\\train.js:2:3)',
      '    at new Net (file:///my%20app/net.ts:1:1)',
    ].join('\n');
    expect(userFrames(stack, 'file:///lib/packages/tensor/dist/call-site.js')).toEqual([
      'async train (C:\\my app\\train.js:2:3)',
      'new Net (file:///my%20app/net.ts:1:1)',
    ]);
  });

  test('reads the stacks of Firefox and Safari', () => {
    const stack = [
      'callSite@http://localhost:5173/packages/tensor/src/call-site.ts?t=1:30:21',
      'add@http://localhost:5173/packages/tensor/src/arithmetic.ts?t=1:3:2',
      'step@http://localhost:5173/train.ts:12:9',
      '@http://localhost:5173/train.ts:40:1',
      '[native code]',
    ].join('\n');
    expect(userFrames(stack, 'http://localhost:5173/packages/tensor/src/call-site.ts?t=1')).toEqual([
      'step (http://localhost:5173/train.ts:12:9)',
      'http://localhost:5173/train.ts:40:1',
    ]);
  });

  test('knows installed packages, each in a store of its own', () => {
    const store = '/app/node_modules/.pnpm/@nn+tensor@1.0.0/node_modules/@nn/tensor/dist';
    const stack = [
      'Error',
      `    at callSite (file://${store}/call-site.js:30:21)`,
      '    at relu (file:///app/node_modules/.pnpm/@nn+functional@1.0.0/node_modules/@nn/functional/dist/a.js:3:2)',
      '    at step (file:///app/train.ts:12:9)',
      '    at file:///app/train.ts:40:1',
    ].join('\n');
    expect(userFrames(stack, `file://${store}/call-site.js`)).toEqual(expected);
  });

  test("knows what Vite's server made of them, and gives all of a bundle", () => {
    const vite = [
      'Error',
      '    at add (http://localhost:5173/node_modules/.vite/deps/chunk-ABC.js?v=1:3:2)',
      '    at step (http://localhost:5173/src/train.ts:12:9)',
    ].join('\n');
    const own = 'http://localhost:5173/node_modules/.vite/deps/@nn_tensor.js?v=1';
    expect(userFrames(vite, own)).toEqual(['step (http://localhost:5173/src/train.ts:12:9)']);
    const bundle = [
      'Error',
      '    at a (https://x.org/app.js:1:200)',
      '    at b (https://x.org/app.js:1:9000)',
    ].join('\n');
    expect(userFrames(bundle, 'https://x.org/app.js')).toHaveLength(2);
  });
});

test('callSite names this file', () => {
  const inner = (): readonly string[] => callSite();
  expect(inner()[0]).toMatch(/^inner \(.*call-site\.test\.ts:\d+:\d+\)$/);
});
