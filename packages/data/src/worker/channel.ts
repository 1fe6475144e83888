// The way from a worker to its loader, in Node and in a browser.
import { nodeModule } from '../platform.ts';
import { brand, type FromWorker, type ToWorker } from './messages.ts';

export interface Channel {
  listen(hear: (message: ToWorker) => void): void;
  post(message: FromWorker, transfer: ArrayBuffer[]): void;
  /** Holds a lock while the worker lives: a browser tells nobody when a worker closes itself. */
  holdLock(name: string, held: () => void): void;
}

interface NodePort {
  on(event: 'message', hear: (message: unknown) => void): void;
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
}

interface NodeThreads {
  readonly isMainThread: boolean;
  readonly parentPort: NodePort | null;
  getEnvironmentData(key: string): unknown;
}

interface WorkerScope {
  addEventListener(event: 'message', hear: (event: { readonly data: unknown }) => void): void;
  addEventListener(event: 'unhandledrejection', hear: (event: { readonly reason: unknown }) => void): void;
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
}

/**
 * Set while a loader starts a thread of Node, so that other threads that load the same module stay what they are;
 * and the name of a browser's worker that has no module of the user's to wait for.
 */
export const startedByLoader = 'nn.data.worker';

/** Whether this thread serves as soon as this package is loaded: its dataset needs no module of the user's. */
export function isBareWorker(): boolean {
  const threads = nodeModule<NodeThreads>('node:worker_threads');
  if (threads !== undefined) return threads.getEnvironmentData(startedByLoader) === 'bare';
  return 'WorkerGlobalScope' in globalThis && (globalThis as { name?: string }).name === startedByLoader;
}

const isOurs = (message: unknown): message is ToWorker =>
  (message as { readonly brand?: unknown } | null | undefined)?.brand === brand;

/** Only once in a thread, also where it has two copies of this package. */
const taken: unique symbol = Symbol.for('nn.data.channel') as never;

export function channelToLoader(): Channel | null {
  const scope = globalThis as { [taken]?: boolean };
  if (scope[taken]) return null;
  const channel = nodeChannel() ?? webChannel();
  if (channel !== null) scope[taken] = true;
  return channel;
}

function nodeChannel(): Channel | null {
  const threads = nodeModule<NodeThreads>('node:worker_threads');
  const port = threads?.parentPort;
  if (!port || threads?.getEnvironmentData(startedByLoader) === undefined) return null;
  return {
    listen: (hear) => port.on('message', (message) => isOurs(message) && hear(message)),
    post: (message, transfer) => port.postMessage(message, transfer),
    holdLock: (_name, held) => held(),
  };
}

function webChannel(): Channel | null {
  if (!('WorkerGlobalScope' in globalThis) || !('postMessage' in globalThis)) return null;
  const scope = globalThis as unknown as WorkerScope;
  return {
    listen(hear): void {
      scope.addEventListener('message', ({ data }) => isOurs(data) && hear(data));
      scope.addEventListener('unhandledrejection', ({ reason }) => {
        // As in Node, where it ends the thread.
        setTimeout(() => {
          throw reason;
        });
      });
    },
    post: (message, transfer) => scope.postMessage(message, transfer),
    holdLock(name, held): void {
      const { locks } = navigator;
      if (locks === undefined) held();
      else {
        void locks.request(name, () => {
          held();
          return new Promise(() => {});
        });
      }
    },
  };
}
