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
  readonly parentPort: NodePort | null;
  getEnvironmentData(key: string): unknown;
}

interface WorkerScope {
  addEventListener(event: 'message', hear: (event: { readonly data: unknown }) => void): void;
  addEventListener(event: 'unhandledrejection', hear: (event: { readonly reason: unknown }) => void): void;
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
}

/** What a thread is started for: to serve as soon as this package is loaded, or once a module defines a dataset. */
export type ThreadKind = 'bare' | 'module';

/**
 * Where a thread finds its kind: in Node's environment data, set while a loader starts it, so that other threads that
 * load the same module stay what they are; in a browser in the worker's name.
 */
export const startedByLoader = 'nn.data.worker';

/** The kind of this thread, if a loader started it. */
export function threadKind(): ThreadKind | undefined {
  const threads = nodeModule<NodeThreads>('node:worker_threads');
  if (threads !== undefined) return threads.getEnvironmentData(startedByLoader) as ThreadKind | undefined;
  if (!('WorkerGlobalScope' in globalThis)) return undefined;
  const [name, kind] = (globalThis as { readonly name?: string }).name?.split(' ') ?? [];
  return name === startedByLoader ? (kind as ThreadKind) : undefined;
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
  if (!port || threadKind() === undefined) return null;
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
      let isLoaders = false;
      scope.addEventListener('message', ({ data }) => {
        if (!isOurs(data)) return;
        isLoaders = true;
        hear(data);
      });
      scope.addEventListener('unhandledrejection', ({ reason }) => {
        // As in Node, where it ends the thread.
        if (isLoaders) {
          setTimeout(() => {
            throw reason;
          });
        }
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
