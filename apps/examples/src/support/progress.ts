// A progress bar on terminals; a line now and then elsewhere.
import { SingleBar } from 'cli-progress';

export interface ProgressOptions {
  /** What is counted. Default 'steps'. */
  readonly unit?: string;
  /** How many are done already. Default 0. */
  readonly first?: number;
}

export class ProgressBar {
  readonly #bar: SingleBar;
  readonly #started: number = performance.now();
  readonly #total: number;
  readonly #first: number;
  #done: number;

  constructor(label: string, total: number, { unit = 'steps', first = 0 }: ProgressOptions = {}) {
    this.#bar = new SingleBar({
      format: `${label} {bar} {percentage}% | {value}/{total} ${unit} | {rate}/s | {figures}{left} left`,
      hideCursor: true,
      noTTYOutput: true,
      notTTYSchedule: 5000,
      stopOnComplete: false,
    });
    this.#total = total;
    this.#first = first;
    this.#done = first;
    this.#bar.start(total, first, { rate: '-', figures: '', left: '-' });
  }

  /** Goes on by `items`, and shows the figures. */
  advance(items: number, figures: Readonly<Record<string, number>> = {}): void {
    this.#done += items;
    const rate = (this.#done - this.#first) / ((performance.now() - this.#started) / 1000);
    const left = Math.ceil((this.#total - this.#done) / rate);
    this.#bar.increment(items, {
      rate: rate < 10 ? rate.toFixed(1) : Math.round(rate),
      figures: Object.entries(figures)
        .map(([name, value]) => `${name} ${value.toFixed(4)} | `)
        .join(''),
      left: `${left} s`,
    });
  }

  stop(): void {
    this.#bar.stop();
  }
}
