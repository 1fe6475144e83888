// Which elements a resized line is made of, and with what weights: all of it known on the host.

/** Output element i is Σ_t weights[i * taps + t] * input[positions[i * taps + t]]. */
export interface Resampling {
  readonly taps: number;
  readonly positions: Int32Array;
  /** Null: all 1. */
  readonly weights: Float64Array | null;
}

/** How the line's coordinates map. */
export interface LineScale {
  readonly input: number;
  readonly output: number;
  /** Input elements for each output element. */
  readonly scale: number;
  readonly alignCorners: boolean;
}

type Kernel = 'linear' | 'cubic';

const clamp = (value: number, high: number): number => Math.min(Math.max(value, 0), high);

/** PyTorch computes these in float32, which decides ties. */
export function nearest({ input, output, scale }: LineScale, exact: boolean): Resampling {
  const step = Math.fround(scale);
  const positions = Int32Array.from({ length: output }, (_, i) =>
    clamp(Math.floor(Math.fround((exact ? i + 0.5 : i) * step)), input - 1),
  );
  return { taps: 1, positions, weights: null };
}

function sourceOf(i: number, { scale, alignCorners }: LineScale): number {
  return alignCorners ? i * scale : (i + 0.5) * scale - 0.5;
}

export function linear(line: LineScale): Resampling {
  return sampled(line, 2, (i) => {
    const source = Math.max(sourceOf(i, line), 0);
    const first = Math.min(Math.floor(source), line.input - 1);
    const fraction = source - first;
    return { first, weights: [1 - fraction, fraction] };
  });
}

/** Keys's cubic convolution (1981) at distance x. */
function cubicWeight(distance: number, a: number): number {
  const x = Math.abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

export function cubic(line: LineScale): Resampling {
  return sampled(line, 4, (i) => tapsAt(sourceOf(i, line), 'cubic'));
}

/** Neighbouring input elements, beyond whose ends the outermost are repeated, and their weights. */
interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

function tapsAt(source: number, kernel: Kernel): Taps {
  const base = Math.floor(source);
  const fraction = source - base;
  if (kernel === 'linear') return { first: base, weights: [1 - fraction, fraction] };
  return { first: base - 1, weights: [-1, 0, 1, 2].map((tap) => cubicWeight(fraction - tap, -0.75)) };
}

/** Where the ratio of sizes is one of small numbers: output elements `phases.length` apart have equal weights. */
export interface Phases {
  /** How many input elements further on each next of them looks. */
  readonly step: number;
  readonly phases: readonly Taps[];
}

const mostPhases = 8;
/** Derivatives of what lies further apart are spread over as many zeros. */
const longestStep = 2;

/** Null where weights do not repeat soon. */
export function phasesOf(line: LineScale, kernel: Kernel): Phases | null {
  if (line.alignCorners) return null;
  for (let period = 1; period <= mostPhases; period++) {
    const step = period * line.scale;
    if (!Number.isInteger(step)) continue;
    if (step > longestStep) return null;
    const phases = Array.from({ length: period }, (_, i): Taps => {
      const { first, weights } = tapsAt(sourceOf(i, line), kernel);
      const begin = weights.findIndex((weight) => weight !== 0);
      const last = weights.findLastIndex((weight) => weight !== 0);
      return { first: first + begin, weights: weights.slice(begin, last + 1) };
    });
    return { step, phases };
  }
  return null;
}

function sampled(
  { input, output }: LineScale,
  taps: number,
  at: (i: number) => { readonly first: number; readonly weights: readonly number[] },
): Resampling {
  const positions = new Int32Array(output * taps);
  const weights = new Float64Array(output * taps);
  for (let i = 0; i < output; i++) {
    const { first, weights: own } = at(i);
    for (let tap = 0; tap < taps; tap++) {
      positions[i * taps + tap] = clamp(first + tap, input - 1);
      weights[i * taps + tap] = own[tap];
    }
  }
  return { taps, positions, weights };
}

/** Wider when shrinking, so that nothing is skipped, as Pillow resizes. */
export function antialiased({ input, output, scale }: LineScale, kernel: Kernel): Resampling {
  const shrink = Math.max(scale, 1);
  const support = (kernel === 'linear' ? 1 : 2) * shrink;
  const weightAt = (x: number): number =>
    kernel === 'linear' ? Math.max(0, 1 - Math.abs(x)) : cubicWeight(x, -0.5);
  const windows = Array.from({ length: output }, (_, i) => {
    const center = scale * (i + 0.5);
    const first = Math.max(Math.trunc(center - support + 0.5), 0);
    const end = Math.min(Math.trunc(center + support + 0.5), input);
    const weights = Array.from({ length: end - first }, (_, j) =>
      weightAt((j + first - center + 0.5) / shrink),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: weights.map((weight) => (total === 0 ? weight : weight / total)) };
  });
  return ofWindows(windows);
}

/** Parts of a line, from floor(i input / output) to ceil((i + 1) input / output), in order. */
export function partsOf(input: number, output: number): { readonly first: number; readonly count: number }[] {
  return Array.from({ length: output }, (_, i) => {
    const first = Math.floor((i * input) / output);
    return { first, count: Math.ceil(((i + 1) * input) / output) - first };
  });
}

/** The means of the parts of a line. */
export function averages(input: number, output: number): Resampling {
  return ofWindows(
    partsOf(input, output).map(({ first, count }) => ({
      first,
      weights: new Array<number>(count).fill(1 / count),
    })),
  );
}

/** Windows that are shorter than others share the last one's weight among its repetitions: nothing outside is looked at. */
function ofWindows(windows: readonly Taps[]): Resampling {
  const taps = Math.max(...windows.map(({ weights }) => weights.length));
  const positions = new Int32Array(windows.length * taps);
  const weights = new Float64Array(windows.length * taps);
  windows.forEach((window, i) => {
    const last = window.weights.length - 1;
    for (let tap = 0; tap < taps; tap++) {
      positions[i * taps + tap] = window.first + Math.min(tap, last);
      weights[i * taps + tap] = tap < last ? window.weights[tap] : window.weights[last] / (taps - last);
    }
  });
  return { taps, positions, weights };
}
