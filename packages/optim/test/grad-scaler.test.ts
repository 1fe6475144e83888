// Scaled losses: what is skipped, how the factor follows, clipping in between, and state.
import { ArgumentError, DataError, DTypeError } from '@nn/core';
import { cpu } from '@nn/cpu';
import { clipGradNorm_, GradScaler, type GradScalerOptions, SGD } from '@nn/optim';
import { autocast, interpreter, setFusion, type Tensor, tensor, use } from '@nn/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const variants = ['interpreter', 'cpu'].flatMap((device) =>
  [true, false].map((fusion) => ({ device, fusion })),
);
const leaf = (values: number[]): Tensor => tensor(values, { dtype: 'float32', requiresGrad: true });

describe.each(variants)('on $device, fusion $fusion', ({ device, fusion }) => {
  beforeAll(() => {
    use(device === 'cpu' ? cpu({ threads: 1 }) : interpreter());
    setFusion(fusion);
  });
  afterAll(() => setFusion(true));

  /** One step on a loss whose gradient is `gradient`. */
  async function step(
    scaler: GradScaler,
    optimizer: SGD,
    x: Tensor,
    gradient: number,
    way: 'step' | 'stepAsync' = 'step',
  ): Promise<void> {
    optimizer.zeroGrad();
    scaler.scale(x.mul(gradient).sum()).backward();
    await scaler[way](optimizer);
    scaler.update();
  }

  it.each(['step', 'stepAsync'] as const)(
    'skips a step with infinities and follows with the factor: %s',
    async (way) => {
      const x = leaf([1, 2]);
      const optimizer = new SGD([x], { lr: 1, momentum: 0.5 });
      let steps = 0;
      optimizer.registerStepPostHook(() => void steps++);
      const scaler = new GradScaler({ initScale: 4, growthInterval: 2 });
      await step(scaler, optimizer, x, 0.25, way);
      expect(await x.toArray()).toEqual([0.75, 1.75]);
      expect(scaler.getScale()).toBe(4);
      await step(scaler, optimizer, x, 0.25, way);
      expect(await x.toArray()).toEqual([0.375, 1.375]);
      expect(scaler.getScale()).toBe(8);
      await step(scaler, optimizer, x, Number.POSITIVE_INFINITY, way);
      await step(scaler, optimizer, x, Number.NaN, way);
      expect(await x.toArray()).toEqual([0.375, 1.375]);
      expect([scaler.getScale(), steps]).toEqual([2, 2]);
      // An infinity in between starts the count again.
      await step(scaler, optimizer, x, 0, way);
      expect([scaler.getScale(), steps]).toEqual([2, 3]);
      await step(scaler, optimizer, x, 0, way);
      expect(scaler.getScale()).toBe(4);
    },
  );

  it('gives gradients that underflow in float16', async () => {
    const run = async (options: GradScalerOptions): Promise<number> => {
      const [w, x] = [tensor([[1]], { dtype: 'float32', requiresGrad: true }), tensor([[2 ** -13]])];
      const scaler = new GradScaler(options);
      const loss = autocast(
        () =>
          x
            .matmul(w)
            .mul(2 ** -13)
            .sum(),
        { dtype: 'float16' },
      );
      scaler.scale(loss).backward();
      scaler.unscale_(new SGD([w]));
      return w.grad!.item();
    };
    // 2^-26 is below float16's least number, 2^-24. A fused kernel may not round what it hands on within it.
    if (!fusion) expect(await run({ enabled: false })).toBe(0);
    expect(await run({ initScale: 2 ** 12 })).toBe(2 ** -26);
  });

  it('divides before clipping, once', async () => {
    const x = leaf([0, 0]);
    const optimizer = new SGD([x], { lr: 1 });
    const scaler = new GradScaler({ initScale: 1024 });
    scaler.scale(x.mul(tensor([3, 4])).sum()).backward();
    scaler.unscale_(optimizer);
    expect(await x.grad!.toArray()).toEqual([3, 4]);
    expect(() => scaler.unscale_(optimizer)).toThrow(/has been called already/);
    expect(await clipGradNorm_([x], 1).item()).toBeCloseTo(5, 5);
    scaler.step(optimizer);
    expect(() => scaler.step(optimizer)).toThrow(/update/);
    expect(() => scaler.unscale_(optimizer)).toThrow(/step\(\) was called/);
    scaler.update();
    const [a, b] = (await x.toArray()) as number[];
    expect([a, b]).toEqual([expect.closeTo(-0.6, 5), expect.closeTo(-0.8, 5)]);
  });

  it('skips only the optimizers whose gradients are infinite, and backs off for all', async () => {
    const [x, y] = [leaf([1]), leaf([1])];
    const [first, second] = [new SGD([x], { lr: 1 }), new SGD([y], { lr: 1 })];
    const scaler = new GradScaler({ initScale: 16 });
    for (const loss of scaler.scale([x.sum(), y.mul(Number.POSITIVE_INFINITY).sum()])) loss.backward();
    scaler.step(first);
    scaler.step(second);
    scaler.update();
    expect([await x.item(), await y.item(), scaler.getScale()]).toEqual([0, 1, 8]);
  });
});

describe('settings and state', () => {
  beforeAll(() => use(interpreter()));

  it('go through JSON', () => {
    const scaler = new GradScaler({ initScale: 8, growthInterval: 3 });
    const x = leaf([1]);
    const optimizer = new SGD([x]);
    x.sum().backward();
    scaler.step(optimizer);
    scaler.update();
    const other = new GradScaler();
    other.loadStateDict(JSON.parse(JSON.stringify(scaler.stateDict())));
    expect(other.stateDict()).toEqual({
      scale: 8,
      growthFactor: 2,
      backoffFactor: 0.5,
      growthInterval: 3,
      growthTracker: 1,
    });
    expect(() => other.loadStateDict({})).toThrow(DataError);
    expect(() => other.loadStateDict(null as never)).toThrow(DataError);
  });

  it('disabled, change nothing', async () => {
    const scaler = new GradScaler({ enabled: false });
    const x = leaf([1]);
    const optimizer = new SGD([x], { lr: 1 });
    scaler.scale(x.mul(2).sum()).backward();
    scaler.unscale_(optimizer);
    scaler.step(optimizer);
    scaler.update();
    expect([await x.item(), scaler.getScale(), scaler.isEnabled()]).toEqual([-1, 1, false]);
    expect(scaler.stateDict()).toEqual({});
  });

  it('set the factor', () => {
    const scaler = new GradScaler();
    scaler.update(32);
    expect(scaler.getScale()).toBe(32);
    expect(() => scaler.update(0)).toThrow(ArgumentError);
  });

  it('refuse what makes no sense', () => {
    const scaler = new GradScaler();
    expect(() => scaler.update()).toThrow(/Call step\(optimizer\) first/);
    expect(() => scaler.step(new SGD([leaf([1])]))).toThrow(/Call backward\(\) first/);
    expect(() => scaler.scale(3 as never)).toThrow(ArgumentError);
    expect(() => scaler.step(3 as never)).toThrow(ArgumentError);
    const half = tensor([1], { dtype: 'float16', requiresGrad: true });
    half.sum().backward();
    expect(() => scaler.unscale_(new SGD([half]))).toThrow(DTypeError);
    expect(() => new GradScaler({ growthFactor: 1 })).toThrow(/above 1/);
    expect(() => new GradScaler({ backoffFactor: 1 })).toThrow(/between 0 and 1/);
    expect(() => new GradScaler({ growthInterval: 0 })).toThrow(ArgumentError);
  });
});
