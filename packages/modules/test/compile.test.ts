// Compiled functions against the same functions uncompiled.
import { checkpoint, noGrad } from '@nn/autograd';
import { cpu } from '@nn/cpu';
import * as F from '@nn/functional';
import { BatchNorm1d, Dropout, Linear, type Module, Parameter, ReLU, Sequential } from '@nn/modules';
import { Adam, clipGradNorm_, SGD, StepLR } from '@nn/optim';
import {
  ArgumentError,
  arange,
  type Backend,
  compile,
  DeviceError,
  full,
  interpreter,
  isReplaying,
  manualSeed,
  rand,
  randn,
  runtimeOf,
  StaleValueError,
  type Tensor,
  tensor,
  use,
  zeros,
} from '@nn/tensor';
import { webgpu } from '@nn/webgpu';
import { createDawn } from '@nn/webgpu/node';
import { beforeAll, describe, expect, it } from 'vitest';

type Wrap = typeof compile;
type Values = Promise<unknown>;

const uncompiled: Wrap = (fn) => fn;

/** Numbers of nested arrays. */
function numbers(value: unknown): number[] {
  return Array.isArray(value) ? value.flatMap(numbers) : [Number(value)];
}

const backends: readonly [string, () => Backend | Promise<Backend>][] = [
  ['interpreter', interpreter],
  ['cpu', cpu],
  ['webgpu', async () => webgpu({ gpu: await createDawn({ software: 'fallback' }) })],
];

function values(tensors: Iterable<Tensor>): Promise<unknown[]> {
  return Promise.all(Array.from(tensors, (each) => each.toArray()));
}

