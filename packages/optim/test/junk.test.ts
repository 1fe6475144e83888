// Whatever is thrown at a constructor, it takes it or throws an error of the library's that names what it refuses:
// never a TypeError from within.
import { NnError } from '@nn/core';
import * as optim from '@nn/optim';
import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));
const leaf = (): Tensor => tensor([1, 2], { dtype: 'float32', requiresGrad: true });
const matrix = (): Tensor => tensor([[1, 2]], { dtype: 'float32', requiresGrad: true });

const junk: readonly unknown[] = [
  undefined,
  null,
  {},
  [],
  [[]],
  [null],
  '',
  'x',
  0,
  -1,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  true,
  3n,
  Symbol('junk'),
  () => 1,
  new Date(0),
  new Map(),
  { lr: 'x' },
  { unknown: 1 },
  { params: 1 },
  Object.create(null),
];
const describeJunk = (value: unknown): string => {
  if (value instanceof optim.Optimizer) return 'optimizer';
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null) return 'bare';
  return typeof value === 'object' ? `${value?.constructor.name} ${JSON.stringify(value)}` : String(value);
};

type Constructor = new (...args: unknown[]) => unknown;

function probe(name: string, args: readonly unknown[]): string | null {
  try {
    new (optim as unknown as Record<string, Constructor>)[name](...args);
    return null;
  } catch (error) {
    if (error instanceof NnError && error.message.includes(':')) return null;
    return `new ${name}(${args.map(describeJunk).join(', ')}): ${String(error)}`;
  }
}

const isClass = (name: string, value: unknown): boolean =>
  typeof value === 'function' && /^[A-Z]/.test(name) && !['Optimizer', 'LRScheduler'].includes(name);
const classes = Object.entries(optim)
  .filter(([name, value]) => isClass(name, value))
  .map(([name]) => name);
const optimizers = classes.filter(
  (name) =>
    (optim as unknown as Record<string, { prototype: unknown }>)[name].prototype instanceof optim.Optimizer,
);
const schedulers = classes.filter((name) => !optimizers.includes(name) && name !== 'GradScaler');

/** Options that some class takes. */
const settings = [
  'lr momentum dampening weightDecay nesterov maximize betas eps amsgrad momentumDecay lrDecay',
  'initialAccumulatorValue rho alpha centered etas stepSizes lambd t0 maxIter maxEval toleranceGrad toleranceChange',
  'historySize lineSearchFn nsCoefficients nsSteps adjustLrFn beta2Decay d warmupSteps r weightLrPower',
  'gamma factor totalIters startFactor endFactor power etaMin tMult stepSizeUp stepSizeDown mode scaleFn scaleMode',
  'cycleMomentum baseMomentum maxMomentum totalSteps epochs stepsPerEpoch pctStart annealStrategy divFactor',
  'finalDivFactor threePhase patience threshold thresholdMode cooldown minLr lastEpoch annealEpochs',
  'initScale growthFactor backoffFactor growthInterval enabled',
].flatMap((names) => names.split(' '));

describe.each(optimizers)('%s', (name) => {
  it('refuses junk for parameters and options', () => {
    const found: (string | null)[] = [];
    for (const value of junk) {
      found.push(probe(name, [value]), probe(name, [[value]]), probe(name, [[matrix()], value]));
      found.push(probe(name, [[{ params: value }]]), probe(name, [[['name', value]]]));
    }
    expect(found.filter((each) => each !== null)).toEqual([]);
  });

  it('refuses junk for each setting', () => {
    const found = settings.flatMap((setting) =>
      junk.map((value) => probe(name, [[matrix()], { [setting]: value }])),
    );
    expect(found.filter((each) => each !== null)).toEqual([]);
  });
});

describe.each(schedulers)('%s', (name) => {
  const optimizer = (): optim.SGD => new optim.SGD([leaf()], { lr: 0.1, momentum: 0.9 });

  it('refuses junk in the place of the optimizer and of all arguments', () => {
    const found: (string | null)[] = [];
    for (const value of junk) {
      found.push(probe(name, [value]), probe(name, [value, 2, 3]));
      found.push(probe(name, [{ paramGroups: value }, 2]), probe(name, [{ paramGroups: [value] }, 2]));
      for (const other of junk) {
        found.push(probe(name, [optimizer(), value, other]), probe(name, [optimizer(), 2, value, other]));
      }
    }
    expect(found.filter((each) => each !== null)).toEqual([]);
  });

  it('refuses junk for each setting', () => {
    const found = settings.flatMap((setting) =>
      junk.flatMap((value) => [
        probe(name, [optimizer(), { [setting]: value }]),
        probe(name, [optimizer(), 2, { [setting]: value }]),
        probe(name, [optimizer(), 2, 3, { [setting]: value }]),
      ]),
    );
    expect(found.filter((each) => each !== null)).toEqual([]);
  });
});

it('GradScaler refuses junk', () => {
  const found = junk.flatMap((value) => [
    probe('GradScaler', [value]),
    ...settings.map((setting) => probe('GradScaler', [{ [setting]: value }])),
  ]);
  expect(found.filter((each) => each !== null)).toEqual([]);
});

describe('what the errors say', () => {
  const sgd = (): optim.SGD => new optim.SGD([leaf()], { lr: 0.1 });

  it.each([
    [
      'an option in the place of a number',
      () => new optim.StepLR(sgd(), {} as never),
      /StepLR: stepSize must be/,
    ],
    ['options alone', () => new optim.StepLR({ stepSize: 3 } as never, 3), /must be an optimizer/],
    [
      'a scheduler for an optimizer',
      () => new optim.StepLR(new optim.StepLR(sgd(), 1) as never, 3),
      /optimizer/,
    ],
    [
      'nothing',
      () => new optim.CosineAnnealingLR(sgd(), undefined as never),
      /tMax must be a positive integer/,
    ],
    ['no choice', () => new optim.ReduceLROnPlateau(sgd(), { mode: 'least' as never }), /'min' or 'max'/],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(message);
  });
});
