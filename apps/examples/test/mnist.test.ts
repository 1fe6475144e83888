// The MNIST program as a user runs it, on a small data set made here: what it writes, resuming, and bad input.
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../src/mnist.ts', import.meta.url));
let folder = '';
let data = '';

/** An IDX file of bytes. */
function idx(sizes: readonly number[], content: Uint8Array): Uint8Array {
  const file = new Uint8Array(4 + 4 * sizes.length + content.length);
  const header = new DataView(file.buffer);
  header.setUint32(0, 0x0800 + sizes.length);
  for (const [i, size] of sizes.entries()) header.setUint32(4 + 4 * i, size);
  file.set(content, 4 + 4 * sizes.length);
  return file;
}

/** A bright bar whose row says the class, under noise: learnt in a few steps. */
async function writeSet(target: string, prefix: string, count: number): Promise<void> {
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
  const images = new Uint8Array(count * 784);
  let noise = 1;
  for (let i = 0; i < images.length; i++) {
    noise = (noise * 48271) % 2147483647;
    const row = Math.floor((i % 784) / 28);
    images[i] = Math.floor(row / 2.8) === labels[Math.floor(i / 784)] ? 200 : noise % 60;
  }
  await writeFile(join(target, `${prefix}-images-idx3-ubyte`), idx([count, 28, 28], images));
  await writeFile(join(target, `${prefix}-labels-idx1-ubyte`), idx([count], labels));
}

interface Outcome {
  readonly status: number | null;
  readonly output: string;
}

function start(name: string, options: readonly string[], interruptAt?: RegExp): Promise<Outcome> {
  const own = [
    '--data',
    data,
    '--checkpoint',
    join(folder, `${name}.safetensors`),
    '--curve',
    join(folder, `${name}.svg`),
  ];
  const common = [
    '--json',
    join(folder, `${name}.json`),
    '--batch-size',
    '20',
    '--model',
    'mlp',
    '--threads',
    '1',
  ];
  const child = spawn(process.execPath, ['--conditions=@nn/source', script, ...own, ...common, ...options]);
  let output = '';
  const read = (chunk: Buffer): void => {
    output += chunk;
    if (interruptAt?.test(output)) child.kill('SIGINT');
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, output })));
}

interface Figures {
  readonly loss: number;
  readonly trainAccuracy: number;
  readonly testAccuracy: number;
}

async function figures(name: string): Promise<Figures[]> {
  const all = JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8')) as Figures[];
  return all.map(({ loss, trainAccuracy, testAccuracy }) => ({ loss, trainAccuracy, testAccuracy }));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nn-mnist-'));
  data = join(folder, 'data');
  await mkdir(data);
  await writeSet(data, 'train', 400);
  await writeSet(data, 't10k', 100);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the MNIST program', () => {
  it('trains, and writes figures, curve and checkpoint; the same seed gives the same curve', async () => {
    const first = await start('first', ['--epochs', '3']);
    expect(first.output).toMatch(/epoch 3: loss/);
    expect(first.status).toBe(0);
    const losses = await figures('first');
    expect(losses).toHaveLength(3);
    expect(losses[2].testAccuracy).toBeGreaterThan(0.9);
    expect(losses[2].loss).toBeLessThan(losses[0].loss / 2);
    expect(await readFile(join(folder, 'first.svg'), 'utf8')).toMatch(/^<svg.*test accuracy/s);
    await start('again', ['--epochs', '3']);
    expect(await figures('again')).toEqual(losses);
  }, 60_000);

  it('goes on from an interruption to the last digit', async () => {
    await start('whole', ['--epochs', '12']);
    const interrupted = await start('parts', ['--epochs', '12'], /epoch 3: loss/);
    expect(interrupted.status).toBe(130);
    const resumed = await start('parts', ['--epochs', '12', '--resume']);
    expect(resumed.status).toBe(0);
    expect(await figures('parts')).toEqual(await figures('whole'));
  }, 120_000);

  it('refuses bad input with one line and leaves nothing behind', async () => {
    const refused = async (name: string, options: readonly string[], message: RegExp): Promise<void> => {
      const before = await readdir(folder);
      const { status, output } = await start(name, options);
      expect(output).toMatch(message);
      expect(output).not.toMatch(/\n\s+at /);
      expect(status).toBe(1);
      expect(await readdir(folder)).toEqual(before);
    };
    const broken = join(folder, 'broken');
    await cp(data, broken, { recursive: true });
    await refused('a', ['--device', 'gpuu'], /no device 'gpuu'. Did you mean 'cpu'\?/);
    await refused('b', ['--epochs', 'many'], /--epochs .*integer of at least 1/);
    await refused('c', ['--modle', 'cnn'], /unknown option '--modle'/);
    await refused('d', ['--data', join(folder, 'nowhere')], /cannot read the folder/);
    await refused('e', ['--json', join(folder, 'nowhere', 'x.json')], /cannot write .*x\.json/);
    await refused('f', ['--resume'], /--resume: cannot read/);
    await refused('first', ['--resume', '--model', 'cnn'], /0\.weight|missing|unexpected/);
    const images = await readFile(join(broken, 'train-images-idx3-ubyte'));
    await writeFile(join(broken, 'train-images-idx3-ubyte'), images.subarray(0, 5000));
    await refused('g', ['--data', broken], /truncated: .*\[400, 28, 28\]/);
    await writeFile(
      join(broken, 'train-images-idx3-ubyte'),
      await readFile(join(data, 'train-labels-idx1-ubyte')),
    );
    await refused('h', ['--data', broken], /expected uint8 images/);
  }, 120_000);
});
