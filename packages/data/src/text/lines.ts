// Text line by line.
import { ArgumentError, checkOptions } from '@nn/core';
import { IterableDataset } from '../dataset.ts';
import { describeSource, isRepeatable, readText, type Source } from '../source.ts';
import { getWorkerInfo } from '../worker/info.ts';

export interface LineOptions {
  /** A label of the Encoding Standard. Default 'utf-8'. */
  readonly encoding?: string;
}

/**
 * The lines of a text, without their ends (`\n` or `\r\n`), while it is read.
 *
 * @throws {DataError} when the source cannot be read, or is not of the encoding.
 * @example
 * ```ts
 * import { readLines } from '@nn/data/text';
 * for await (const line of readLines(new Blob(['one\r\ntwo\n']))) console.log(line);
 * // => one
 * // => two
 * ```
 */
export async function* readLines(
  source: Source,
  options: LineOptions = {},
): AsyncGenerator<string, void, undefined> {
  checkOptions('readLines', options, ['encoding']);
  let rest = '';
  for await (const text of readText(source, options.encoding)) {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
  }
  if (rest !== '') yield rest;
}

/** The lines of a text as samples. With workers each takes every so-many-th line. */
export class LineDataset extends IterableDataset<string> {
  readonly #source: Source;
  readonly #options: LineOptions;
  #isRead = false;

  constructor(source: Source, options: LineOptions = {}) {
    super();
    checkOptions('LineDataset', options, ['encoding']);
    this.#source = source;
    this.#options = options;
  }

  /** @throws {ArgumentError} the second time, where the source is a stream. */
  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    if (this.#isRead && !isRepeatable(this.#source)) {
      throw new ArgumentError(
        `LineDataset: ${describeSource(this.#source)} was read already. A file, URL or Blob can be read each epoch`,
      );
    }
    this.#isRead = true;
    const { id, numWorkers } = getWorkerInfo() ?? { id: 0, numWorkers: 1 };
    let number = 0;
    for await (const line of readLines(this.#source, this.#options)) {
      if (number++ % numWorkers === id) yield line;
    }
  }
}
