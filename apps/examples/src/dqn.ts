// Deep Q-learning (Mnih et al. 2015; double, van Hasselt et al. 2016) balances a pole on a cart.
import { noGrad } from '@nn/autograd';
import { smoothL1Loss } from '@nn/functional';
import { deepcopy, Linear, ReLU, Sequential } from '@nn/modules';
import { Adam } from '@nn/optim';
import { compile, foreach, rand, randint, type Tensor, tensor, where } from '@nn/tensor';
import { CartPole, mostSteps } from './support/cart-pole.ts';
import { type Point, plot } from './support/charts.ts';
import { count, example, fraction, positive } from './support/example.ts';
import { ProgressBar } from './support/progress.ts';

/** What happened, for learning from it again and again; the oldest is forgotten. */
class Memory {
  readonly #capacity: number;
  readonly #states: Float32Array;
  readonly #nexts: Float32Array;
  readonly #actions: Int32Array;
  readonly #fallen: Float32Array;
  #added = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#states = new Float32Array(4 * capacity);
    this.#nexts = new Float32Array(4 * capacity);
    this.#actions = new Int32Array(capacity);
    this.#fallen = new Float32Array(capacity);
  }

  get length(): number {
    return Math.min(this.#added, this.#capacity);
  }

  add(state: readonly number[], action: number, next: readonly number[], fallen: boolean): void {
    const place = this.#added++ % this.#capacity;
    this.#states.set(state, 4 * place);
    this.#nexts.set(next, 4 * place);
    this.#actions[place] = action;
    this.#fallen[place] = Number(fallen);
  }

  /** States [n, 4], actions [n], next states [n, 4] and whether the pole fell [n], at random. */
  async sample(n: number): Promise<[Tensor, Tensor, Tensor, Tensor]> {
    const places = Array.from(await randint(0, this.length, [n]).data<Int32Array>());
    const rows = (from: Float32Array): Tensor =>
      tensor(places.map((place) => from.subarray(4 * place, 4 * place + 4)));
    const at = (from: Int32Array | Float32Array): number[] => places.map((place) => from[place]);
    return [
      rows(this.#states),
      tensor(at(this.#actions)),
      rows(this.#nexts),
      tensor(at(this.#fallen), { dtype: 'float32' }),
    ];
  }
}

export const dqn = example(
  'Deep Q-learning balances a pole on a cart.',
  {
    steps: count('pushes of each cart in training', 5000, { small: 60 }),
    carts: count('carts at the same time', 16, { small: 4 }),
    lessons: count('training steps after each push', 4, { small: 1 }),
    batch: count('memories a training step', 128, { small: 16 }),
    discount: fraction('what the future is worth', 0.99),
    lr: positive('learning rate', 0.0005),
    trials: count('episodes of the final trial', 20, { small: 2 }),
  },
  async ({ steps, carts, lessons, batch, discount, lr, trials, out }) => {
    const model = new Sequential(
      new Linear(4, 128),
      new ReLU(),
      new Linear(128, 128),
      new ReLU(),
      new Linear(128, 2),
    );
    const slow = deepcopy(model).requiresGrad_(false);
    const optimizer = new Adam(model.parameters(), { lr });
    const memory = new Memory(50_000);

    /** The better action, or with some probability any. */
    const act = compile((states: Tensor, curiosity: number) => {
      const best = noGrad(() => model(states).argmax(1));
      return where(rand([states.shape[0]]).lt(curiosity), randint(0, 2, [states.shape[0]]), best);
    });
    const learn = compile((states: Tensor, actions: Tensor, nexts: Tensor, fallen: Tensor) => {
      const value = model(states).gather(1, actions.unsqueeze(1)).squeeze(1);
      // The model chooses the next action, the slow copy says what it is worth. Falling costs 1, all else nothing.
      const target = noGrad(() => {
        const next = slow(nexts)
          .gather(1, model(nexts).argmax(1, { keepdim: true }))
          .squeeze(1);
        return where(fallen.gt(0), -1, next.mul(discount));
      });
      const loss = smoothL1Loss(value, target);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      noGrad(() => foreach.lerp_(slow.parameters(), model.parameters(), 0.005));
      return loss;
    });

    const start = async (cart: CartPole): Promise<void> => cart.reset(await rand([4]).data<Float32Array>());
    const statesOf = (all: readonly CartPole[]): Tensor =>
      tensor(
        all.map((cart) => cart.state),
        { dtype: 'float32' },
      );
    const all = Array.from({ length: carts }, () => new CartPole());
    await Promise.all(all.map(start));
    const lengths: Point[] = [];
    const bar = new ProgressBar('dqn', steps);
    for (let step = 0; step < steps; step++) {
      const curiosity = Math.max(0.02, 1 - (2 * step) / steps);
      const actions = await act(statesOf(all), curiosity).data<Int32Array>();
      for (const [i, cart] of all.entries()) {
        const before = cart.state;
        const { fallen, finished } = cart.push(actions[i]);
        memory.add(before, actions[i], cart.state, fallen);
        if (!finished) continue;
        lengths.push([step + 1, cart.steps]);
        await start(cart);
      }
      for (let i = 0; i < lessons && memory.length >= 2 * batch; i++) learn(...(await memory.sample(batch)));
      const recent = lengths.slice(-20);
      bar.advance(1, {
        upright: recent.reduce((sum, [, length]) => sum + length, 0) / Math.max(1, recent.length),
      });
    }
    bar.stop();

    // The final trial, without curiosity.
    let total = 0;
    for (let trial = 0; trial < trials; trial++) {
      const cart = new CartPole();
      await start(cart);
      for (let finished = false; !finished; ) {
        const [action] = await act(statesOf([cart]), 0).data<Int32Array>();
        ({ finished } = cart.push(action));
      }
      total += cart.steps;
    }
    const upright = total / trials;
    console.log(
      `${lengths.length} episodes; upright for ${upright} of ${mostSteps} steps in the final trial`,
    );
    await plot(out, 'dqn.svg', {
      title: 'Learning to balance a pole',
      x: 'pushes of each cart',
      y: 'steps upright',
      dots: { episodes: lengths.filter((_, i) => i % Math.ceil(lengths.length / 300) === 0) },
    });
    return { episodes: lengths.length, upright };
  },
);

if (import.meta.main) await dqn.main();
