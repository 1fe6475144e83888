// Every example of the gallery at its small size: it runs, its figures are right, and its pictures show something.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpu } from '@nn/cpu';
import { defaultDevice, removeBackend, use } from '@nn/tensor';
import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { trueExpm1, trueLog1p } from '../src/expm1.ts';
import { gallery } from '../src/main.ts';

let out = '';

beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'nn-gallery-'));
  use(cpu({ threads: 1 }));
  // What the examples say is for people.
  for (const method of ['log', 'table'] as const) vi.spyOn(console, method).mockImplementation(() => {});
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});
afterAll(async () => {
  vi.restoreAllMocks();
  removeBackend(defaultDevice());
  await rm(out, { recursive: true, force: true });
});

/** Throws unless the picture can be read and is not of one colour. */
async function checkPicture(name: string): Promise<void> {
  const content = await readFile(join(out, name));
  if (name.endsWith('.png')) {
    expect(new Set(decode(content).data).size, name).toBeGreaterThan(5);
    return;
  }
  const drawing = content.toString();
  expect(drawing, name).toMatch(/^<svg[\s\S]*<\/svg>\s*$/);
  expect(drawing, name).not.toMatch(/NaN|undefined|Infinity/);
  expect(drawing.match(/<path/g)!.length, name).toBeGreaterThan(5);
}

async function pictures(): Promise<string[]> {
  return (await readdir(out)).filter((name) => /\.(svg|png)$/.test(name)).sort();
}

describe('the gallery', () => {
  it('holds every example', async () => {
    const files = await readdir(fileURLToPath(new URL('../src', import.meta.url)));
    const others = ['main', 'memory', 'mnist'];
    const names = files.filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -3));
    expect(Object.keys(gallery).sort()).toEqual(names.filter((name) => !others.includes(name)).sort());
  });

  it('refuses unknown options and bad values, and names them', async () => {
    await expect(gallery.celu({ stepps: 3 } as never)).rejects.toThrow(/stepps.*steps/s);
    await expect(gallery.celu({ steps: 0, out })).rejects.toThrow(
      /steps: expected an integer of at least 1, got 0/,
    );
    await expect(gallery.optimizers({ surface: 'flat' as never, out })).rejects.toThrow(/one of rosenbrock/);
    await expect(gallery.lstm({ prompt: '', out })).rejects.toThrow(/prompt: expected some text/);
    await expect(gallery.gpt({ heads: 5, out })).rejects.toThrow(/reshape/);
    await expect(gallery.gpt({ resume: true, out: join(out, 'empty') })).rejects.toThrow(
      /--resume: cannot read/,
    );
  });
});

