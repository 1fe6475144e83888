// One process of training with each kind of optimizer, for resume.test.ts: from nothing or from a saved state, to a number
// of steps; then it writes all of its state and, if asked to, dies.
import { readFileSync, writeFileSync } from 'node:fs';
import { cpu } from '@nn/cpu';
import { crossEntropy } from '@nn/functional';
import { AveragedModel, Dropout, getEmaAvgFn, Linear, ReLU, Sequential } from '@nn/modules';
import * as optim from '@nn/optim';
import {
  autocast,
  type DType,
  defaultGenerator,
  isTensor,
  manualSeed,
  randn,
  type Tensor,
  tensor,
  use,
} from '@nn/tensor';

/** Plain data with tensors as { tensor, shape, data }. */
async function toPlain(value: unknown): Promise<unknown> {
  if (isTensor(value)) {
    return { tensor: value.dtype, shape: value.shape, data: Array.from(await value.data(), Number) };
  }
  if (Array.isArray(value)) return Promise.all(value.map(toPlain));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(async ([name, each]) => [name, await toPlain(each)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

function fromPlain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromPlain);
  if (typeof value !== 'object' || value === null) return value;
  if ('tensor' in value) {
    const { data, shape, tensor: dtype } = value as { data: number[]; shape: number[]; tensor: DType };
    return tensor(dtype === 'int64' ? data.map(BigInt) : data, { shape, dtype });
  }
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, fromPlain(each)]));
}

interface Saveable {
  stateDict(): object;
  loadStateDict(state: never): unknown;
}

/** A step, and whose state it has. */
interface Training {
  readonly step: () => Promise<void>;
  readonly parts: readonly Saveable[];
}

type Names = ReturnType<Sequential['namedParameters']>;
const optimizers: Readonly<Record<string, (names: Names) => optim.Optimizer<{ lr: number }>>> = {
  AdamW: (names) => new optim.AdamW(names, { lr: 0.01, amsgrad: true }),
  SGD: (names) => new optim.SGD(names, { lr: 0.1, momentum: 0.9, nesterov: true }),
  NAdam: (names) => new optim.NAdam(names, { lr: 0.01 }),
  Adafactor: (names) => new optim.Adafactor(names, { lr: 0.05 }),
  Lion: (names) => new optim.Lion(names, { lr: 0.01 }),
  AdamWScheduleFree: (names) => new optim.AdamWScheduleFree(names, { lr: 0.01, warmupSteps: 5 }),
};

function makeModel(): Sequential {
  return new Sequential(new Linear(5, 8), new ReLU(), new Dropout(0.25), new Linear(8, 3));
}

/** L-BFGS has a step of its own, and reads in between. */
function lbfgs(): Training {
  const model = makeModel().eval();
  const optimizer = new optim.LBFGS(model.namedParameters(), {
    lr: 0.5,
    maxIter: 3,
    historySize: 4,
    lineSearchFn: 'strongWolfe',
  });
  const [x, y] = [randn([16, 5]).realize(), tensor(Array.from({ length: 16 }, (_, i) => i % 3))];
  const step = async (): Promise<void> => {
    await optimizer.stepAsync(() => {
      optimizer.zeroGrad();
      const loss = crossEntropy(model(x) as Tensor, y);
      loss.backward();
      return loss;
    });
  };
  return { step, parts: [model, optimizer] };
}

function firstOrder(kind: string): Training {
  const model = makeModel();
  const average = new AveragedModel(model, { avgFn: getEmaAvgFn(0.9) });
  const scaler = new optim.GradScaler({ initScale: 256, growthInterval: 4 });
  const optimizer = optimizers[kind](model.namedParameters());
  const scheduler = new optim.SequentialLR(
    optimizer,
    [
      new optim.LinearLR(optimizer, { startFactor: 0.3, totalIters: 4 }),
      new optim.CosineAnnealingWarmRestarts(optimizer, 3, { tMult: 2 }),
    ],
    [4],
  );
  const step = async (): Promise<void> => {
    const [x, y] = [randn([6, 5]), tensor([0, 1, 2, 0, 1, 2])];
    optimizer.zeroGrad();
    const loss = autocast(() => crossEntropy(model(x) as Tensor, y), { dtype: 'float16' });
    scaler.scale(loss).backward();
    scaler.unscale_(optimizer);
    optim.clipGradNorm_(model.parameters(), 1);
    scaler.step(optimizer);
    scaler.update();
    scheduler.step();
    average.updateParameters(model);
  };
  return { step, parts: [model, average, optimizer, scheduler, scaler] };
}

interface Saved {
  readonly states: readonly unknown[];
  readonly random: { readonly seed: string; readonly draws: number };
}

async function train(kind: string, from: number, until: number, file: string): Promise<void> {
  manualSeed(7);
  const { step, parts } = kind === 'LBFGS' ? lbfgs() : firstOrder(kind);
  if (from > 0) {
    const { states, random } = fromPlain(JSON.parse(readFileSync(file, 'utf8'))) as Saved;
    parts.forEach((each, i) => {
      each.loadStateDict(states[i] as never);
    });
    defaultGenerator.setState({ seed: BigInt(random.seed), draws: random.draws });
  }
  for (let at = from; at < until; at++) await step();
  const states = (await toPlain(parts.map((each) => each.stateDict()))) as unknown[];
  const { seed, draws } = defaultGenerator.getState();
  const saved: Saved = { states, random: { seed: String(seed), draws } };
  writeFileSync(file, JSON.stringify(saved));
}

const [, , from, until, prefix, ending] = process.argv;
use(cpu({ threads: 1 }));
for (const kind of [...Object.keys(optimizers), 'LBFGS']) {
  await train(kind, Number(from), Number(until), `${prefix}-${kind}.json`);
}
if (ending === 'killed') process.kill(process.pid, 'SIGKILL');
