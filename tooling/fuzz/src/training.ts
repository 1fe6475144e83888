// Random training loops, in which handles are kept and read at a random later moment: logits, hidden activations,
// gradients, and what was computed from parameters that have been updated since. The reference computes everything at
// once, so it shows what an early read gives.
import { domainOf, inexact } from './domain.ts';
import type { Argument, Instruction, Program } from './program.ts';
import { Random } from './random.ts';

const anyFloat = inexact(-1e3, 1e3);
const wide = domainOf(-3, 3, 2);

type Layer = (x: number) => number;

/** The program of a seed: a model of random layers, an optimizer, a few steps, late reads. */
export function trainingLoop(seed: number): Program {
  return new Loop(seed).program();
}

class Loop {
  readonly #seed: number;
  readonly #random: Random;
  readonly #instructions: Instruction[] = [];
  readonly #parameters: number[] = [];
  #next = 0;
  #step: number | undefined;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new Random(seed);
  }

  program(): Program {
    const random = this.#random;
    const convolutional = random.chance(0.3);
    const batch = random.pick([1, 2, 4]);
    const width = random.pick([2, 3, 5]);
    const layers = this.#model(width, convolutional);
    const optimizer = this.#optimizer();
    const steps = random.integer(2, 6);
    /** Kept handles, by the step before which they are read. */
    const reads = new Map<number, number[]>();
    for (let step = 0; step < steps; step++) {
      for (const late of random.shuffled(reads.get(step) ?? [])) this.#push({ kind: 'read', on: late });
      const rows = random.chance(0.2) ? batch + 1 : batch;
      const shape = convolutional ? [rows, 2, width + 2] : [rows, width];
      const x = this.#tensor(shape, false);
      this.#step = step;
      for (const kept of this.#trainingStep(layers, x, optimizer)) {
        if (!random.chance(0.4)) continue;
        const at = random.integer(step + 1, steps + 1);
        reads.set(at, [...(reads.get(at) ?? []), kept]);
      }
      this.#step = undefined;
    }
    for (const late of random.shuffled([...(reads.get(steps) ?? []), ...this.#parameters]))
      this.#push({ kind: 'read', on: late });
    return { seed: this.#seed, instructions: this.#instructions };
  }

  /** Forward, backward and update; gives the variables that one may keep. */
  #trainingStep(layers: readonly Layer[], x: number, optimizer: number): number[] {
    const random = this.#random;
    const kept: number[] = [];
    const clears = random.chance(0.85);
    if (clears) this.#call(optimizer, 'zeroGrad', []);
    let h = x;
    for (const layer of layers) {
      h = layer(h);
      kept.push(h);
      if (random.chance(0.2)) this.#push({ kind: 'keep', on: h });
    }
    const loss = this.#make(this.#make(h, 'square', []), 'mean', []);
    kept.push(loss);
    this.#call(loss, 'backward', []);
    for (const parameter of this.#parameters) {
      if (!random.chance(0.3)) continue;
      kept.push(this.#push({ kind: 'gradient', on: parameter, domain: anyFloat }, true));
    }
    this.#call(optimizer, 'step', []);
    // What depends on the parameters of now, and on activations of before.
    if (random.chance(0.5)) {
      const parameter = random.pick(this.#parameters);
      const copy = this.#make(parameter, random.pick(['detach', 'clone']), []);
      kept.push(this.#make(copy, 'mul', [2]), this.#make(random.pick(kept), 'add', [1]));
    }
    return kept;
  }

  #model(width: number, convolutional: boolean): Layer[] {
    const random = this.#random;
    const layers: Layer[] = [];
    let features = width;
    if (convolutional) {
      const weight = this.#tensor([3, 2, 3], true);
      layers.push(
        (x) => this.#function('conv1d', [v(x), v(weight)]),
        (x) => this.#make(x, 'tanh', []),
      );
    }
    const count = random.integer(1, 5);
    for (let i = 0; i < count; i++) {
      const kind = random.pick([
        'linear',
        'linear',
        'linear',
        'norm',
        'scale',
        'softmax',
        'residual',
        'dropout',
      ]);
      if (kind === 'linear') {
        const out = random.pick([2, 3, 4]);
        const [weight, bias] = [this.#tensor([out, features], true), this.#tensor([out], true)];
        const activation = random.pick(['tanh', 'sigmoid', 'sin']);
        layers.push((x) => this.#function('linear', [v(x), v(weight), v(bias)]));
        layers.push((x) => this.#make(x, activation, []));
        features = out;
      } else if (kind === 'norm') {
        const [weight, bias] = [this.#tensor([features], true), this.#tensor([features], true)];
        const shape = [features];
        layers.push((x) =>
          this.#function('layerNorm', [v(x), shape, { weight: v(weight), bias: v(bias), eps: 1 }]),
        );
      } else if (kind === 'scale') {
        const weight = this.#tensor([features], true);
        layers.push((x) => this.#make(x, 'mul', [v(weight)]));
      } else if (kind === 'softmax') layers.push((x) => this.#make(x, 'softmax', [-1]));
      else if (kind === 'residual') layers.push((x) => this.#make(x, 'add', [v(this.#make(x, 'tanh', []))]));
      else layers.push((x) => this.#function('dropout', [v(x), { p: 0.5 }]));
    }
    if (this.#parameters.length === 0) {
      const weight = this.#tensor([features], true);
      layers.push((x) => this.#make(x, 'mul', [v(weight)]));
    }
    return layers;
  }

  /** Steps so large that old and new values differ, and no division by what is nearly zero. */
  #optimizer(): number {
    const [name, options] = this.#random.pick<[string, { [name: string]: Argument }]>([
      ['SGD', { lr: 0.25 }],
      ['SGD', { lr: 0.125, momentum: 0.5 }],
      ['SGD', { lr: 0.125, momentum: 0.5, nesterov: true, weightDecay: 0.1 }],
      ['Adam', { lr: 0.1, eps: 0.1 }],
      ['AdamW', { lr: 0.1, eps: 0.1, weightDecay: 0.1 }],
      ['RMSprop', { lr: 0.1, eps: 0.1 }],
      ['Adagrad', { lr: 0.1, eps: 0.1 }],
    ]);
    return this.#function(name, [this.#parameters.map(v), options], true);
  }

  #tensor(shape: readonly number[], requiresGrad: boolean): number {
    const size = shape.reduce((a, b) => a * b, 1);
    const values = Array.from({ length: size }, () => this.#random.integer(-6, 7) / 4);
    const options = { shape: [...shape], dtype: 'float32', ...(requiresGrad ? { requiresGrad } : {}) };
    const made = this.#push(
      {
        kind: 'call',
        on: null,
        name: 'tensor',
        args: [values, options],
        domain: requiresGrad ? anyFloat : wide,
      },
      true,
    );
    if (requiresGrad) this.#parameters.push(made);
    return made;
  }

  #function(name: string, args: readonly Argument[], object: boolean = false): number {
    return this.#push({ kind: 'call', on: null, name, args, ...(object ? {} : { domain: anyFloat }) }, true);
  }

  #make(on: number, name: string, args: readonly Argument[]): number {
    return this.#push({ kind: 'call', on, name, args, domain: anyFloat }, true);
  }

  #call(on: number, name: string, args: readonly Argument[]): void {
    this.#push({ kind: 'call', on, name, args });
  }

  #push(instruction: Instruction, makes: boolean = false): number {
    const result = makes ? { result: this.#next } : {};
    const step = this.#step === undefined ? {} : { step: this.#step };
    this.#instructions.push({ ...instruction, ...result, ...step });
    return makes ? this.#next++ : -1;
  }
}

const v = (variable: number): { readonly variable: number } => ({ variable });
