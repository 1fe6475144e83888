// Work in slices: what is too long for a frame is done in parts, between which others have their turn.

/** What a slice should take at most, in milliseconds. */
const sliceMilliseconds = 4;

/** Work that can pause wherever it yields. */
export type Slices = Generator<void, void, void>;

/** Runs items [0, items), `least` or a multiple of it at a time: as many as take about a slice. */
export function* inSlices(run: (begin: number, end: number) => void, items: number, least: number): Slices {
  let length = least;
  for (let begin = 0; begin < items; ) {
    const end = Math.min(items, begin + length);
    const start = performance.now();
    run(begin, end);
    const elapsed = performance.now() - start;
    begin = end;
    yield;
    if (elapsed < sliceMilliseconds / 2) length *= 2;
    else if (elapsed > sliceMilliseconds) length = Math.max(least, Math.floor(length / 2 / least) * least);
  }
}