describe('the examples', () => {
  it('tensors', async () => {
    expect(await gallery.tensors({ out })).toEqual({
      shape: '[2,2]',
      gridSum: 7 + 7 + 15 + 8 + 3,
      amounts: '[120,2,90,2]',
      bits: '[2,7,5,-7]',
      gradient: '[2,4,6]',
    });
  });

  it('linear-regression', async () => {
    const { slope, intercept, exactSlope, exactIntercept } = await gallery['linear-regression']({ out });
    expect(slope).toBeCloseTo(exactSlope, 4);
    expect(intercept).toBeCloseTo(exactIntercept, 4);
    expect(Math.abs(slope - 1.5)).toBeLessThan(0.1);
  });

  it('activations', async () => {
    const { functions, fastestSeconds } = await gallery.activations({ ...gallery.activations.small, out });
    expect(functions).toBeGreaterThanOrEqual(29);
    expect(fastestSeconds).toBeGreaterThan(0);
  });

  it('celu', async () => {
    const { formulaDifference, firstLoss, loss } = await gallery.celu({ ...gallery.celu.small, out });
    expect(formulaDifference).toBeLessThan(1e-6);
    expect(loss).toBeLessThan(firstLoss / 2);
  });

  it('softmax', async () => {
    const figures = await gallery.softmax({ out });
    // Numbers beside 1000 are 6e-5 apart in float32.
    expect(figures.shifted).toBeLessThan(6e-5);
    expect(figures.sigmoidDifference).toBeLessThan(1e-6);
    expect(figures.jacobianDifference).toBeLessThan(1e-6);
    expect(figures.keptLog).toBe(-200);
  });

  it('expm1, with true values', async () => {
    for (const x of [1, 0.3, 1e-5, -1e-5, 1e-10, -0.75]) {
      // JavaScript's own are right to about the last bit.
      expect(Math.abs(trueExpm1(x) / Math.expm1(x) - 1)).toBeLessThan(4e-16);
      expect(Math.abs(trueLog1p(x) / Math.log1p(x) - 1)).toBeLessThan(4e-16);
    }
    const figures = await gallery.expm1({ out });
    expect(figures.plainExpError).toBeGreaterThan(0.9);
    expect(figures.plainLogError).toBeGreaterThan(0.9);
    expect(figures.expm1Error).toBeLessThan(3e-7);
    expect(figures.log1pError).toBeLessThan(3e-7);
    expect(figures.slopeAtZero).toBe(1);
  });

  it('foreach', async () => {
    const { error } = await gallery.foreach({ ...gallery.foreach.small, out });
    expect(error).toBeLessThan(1e-6);
  });

  it('ode', async () => {
    const { value, byRate, byStart, firstLoss, loss } = await gallery.ode({ ...gallery.ode.small, out });
    // The method's own error at this step, k h = 0.16, is about 10 (k h)⁵ / 120 = 9e-6; by k, 5 / (k t) times that.
    for (const error of [value, byRate, byStart]) expect(error).toBeLessThan(4e-5);
    expect(loss).toBeLessThan(firstLoss / 2);
  });

  it('data-loader', async () => {
    const { rare, sameOrder } = await gallery['data-loader']({ ...gallery['data-loader'].small, out });
    // 1000 draws, half of them of the rare class: a standard deviation is 16.
    expect(Math.abs(rare - 500)).toBeLessThan(80);
    expect(sameOrder).toBe(true);
  });

  it('dropout', async () => {
    const { kept, seenPlain, plain, seenDropped } = await gallery.dropout({ ...gallery.dropout.small, out });
    expect(Math.abs(kept - 0.6)).toBeLessThan(0.01);
    expect(seenPlain).toBeLessThan(seenDropped);
    expect(plain).toBeGreaterThan(0);
  });

  it('batch-norm', async () => {
    const { plain, normalized } = await gallery['batch-norm']({ ...gallery['batch-norm'].small, out });
    expect(plain).toBeLessThan(0.3);
    expect(normalized).toBeGreaterThan(2 * plain);
  });

  it('optimizers', async () => {
    const heights = await gallery.optimizers({ ...gallery.optimizers.small, out });
    for (const [name, height] of Object.entries(heights)) expect(height, name).toBeLessThan(6.27);
    expect(heights['L-BFGS']).toBeLessThan(1e-3);
    const hollows = await gallery.optimizers({ steps: 100, surface: 'himmelblau', out });
    for (const [name, height] of Object.entries(hollows)) expect(height, name).toBeLessThan(179);
    expect(hollows.Adam).toBeLessThan(1);
    expect(hollows['L-BFGS']).toBeLessThan(1e-6);
  });

  it('spiral', async () => {
    const { loss, accuracy } = await gallery.spiral({ ...gallery.spiral.small, out });
    expect(loss).toBeLessThan(0.1);
    expect(accuracy).toBeGreaterThan(0.9);
  });

  it('gpt, also when it goes on', async () => {
    const { firstLoss, loss, sample } = await gallery.gpt({ ...gallery.gpt.small, out });
    expect(Math.abs(firstLoss - Math.log(66))).toBeLessThan(0.3);
    expect(loss).toBeLessThan(firstLoss - 0.5);
    expect(sample).toMatch(/^The whale [\s\S]{40}$/);
    // The same text again: all of the training comes from the checkpoint.
    const again = await gallery.gpt({ ...gallery.gpt.small, out, resume: true });
    expect(again.loss).toBe(loss);
    expect((await gallery.gpt({ ...gallery.gpt.small, out, resume: true, steps: 33 })).loss).not.toBe(loss);
  });

  it('lstm', async () => {
    const { firstLoss, loss, sample } = await gallery.lstm({ ...gallery.lstm.small, out });
    expect(loss).toBeLessThan(firstLoss - 0.5);
    expect(sample).toMatch(/^The whale [\s\S]{40}$/);
  });

  it('vae', async () => {
    const { firstLoss, loss } = await gallery.vae({ ...gallery.vae.small, out });
    expect(loss).toBeLessThan(firstLoss / 2);
  });

  it('dcgan', async () => {
    const { criticLoss, generatorLoss, spread } = await gallery.dcgan({ ...gallery.dcgan.small, out });
    for (const loss of [criticLoss, generatorLoss]) expect(loss).toBeGreaterThan(0);
    expect(spread).toBeGreaterThan(0);
  });

  it('dqn', async () => {
    const { episodes, upright } = await gallery.dqn({ ...gallery.dqn.small, out });
    expect(episodes).toBeGreaterThan(3);
    expect(upright).toBeGreaterThanOrEqual(8);
  });

  it('made these pictures', async () => {
    const names = await pictures();
    expect(names).toEqual([
      'activations.svg',
      'batch-norm.svg',
      'celu.svg',
      'data-loader.png',
      'dcgan.png',
      'dcgan.svg',
      'dqn.svg',
      'dropout.svg',
      'expm1.svg',
      'gpt.svg',
      'linear-regression.svg',
      'lstm.svg',
      'ode.svg',
      'optimizers-himmelblau.svg',
      'optimizers-rosenbrock.svg',
      'softmax.svg',
      'spiral.svg',
      'vae-drawn.png',
      'vae-remade.png',
      'vae-walks.png',
    ]);
    for (const name of names) await checkPicture(name);
  });
});
