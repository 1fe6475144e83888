// What long trainings share: a progress bar, losses, checkpoints, Ctrl-C and going on from there.
import { join } from 'node:path';
import { loadCheckpoint, type Parts, saveCheckpoint } from './checkpoint.ts';
import { type Interrupt, onInterrupt } from './interrupt.ts';
import { ProgressBar } from './progress.ts';

/** Thrown out of a training when Ctrl-C was pressed and the checkpoint is written. */
export class Interrupted extends Error {
  readonly interrupt: Interrupt;

  constructor(checkpoint: string, interrupt: Interrupt) {
    super(`Interrupted. Go on with --resume (checkpoint: ${checkpoint}).`);
    this.interrupt = interrupt;
  }
}

export interface TrainingOptions {
  /** Names the bar and the checkpoint. */
  readonly name: string;
  readonly steps: number;
  readonly out: string;
  /** Whether to go on from the checkpoint. */
  readonly resume: boolean;
  /** What is saved and loaded: model, optimizer, schedule. */
  readonly parts: Parts;
  /** Steps between checkpoints. Default 200. */
  readonly saveEvery?: number;
}

interface Progress {
  step: number;
  /** Figures by name, one a step where the program recorded them. */
  readonly curves: Record<string, [step: number, value: number][]>;
}

/**
 * Steps of a training, for `for await`: starts where the checkpoint left off when asked to resume, saves now and then
 * and at the end, and on Ctrl-C after the step at hand.
 *
 * @throws {Interrupted} out of the loop, once the checkpoint is written.
 */
export class Training {
  readonly checkpoint: string;
  readonly #options: TrainingOptions;
  #progress: Progress = { step: 0, curves: {} };
  #latest: Record<string, number> = {};

  private constructor(options: TrainingOptions) {
    this.#options = options;
    this.checkpoint = join(options.out, `${options.name}.safetensors`);
  }

  /** @throws {DataError} when asked to resume from a checkpoint that is missing or of another model. */
  static async start(options: TrainingOptions): Promise<Training> {
    const training = new Training(options);
    if (options.resume) {
      const { step, curves } = await loadCheckpoint<Progress>(training.checkpoint, options.parts);
      training.#progress = { step, curves };
    }
    return training;
  }

  /** Notes figures of the current step: for the bar, and for curves. */
  record(figures: Readonly<Record<string, number>>): void {
    for (const [name, value] of Object.entries(figures)) {
      (this.#progress.curves[name] ??= []).push([this.#progress.step + 1, value]);
      this.#latest[name] = value;
    }
  }

  /** The recorded figures of a name with their steps, counted from 1. */
  curve(name: string): readonly (readonly [step: number, value: number])[] {
    return this.#progress.curves[name] ?? [];
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<number, void, undefined> {
    const { name, steps, parts, saveEvery = 200 } = this.#options;
    const progress = this.#progress;
    if (progress.step >= steps) return;
    using interrupt = onInterrupt();
    const bar = new ProgressBar(name, steps, { first: progress.step });
    try {
      while (progress.step < steps) {
        yield progress.step;
        progress.step++;
        bar.advance(1, this.#latest);
        if (progress.step % saveEvery === 0 || progress.step === steps || interrupt.requested) {
          await saveCheckpoint(this.checkpoint, parts, progress);
        }
        if (interrupt.requested) throw new Interrupted(this.checkpoint, interrupt);
      }
    } finally {
      bar.stop();
    }
  }
}
