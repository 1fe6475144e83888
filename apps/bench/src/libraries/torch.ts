// PyTorch, in a Python process of its own that is asked through pipes and times its runs itself.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Benchmark, Input, Prepared } from '../benchmark.ts';
import type { Contender } from '../contenders.ts';
import { comparedSteps, lossDifferences } from './library.ts';
import { Uploads } from './uploads.ts';

interface Answer {
  readonly bytes: number;
  readonly error?: string;
  readonly version?: string;
  readonly milliseconds?: number;
}

type Replied = readonly [answer: Answer, data: Buffer];

/** Requests are answered in order. */
class Conversation {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting: { resolve(reply: Replied): void; reject(error: Error): void }[] = [];
  #chunks: Buffer[] = [];
  #length = 0;
  #answer: Answer | null = null;
  #ended: Error | null = null;
  /** The last lines of standard error, to say why it ended. */
  #complaint = '';

  constructor(python: string, threads: number) {
    const script = fileURLToPath(new URL('pytorch_server.py', import.meta.url));
    // Its libraries for products have threads of their own.
    const names = ['OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'];
    const limits = Object.fromEntries(names.map((name) => [name, `${threads}`]));
    this.#process = spawn(python, [script, `${threads}`], { env: { ...process.env, ...limits } });
    this.#process.stdout.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#process.stderr.on('data', (chunk: Buffer) => {
      this.#complaint = `${this.#complaint}${chunk}`.slice(-2000);
    });
    this.#process.stdin.on('error', (error) => this.#end(error.message));
    this.#process.on('error', (error) => this.#end(error.message));
    this.#process.on('close', (code) => {
      const last = this.#complaint.trim().split('\n').at(-1);
      this.#end(last === undefined || last === '' ? `it ended with status ${code}` : last);
    });
  }

  /** The next answer; the first one comes unasked. */
  reply(): Promise<Replied> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== null) return reject(this.#ended);
      this.#waiting.push({ resolve, reject });
    });
  }

  async ask(method: string, request: object = {}, data: Uint8Array = new Uint8Array()): Promise<Replied> {
    const reply = this.reply();
    if (this.#ended === null) {
      this.#wake();
      this.#process.stdin.write(`${JSON.stringify({ ...request, method, bytes: data.byteLength })}\n`);
      if (data.byteLength > 0) this.#process.stdin.write(data);
    }
    const [answer, answered] = await reply;
    if (answer.error !== undefined) throw new Error(answer.error);
    return [answer, answered];
  }

  close(): void {
    this.#wake();
    this.#process.stdin.end();
  }

  /**
   * Between requests the process is stopped: threads of its libraries go on looking for work for a while, on processors
   * that are the next one's to use.
   */
  #rest(): void {
    if (process.platform !== 'win32') this.#process.kill('SIGSTOP');
  }

  #wake(): void {
    if (process.platform !== 'win32') this.#process.kill('SIGCONT');
  }

  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    while (true) {
      if (this.#answer === null) {
        const whole = this.#joined();
        const end = whole.indexOf(10);
        if (end < 0) return;
        this.#answer = JSON.parse(whole.subarray(0, end).toString()) as Answer;
        this.#keep(whole.subarray(end + 1));
      }
      const { bytes } = this.#answer;
      if (this.#length < bytes) return;
      const whole = this.#joined();
      this.#waiting.shift()?.resolve([this.#answer, whole.subarray(0, bytes)]);
      this.#answer = null;
      this.#keep(whole.subarray(bytes));
      if (this.#waiting.length === 0) this.#rest();
    }
  }

  #joined(): Buffer {
    const whole = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    this.#keep(whole);
    return whole;
  }

  #keep(rest: Buffer): void {
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
  }

  #end(reason: string): void {
    this.#ended ??= new Error(`PyTorch does not answer: ${reason}`);
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
  }
}

class PyTorch implements Contender {
  readonly name: string = 'torch';
  readonly version: string;
  readonly device: string = 'cpu';
  readonly threads: number;
  readonly #conversation: Conversation;
  /** Numbers of tensors there. */
  readonly #uploads: Uploads<number>;
  #tensors = 0;
  #sent: Promise<unknown>[] = [];

  constructor(conversation: Conversation, version: string, threads: number) {
    this.version = version;
    this.threads = threads;
    this.#conversation = conversation;
    this.#uploads = new Uploads(
      (input) => this.#upload(input),
      (id) => this.#send('free', { id }),
    );
  }

  activate(): void {}

  suits(benchmark: Benchmark): boolean {
    return benchmark.suits?.(this.name) ?? true;
  }

  async prepare(benchmark: Benchmark): Promise<Prepared> {
    const inputs = this.#uploads.get(inputsOf(benchmark));
    await Promise.all(this.#sent.splice(0));
    const { kind } = benchmark;
    if (kind === 'training') {
      const { layers, loss, learningRate } = benchmark.network();
      const classes = loss.kind === 'crossEntropy' ? loss.classes : null;
      await this.#conversation.ask(kind, { inputs, layers, classes, learningRate, pass: benchmark.pass });
    } else {
      const code = benchmark.versions.torch;
      if (code === undefined) throw new Error('torch has no such operation');
      await this.#conversation.ask(kind, { inputs, code });
    }
    return {
      time: async (count) => (await this.#conversation.ask('time', { count }))[0].milliseconds ?? 0,
      results: (positions) =>
        kind === 'training' && benchmark.pass === 'step' ? this.#losses() : this.#results(positions),
      dispose: async () => {
        await this.#conversation.ask('forget');
      },
    };
  }

  dispose(): void {
    this.#conversation.close();
  }

  async #results(positions: readonly number[] | undefined): Promise<ArrayLike<number>> {
    return floatsOf(await this.#conversation.ask('results', { positions }));
  }

  async #losses(): Promise<ArrayLike<number>> {
    const losses: number[] = [];
    for (let step = 0; step < comparedSteps; step++) losses.push((await this.#results(undefined))[0]);
    return lossDifferences(losses);
  }

  #upload({ values, shape }: Input): number {
    const id = this.#tensors++;
    const dtype = values instanceof Int32Array ? 'int32' : 'float32';
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.#send('tensor', { id, dtype, shape }, bytes);
    return id;
  }

  /** What went wrong with it shows when the next case is prepared. */
  #send(method: string, request: object, data?: Uint8Array): void {
    const sent = this.#conversation.ask(method, request, data);
    sent.catch(() => {});
    this.#sent.push(sent);
  }
}

/** Of a network: the batch, the target, then the parameters. */
function inputsOf(benchmark: Benchmark): readonly Input[] {
  if (benchmark.kind !== 'training') return benchmark.inputs();
  const { input, loss, parameters } = benchmark.network();
  const target = loss.kind === 'squares' ? loss.target : { values: loss.labels, shape: [loss.labels.length] };
  return [input, target, ...parameters];
}

function floatsOf([, data]: Replied): Float32Array {
  // Copied: what was received need not lie at a multiple of four.
  return new Float32Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
}

/** Starts PyTorch; fails where there is none. */
export async function openTorch(python: string, threads: number): Promise<Contender> {
  const conversation = new Conversation(python, threads);
  const [{ version }] = await conversation.reply();
  return new PyTorch(conversation, version ?? 'unknown', threads);
}
