// Starting a worker and hearing from it, in Node and in a browser.
import { nodeModule } from '../platform.ts';
import { startedByLoader, type ThreadKind } from './channel.ts';
import { brand, type ToWorker } from './messages.ts';
import { urlOf, type WorkerLike, type WorkerModule } from './recipe.ts';

export interface ThreadEvents {
  message(data: unknown): void;
  /** Something that nobody caught, or a module that could not be loaded. The thread is of no more use. */
  error(error: unknown): void;
  /** The thread is no more. `code` is known in Node. */
  exit(code: number | undefined): void;
}

export interface Thread {
  post(message: ToWorker, transfer?: ArrayBuffer[]): void;
  /** Whether waiting for the thread keeps the program running. */
  hold(isHeld: boolean): void;
  terminate(): Promise<void>;
}

interface NodeWorker {
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  on(event: string, listener: (value: never) => void): void;
  ref(): void;
  unref(): void;
  terminate(): Promise<number>;
}

interface NodeThreads {
  readonly Worker: new (url: URL) => NodeWorker;
  setEnvironmentData(key: string, value: unknown): void;
}

/** How a thread without a module of the user's starts. */
export interface BareModule {
  readonly bare: string;
}

export function startThread(module: WorkerModule | BareModule, events: ThreadEvents): Thread {
  const threads = nodeModule<NodeThreads>('node:worker_threads');
  const worker = threads === undefined ? startInBrowser(module) : startInNode(threads, module);
  return 'on' in worker ? nodeThread(worker as NodeWorker, events) : webThread(worker as Worker, events);
}

function startInNode(threads: NodeThreads, module: WorkerModule | BareModule): WorkerLike {
  const isBare = typeof module === 'object' && 'bare' in module;
  threads.setEnvironmentData(startedByLoader, (isBare ? 'bare' : 'module') satisfies ThreadKind);
  try {
    if (typeof module === 'function') return module();
    return new threads.Worker(new URL(isBare ? module.bare : urlOf(module)!));
  } finally {
    threads.setEnvironmentData(startedByLoader, undefined);
  }
}

function startInBrowser(module: WorkerModule | BareModule): WorkerLike {
  if (typeof module === 'function') return module();
  if (typeof module === 'object' && 'start' in module) return module.start();
  const [url, kind] =
    typeof module === 'object' && 'bare' in module
      ? [module.bare, 'bare' as const]
      : [module, 'module' as const];
  return new Worker(url, { type: 'module', name: `${startedByLoader} ${kind}` });
}

function nodeThread(worker: NodeWorker, events: ThreadEvents): Thread {
  worker.on('message', events.message);
  worker.on('messageerror', events.error);
  worker.on('error', events.error);
  worker.on('exit', events.exit);
  worker.unref();
  // What is said before the worker listens waits for it.
  worker.postMessage({ brand, kind: 'hello', lock: '' } satisfies ToWorker);
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    hold: (isHeld) => (isHeld ? worker.ref() : worker.unref()),
    terminate: async () => void (await worker.terminate()),
  };
}

const helloEvery = 50;
let locks = 0;

function webThread(worker: Worker, events: ThreadEvents): Thread {
  const lock = `nn.data ${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}-${locks++}`;
  const ended = new AbortController();
  // A module worker that awaits at its top loses what was said before it listens: say it again until it answers.
  const hello = setInterval(
    () => worker.postMessage({ brand, kind: 'hello', lock } satisfies ToWorker),
    helloEvery,
  );
  let greeted = false;
  worker.addEventListener('message', ({ data }) => {
    if (!greeted) {
      greeted = true;
      clearInterval(hello);
      // The worker holds it as long as it lives: who is given it knows that the worker is no more.
      navigator.locks?.request(lock, { signal: ended.signal }, () => events.exit(undefined)).catch(() => {});
    }
    events.message(data);
  });
  worker.addEventListener('messageerror', () => events.error(new Error('a message could not be read')));
  worker.addEventListener('error', (event) => {
    event.preventDefault?.();
    const unloaded = 'its module could not be loaded. Bundlers need workerDataset(make, { url, start })';
    events.error(event.error ?? new Error(event.message || unloaded));
  });
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    hold: () => {},
    async terminate(): Promise<void> {
      clearInterval(hello);
      ended.abort();
      worker.terminate();
    },
  };
}
