// A progress bar on terminals; a line now and then elsewhere.
import { SingleBar } from 'cli-progress';

export class ProgressBar {
  readonly #bar: SingleBar;
  readonly #started: number = performance.now();
  readonly #total: number;
  readonly #first: number;
  #done: number;

  /** `first` items are done already. */
  constructor(label: string, total: number, first: number = 0) {
    this.#bar = new SingleBar({
      format: `${label} {bar} {percentage}% | {value}/{total} images | {rate}/s | loss {loss} | {left} left`,
      hideCursor: true,
      noTTYOutput: true,
      notTTYSchedule: 5000,
      stopOnComplete: false,
    });
    this.#total = total;
    this.#first = first;
    this.#done = first;
    this.#bar.start(total, first, { rate: '-', loss: '-', left: '-' });
  }

  advance(items: number, { loss }: { readonly loss: number }): void {
    this.#done += items;
    const rate = (this.#done - this.#first) / ((performance.now() - this.#started) / 1000);
    const left = Math.ceil((this.#total - this.#done) / rate);
    this.#bar.increment(items, { rate: Math.round(rate), loss: loss.toFixed(4), left: `${left} s` });
  }

  stop(): void {
    this.#bar.stop();
  }
}