describe.each(backends)('compile on %s', (device, backend) => {
  beforeAll(async () => use(await backend()));

  /** Runs a script compiled and not, from the same seed, and compares what it gives. */
  async function agrees(script: (wrap: Wrap) => Values): Promise<void> {
    manualSeed(1);
    const expected = numbers(await script(uncompiled));
    manualSeed(1);
    const found = numbers(await script(compile));
    expect(found.length).toBe(expected.length);
    // Programs of other kernels may add in another order.
    found.forEach((each, i) => {
      expect(Math.abs(each - expected[i])).toBeLessThanOrEqual(2e-5 * (1 + Math.abs(expected[i])));
    });
    expect(expected.some((each) => each !== 0)).toBe(true);
  }

  const classes = (count: number): Tensor => tensor(Array.from({ length: count }, (_, i) => i % 3));
  const parameter = (values: number[]): Parameter => new Parameter(tensor(values, { dtype: 'float32' }));

  it('trains: Adam, a schedule, dropout, batch norm, other batch sizes', () =>
    agrees(async (wrap) => {
      const model = new Sequential(
        new Linear(4, 8),
        new BatchNorm1d(8),
        new ReLU(),
        new Dropout(0.25),
        new Linear(8, 3),
      );
      const optimizer = new Adam(model.parameters(), { lr: 0.05 });
      const schedule = new StepLR(optimizer, 3, { gamma: 0.5 });
      const step = wrap((x: Tensor, y: Tensor) => {
        optimizer.zeroGrad();
        const loss = F.crossEntropy(model(x), y);
        loss.backward();
        optimizer.step();
        return loss;
      });
      const losses: Tensor[] = [];
      for (const count of [6, 6, 6, 6, 4, 6, 4, 4, 4, 6]) {
        losses.push(step(randn([count, 4]), classes(count)));
        schedule.step();
      }
      model.eval();
      const remains = [...losses, ...model.parameters(), ...model.buffers(), model(full([2, 4], 0.5))];
      return values(remains);
    }));

  it('replays from the third step on', () => {
    const model = new Linear(3, 2);
    const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
    const replayed: boolean[] = [];
    const step = compile((x: Tensor) => {
      optimizer.zeroGrad();
      const loss = model(x).square().mean();
      loss.backward();
      optimizer.step();
      replayed.push(isReplaying());
      return loss;
    });
    const x = randn([4, 3]);
    for (let i = 0; i < 5; i++) step(x);
    // The first step makes the momentum's buffers.
    expect(replayed).toEqual([false, false, true, true, true]);
    expect(isReplaying()).toBe(false);
  });

  it('updates parameters in place and leaves its gradients in the same memory', async () => {
    const w = parameter([1, 2, 3]);
    const optimizer = new Adam([w]);
    const step = compile((x: Tensor) => {
      optimizer.zeroGrad();
      w.mul(x).square().sum().backward();
      optimizer.step();
    });
    const x = full([3], 2);
    const held = (): unknown[] => [w.node.state?.buffer, w.grad?.node.state?.buffer];
    for (let i = 0; i < 4; i++) step(x);
    const before = held();
    const bytes = runtimeOf(device).heldBytes();
    const { grad } = w;
    const kept = w.grad?.clone();
    const values = await grad?.toArray();
    step(x);
    // Somebody holds this gradient: the next one lies elsewhere.
    expect(held()[0]).toBe(before[0]);
    expect(held()[1]).not.toBe(before[1]);
    expect(await kept?.toArray()).toEqual(values);
    const last = w.grad;
    const next = held();
    step(x);
    expect(held()).toEqual(next);
    await expect(last?.toArray()).rejects.toThrow(StaleValueError);
    for (let i = 0; i < 300; i++) step(x);
    // The gradient that was cloned is still there.
    expect(runtimeOf(device).heldBytes().value).toBeLessThanOrEqual(bytes.value + 256);
    expect(runtimeOf(device).heldBytes().transient).toBeLessThan(bytes.transient + 1024);
    const realized = w.grad?.realize();
    const now = await realized?.toArray();
    step(x);
    expect(await realized?.toArray()).toEqual(now);
  });

  it('computes checkpoints again', () =>
    agrees(async (wrap) => {
      const first = new Linear(3, 4);
      const second = new Linear(4, 2);
      const optimizer = new SGD([...first.parameters(), ...second.parameters()], { lr: 0.1 });
      const replayed: boolean[] = [];
      const step = wrap((x: Tensor) => {
        optimizer.zeroGrad();
        const loss = second(checkpoint((each: Tensor) => F.dropout(first(each).tanh()), x))
          .square()
          .mean();
        loss.backward();
        optimizer.step();
        replayed.push(isReplaying());
        return loss;
      });
      const losses: Tensor[] = [];
      for (let i = 0; i < 6; i++) losses.push(step(randn([4, 3])));
      expect(replayed.slice(1)).toEqual(Array(5).fill(wrap === compile));
      return [await values(losses), await values(first.parameters())];
    }));

  it('follows a structure that changes: gradients accumulated over three calls, a flag', () =>
    agrees(async (wrap) => {
      const model = new Linear(3, 2);
      const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
      let calls = 0;
      let sharp = false;
      const step = wrap((x: Tensor) => {
        const output = model(x);
        const loss = (sharp ? output.pow(4) : output.square()).mean();
        loss.backward();
        if (++calls % 3 === 0) {
          clipGradNorm_(model.parameters(), 0.5);
          optimizer.step();
          optimizer.zeroGrad();
        }
        return loss;
      });
      const losses: Tensor[] = [];
      for (let i = 0; i < 20; i++) {
        sharp = i % 7 > 4;
        losses.push(step(randn([i % 5 === 4 ? 2 : 4, 3])));
      }
      return [await values(losses), await values(model.parameters())];
    }));

  it('reads the gradients that a call leaves', () =>
    agrees(async (wrap) => {
      const w = parameter([1, 2, 3]);
      const optimizer = new SGD([w], { lr: 0.1 });
      const step = wrap((x: Tensor) => {
        optimizer.zeroGrad();
        w.mul(x).square().sum().backward();
        optimizer.step();
      });
      const gradients: unknown[] = [];
      for (let i = 0; i < 6; i++) {
        step(randn([3]));
        gradients.push(await w.grad?.toArray());
      }
      return gradients;
    }));

  it('carries state from call to call in closures', () =>
    agrees(async (wrap) => {
      const weight = randn([3, 3]);
      let hidden = zeros([3]);
      const cell = wrap((x: Tensor) => {
        hidden = hidden.matmul(weight).add(x).tanh();
        return hidden.sum();
      });
      const sums: Tensor[] = [];
      for (let i = 0; i < 8; i++) sums.push(cell(randn([3])));
      return [await values(sums), await hidden.toArray()];
    }));

  it('keeps what is read outside each time, though it is not returned', () =>
    agrees(async (wrap) => {
      const w = parameter([1, -2]);
      const optimizer = new SGD([w], { lr: 0.1 });
      let last: Tensor | null = null;
      const step = wrap((x: Tensor) => {
        optimizer.zeroGrad();
        last = w.mul(x).tanh();
        last.sum().backward();
        optimizer.step();
      });
      const seen: unknown[] = [];
      for (let i = 0; i < 6; i++) {
        step(randn([2]));
        seen.push(await last!.toArray());
      }
      return seen;
    }));

  it('refuses what was not returned and is overwritten', async () => {
    const w = parameter([1, -2]);
    const optimizer = new SGD([w], { lr: 0.1 });
    let last: Tensor | null = null;
    const step = compile((x: Tensor) => {
      optimizer.zeroGrad();
      last = w.mul(x);
      last.sum().backward();
      optimizer.step();
      return w.mul(2);
    });
    let returned: Tensor | null = null;
    for (let i = 0; i < 5; i++) returned = step(full([2], 1));
    expect(last!.shape).toEqual([2]);
    expect(last!.dtype).toBe('float32');
    await expect(last!.toArray()).rejects.toThrow(StaleValueError);
    await expect(last!.mul(2).toArray()).rejects.toThrow(/not returned/);
    // What depends on nothing that was overwritten can be computed.
    expect(await returned!.toArray()).toEqual(numbers(await w.mul(2).toArray()));
  });

  it('never takes the value of an earlier call for that of this call', async () => {
    let former: Tensor | null = null;
    let useFormer = false;
    const run = compile((x: Tensor) => {
      const doubled = x.mul(2);
      const result = (useFormer ? former! : doubled).add(1);
      former = doubled;
      return result;
    });
    const results: Tensor[] = [];
    for (let i = 0; i < 6; i++) {
      useFormer = i === 4;
      results.push(run(full([1], i)));
    }
    expect(numbers(await values(results))).toEqual([1, 3, 5, 7, 7, 11]);
  });

  it('returns whatever the function returns', () =>
    agrees(async (wrap) => {
      const w = parameter([1, 2, 3, 4]);
      const optimizer = new SGD([w], { lr: 0.5 });
      const step = wrap((x: Tensor, name: string, scale: number) => {
        optimizer.zeroGrad();
        const loss = w.sub(x).square().sum().mul(scale);
        loss.backward();
        optimizer.step();
        return {
          name,
          scale,
          loss,
          again: [loss, loss.add(1)],
          x,
          w,
          view: w.reshape(2, 2),
          copy: w.detach().clone(),
          none: null,
        };
      });
      const seen: unknown[] = [];
      let copy: Tensor | null = null;
      for (let i = 0; i < 6; i++) {
        if (copy !== null) seen.push(await copy.toArray());
        const x = randn([4]);
        const result = step(x, 'a', i / 10);
        expect(result.name).toBe('a');
        expect(result.scale).toBe(i / 10);
        expect(result.x).toBe(x);
        expect(result.w).toBe(w);
        ({ copy } = result);
        seen.push(await values([result.loss, ...result.again, result.view]));
        // Still the parameter's memory.
        noGrad(() => result.view.mul_(1.5));
        seen.push(await w.toArray(), await copy.toArray());
      }
      return seen;
    }));

  it('writes into arguments, captured tensors and views of them', () =>
    agrees(async (wrap) => {
      const buffer = zeros([3, 4]);
      const row = buffer.at(1);
      const total = zeros([]);
      const step = wrap((x: Tensor, i: number) => {
        x.mul_(2);
        row.add_(x);
        buffer.at(i % 3).sub_(1);
        buffer.T.at(0).mul_(0.5);
        total.add_(x.sum());
        return buffer.sum();
      });
      const seen: unknown[] = [];
      for (let i = 0; i < 9; i++) {
        const x = arange(4).to('float32').add(i);
        const view = x.reshape(2, 2);
        const result = step(x, i);
        seen.push(await values([x, view, result]));
      }
      return [seen, await values([buffer, row, total])];
    }));

  it('reads late the value of then', () =>
    agrees(async (wrap) => {
      const w = parameter([1, 2]);
      const optimizer = new SGD([w], { lr: 0.1 });
      const step = wrap((x: Tensor) => {
        optimizer.zeroGrad();
        w.mul(x).square().sum().backward();
        optimizer.step();
      });
      const late: Tensor[] = [];
      const copies: Tensor[] = [];
      for (let i = 0; i < 7; i++) {
        late.push(w.mul(10));
        copies.push(w.detach().clone());
        step(full([2], 1));
      }
      return values([...late, ...copies]);
    }));

  it('tells one tensor given twice from two', () =>
    agrees(async (wrap) => {
      const step = wrap((a: Tensor, b: Tensor) => {
        a.add_(1);
        return a.mul(b);
      });
      const seen: unknown[] = [];
      for (let i = 0; i < 12; i++) {
        const a = full([2], i);
        const b = i % 3 === 2 ? a : i % 3 === 1 ? a.detach() : full([2], 5);
        seen.push(await values([step(a, b), a, b]));
      }
      return seen;
    }));

  it('goes on where the function throws, before or after the step', () =>
    agrees(async (wrap) => {
      const w = parameter([1, 2]);
      const optimizer = new SGD([w], { lr: 0.1, momentum: 0.5 });
      const step = wrap((x: Tensor, at: string) => {
        optimizer.zeroGrad();
        const loss = w.mul(x).square().sum();
        loss.backward();
        if (at === 'before') throw new Error(at);
        optimizer.step();
        if (at === 'after') throw new Error(at);
        return loss;
      });
      const seen: unknown[] = [];
      for (const at of ['', '', '', 'before', '', 'after', '', '', '', 'after', 'before', '']) {
        try {
          seen.push(await step(full([2], 1), at).toArray());
        } catch (error) {
          expect((error as Error).message).toBe(at);
        }
        seen.push(await values([w, w.grad!]));
      }
      return seen;
    }));

  it('differentiates outside what was computed inside', () =>
    agrees(async (wrap) => {
      const model: Module = new Sequential(new Linear(3, 4), new ReLU(), new Linear(4, 1));
      const optimizer = new SGD(model.parameters(), { lr: 0.1 });
      const forward = wrap((x: Tensor) => model(x).square().mean());
      const seen: unknown[] = [];
      for (let i = 0; i < 6; i++) {
        optimizer.zeroGrad();
        const loss = forward(randn([2, 3]));
        loss.backward();
        optimizer.step();
        seen.push(await loss.item());
      }
      return [seen, await values(model.parameters())];
    }));

  it('runs compiled functions within compiled functions, random numbers, hooks and noGrad', () =>
    agrees(async (wrap) => {
      const w = parameter([1, 2]);
      w.registerHook((gradient) => gradient.mul(3));
      const optimizer = new SGD([w], { lr: 0.01 });
      const noisy = wrap((x: Tensor) => x.add(rand([2])));
      const step = wrap((x: Tensor) => {
        optimizer.zeroGrad();
        const loss = noisy(w.mul(x)).square().sum();
        loss.backward();
        const before = noGrad(() => noisy(w));
        optimizer.step();
        return [loss, before];
      });
      const seen: unknown[] = [];
      for (let i = 0; i < 6; i++) {
        seen.push(await values(step(full([2], i))));
        seen.push(await noisy(w.detach()).toArray());
      }
      return seen;
    }));

  it('takes tensors that are not computed yet, casts and numbers', () =>
    agrees(async (wrap) => {
      const half = tensor(0.5);
      const run = wrap((x: Tensor, scale: number) => x.to('float32').mul(scale).add(half).add(x.sum()));
      const seen: unknown[] = [];
      for (let i = 0; i < 6; i++) {
        const x = arange(4).add(i);
        seen.push(await values([run(x, i), run(x.mul(2), 0.5), x]));
      }
      return seen;
    }));

  it('refuses asynchronous functions', () => {
    const run = compile(async (x: Tensor) => x.mul(2).toArray());
    expect(() => run(full([1], 1))).toThrow(ArgumentError);
    expect(() => compile(3 as never)).toThrow(ArgumentError);
  });

  it('goes on uncompiled where values are read inside, or says that the device cannot', async () => {
    const script = async (wrap: Wrap): Values => {
      const w = parameter([1, 2]);
      const optimizer = new SGD([w], { lr: 0.1 });
      const step = wrap((x: Tensor) => {
        optimizer.zeroGrad();
        const loss = w.mul(x).square().sum();
        loss.backward();
        if (loss.itemSync() > 1) optimizer.step();
        return loss;
      });
      const seen: unknown[] = [];
      for (let i = 0; i < 8; i++) seen.push(await step(full([2], 1)).item(), await w.toArray());
      return seen;
    };
    if (device === 'webgpu') await expect(script(compile)).rejects.toThrow(DeviceError);
    else await agrees(script);
  });
});
