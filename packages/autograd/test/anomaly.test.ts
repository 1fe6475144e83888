// Anomaly mode names this file's lines: for NaN in backward and forward, for errors of rules and for those that come late.
import { readFileSync } from 'node:fs';
import { customFunction, detectAnomaly, grad, setDetectAnomaly } from '@nn/autograd';
import { type Backend, removeBackend, UnsupportedError } from '@nn/core';
import { compile, interpreter, memoryPolicy, ones, type Tensor, tensor, use } from '@nn/tensor';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

beforeEach(() => use(interpreter()));
afterEach(() => removeBackend('interpreter'));

const source = readFileSync(new URL(import.meta.url), 'utf8').split('\n');

/** The place of the one line that ends in this comment. */
function placeOf(mark: string): string {
  const lines = source.flatMap((line, i) => (line.endsWith(`// ${mark}`) ? [i + 1] : []));
  expect(lines).toHaveLength(1);
  return `anomaly.test.ts:${lines[0]}:`;
}

async function messageOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    const { message, stack } = error as Error;
    // What consoles print.
    expect(stack).toContain(message);
    return message;
  }
  return expect.fail('nothing was thrown');
}

/** The first place that a message names. */
const firstPlace = (message: string): string | undefined => /at .*?([\w.]+:\d+:)\d+\)?$/m.exec(message)?.[1];

const leaf = (...values: number[]): Tensor => tensor(values, { dtype: 'float32', requiresGrad: true });

/** A device that computes behind the calls. */
function behind(): Backend {
  const inner = interpreter({ name: 'behind' });
  return {
    ...inner,
    capabilities: { ...inner.capabilities, synchronousRead: false },
    readSync: () => expect.fail('read synchronously'),
    read: async (buffer) => inner.read(buffer),
  };
}

describe('backward', () => {
  test('names where the op was called whose derivative is NaN', async () => {
    const message = await messageOf(() =>
      detectAnomaly(() => {
        const root = leaf(0, 1).sqrt(); // the root
        root.mul(0).sum().backward();
      }),
    );
    expect(message).toContain("backward: 'SqrtBackward' gave NaN as the gradient of its input 0");
    expect(firstPlace(message)).toBe(placeOf('the root'));
  });

  test('does so with the next read on a device that computes behind the calls', async () => {
    use(behind());
    using _ = setDetectAnomaly(true);
    const x = tensor([0, 1], { dtype: 'float32', device: 'behind', requiresGrad: true });
    const loss = x.sqrt().mul(0).sum(); // behind
    loss.backward();
    const message = await messageOf(() => x.grad!.data());
    expect(message).toContain('SqrtBackward');
    expect(firstPlace(message)).toBe(placeOf('behind'));
    expect(message).not.toContain('when reading');
    removeBackend('behind');
  });

  test('names both ops of a derivative of a derivative', async () => {
    const message = await messageOf(() =>
      detectAnomaly(() => {
        const x = leaf(0);
        const y = x.pow(1.5).sum(); // first
        const [g] = grad(y, [x], { createGraph: true }); // second
        g.mul(0).sum().backward();
      }),
    );
    expect(message).toMatch(/NaN as the gradient of its input/);
    expect(message).toContain(placeOf('second'));
    expect(message).toContain("in the derivative 'PowBackward'");
    expect(message).toContain(placeOf('first'));
  });

  test('adds the place to what a derivative throws, and keeps the error', async () => {
    const own = new TypeError('no derivative today');
    const failing = customFunction<[Tensor]>({
      forward: (_, x) => x.mul(2),
      backward() {
        throw own;
      },
    });
    const run = (): void => failing(leaf(1)).sum().backward(); // custom
    await expect(async () => run()).rejects.toBe(own);
    expect(own.message).toBe('no derivative today');
    const message = await messageOf(() => detectAnomaly(run));
    expect(message).toMatch(/^no derivative today\nIt came up in the derivative 'CustomBackward'/);
    expect(firstPlace(message)).toBe(placeOf('custom'));
  });

  test('says so when the mode was off in forward', async () => {
    const loss = leaf(0).sqrt().mul(0).sum();
    expect(await messageOf(() => detectAnomaly(() => loss.backward()))).toContain('anomaly mode was off');
  });

  test('finds nothing where nothing is wrong, or where it is told not to look', () => {
    const x = leaf(1, 2);
    detectAnomaly(() => x.sqrt().sum().backward());
    expect(x.grad!.toArraySync()).toEqual([0.5, 0.3535533845424652]);
    const zero = leaf(0);
    detectAnomaly(() => zero.sqrt().mul(0).sum().backward(), { checkNan: false });
    expect(zero.grad!.toArraySync()).toEqual([Number.NaN]);
  });

  test('ends with the guard or the promise', async () => {
    const bad = (): void => leaf(0).sqrt().mul(0).sum().backward();
    {
      using _ = setDetectAnomaly(true);
      expect(bad).toThrow('SqrtBackward');
    }
    bad();
    await detectAnomaly(async () => {
      await Promise.resolve();
      expect(bad).toThrow('SqrtBackward');
    });
    bad();
    setDetectAnomaly(true);
    expect(bad).toThrow('SqrtBackward');
    setDetectAnomaly(false);
    bad();
  });
});

describe('forward', () => {
  const check = (run: () => unknown): Promise<string> =>
    messageOf(() => detectAnomaly(async () => await run(), { checkForward: true }));

  test('names the op that made the first NaN', async () => {
    const message = await check(async () => {
      const x = tensor([-1, 1], { dtype: 'float32' });
      const logarithm = x.log(); // logarithm
      await logarithm.mul(2).exp().sum().item();
    });
    expect(message).toContain("'log' gave NaN, in a result of shape [2]");
    expect(firstPlace(message)).toBe(placeOf('logarithm'));
  });

  test('names an infinity, and what made the infinity behind a NaN', async () => {
    const infinite = await check(() => ones([2]).div(0).data()); // division
    expect(infinite).toContain("'div' gave an infinity");
    expect(firstPlace(infinite)).toBe(placeOf('division'));
    const message = await check(async () => {
      const big = ones([2]).mul(1e30).square(); // overflow
      await big.sub(big).sum().item(); // difference
    });
    expect(message).toContain("'sub' gave NaN");
    expect(firstPlace(message)).toBe(placeOf('difference'));
    expect(message).toContain('An input of it was infinite');
    expect(message).toContain(placeOf('overflow'));
  });

  test('lets infinities pass that no result shows', async () => {
    const masked = tensor([1, Number.NEGATIVE_INFINITY], { dtype: 'float32' });
    const values = await detectAnomaly(() => masked.softmax(0).data(), { checkForward: true });
    expect([...values]).toEqual([1, 0]);
  });

  test('names data that was NaN when it was given', async () => {
    const message = await check(() => tensor([Number.NaN, 1]).mul(2).data()); // given
    expect(message).toContain('a tensor of shape [2] held NaN before');
    expect(firstPlace(message)).toBe(placeOf('given'));
  });

  test('works behind the calls, and in compiled functions', async () => {
    use(behind());
    const x = tensor([-1], { dtype: 'float32', device: 'behind' });
    const message = await check(() => x.log().mul(2).data()); // late
    expect(message).toContain("'log' gave NaN");
    expect(firstPlace(message)).toBe(placeOf('late'));
    removeBackend('behind');
    use(interpreter());
    const step = compile((x: Tensor) => x.log().sum()); // compiled
    for (let i = 0; i < 4; i++) await step(ones([2])).item();
    const compiled = await check(() => step(ones([2]).neg()).item());
    expect(compiled).toContain("'log' gave NaN");
    expect(firstPlace(compiled)).toBe(placeOf('compiled'));
  });
});

describe('errors that come late', () => {
  test('name the op that a device cannot compile', async () => {
    const inner = interpreter({ name: 'picky' });
    use({
      ...inner,
      compile(program) {
        if (JSON.stringify(program.kernels).includes('"op":"erf"'))
          throw new UnsupportedError('picky: no erf');
        return inner.compile(program);
      },
    });
    const run = async (): Promise<unknown> => {
      const x = ones([3], { device: 'picky' }).mul(2);
      const y = x.erf(); // erf
      return y.exp().sum().item();
    };
    expect(await messageOf(run)).toBe('picky: no erf');
    const message = await messageOf(() => detectAnomaly(run));
    expect(message).toMatch(/^picky: no erf\nWhat failed is 'erf' of shape \[3\], called at\n/);
    expect(firstPlace(message)).toBe(placeOf('erf'));
    removeBackend('picky');
  });

  test('name the op of a value that was dropped', async () => {
    const former = memoryPolicy().keptBytes;
    memoryPolicy({ keptBytes: 0 });
    try {
      const message = await messageOf(() =>
        detectAnomaly(async () => {
          const x = ones([4]).exp().realize(); // dropped
          const late = x.mul(2);
          x.add_(1);
          x.realize();
          await ones([4]).sin().data();
          await late.data();
        }),
      );
      expect(message).toContain('has been dropped');
      expect(firstPlace(message)).toBe(placeOf('dropped'));
    } finally {
      memoryPolicy({ keptBytes: former });
    }
  });

  test('name what was read when a device reports an error then', async () => {
    const inner = behind();
    use({ ...inner, name: 'gone', read: () => Promise.reject(new Error('the device is gone')) });
    const run = (): Promise<unknown> => ones([2], { device: 'gone' }).exp().data(); // read
    const message = await messageOf(() => detectAnomaly(run));
    expect(message).toContain("It came up when reading the result of 'exp'");
    expect(firstPlace(message)).toBe(placeOf('read'));
    removeBackend('gone');
  });
});
