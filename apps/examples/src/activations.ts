// All activation functions: each with its derivative in a picture, and how fast they are.
import { join } from 'node:path';
import { customFunction, noGrad } from '@nn/autograd';
import * as F from '@nn/functional';
import { linspace, randn, type Tensor, tensor } from '@nn/tensor';
import { type Point, pointsOf, saveChart } from './support/charts.ts';
import { count, example } from './support/example.ts';
import { ProgressBar } from './support/progress.ts';

/** One of your own, with a derivative of your own: x² where x is positive (So et al. 2021). */
const squaredRelu = customFunction({
  forward(context, x: Tensor) {
    context.saveForBackward(x);
    return F.relu(x).square();
  },
  backward: (context, gradient) => [F.relu(context.savedTensors[0]).mul(2).mul(gradient)],
});

const activations: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  ReLU: (x) => F.relu(x),
  LeakyReLU: (x) => F.leakyRelu(x, 0.1),
  PReLU: (x) => F.prelu(x, tensor([0.25])),
  'RReLU (eval)': (x) => F.rrelu(x),
  ReLU6: (x) => F.relu6(x),
  ELU: (x) => F.elu(x),
  CELU: (x) => F.celu(x, 0.5),
  SELU: (x) => F.selu(x),
  'GELU, erf': (x) => F.gelu(x),
  'GELU, tanh': (x) => F.gelu(x, { approximate: 'tanh' }),
  SiLU: (x) => F.silu(x),
  Mish: (x) => F.mish(x),
  Softplus: (x) => F.softplus(x),
  Sigmoid: (x) => F.sigmoid(x),
  LogSigmoid: (x) => F.logSigmoid(x),
  Tanh: (x) => F.tanh(x),
  Softsign: (x) => F.softsign(x),
  Tanhshrink: (x) => F.tanhshrink(x),
  Softshrink: (x) => F.softshrink(x),
  Hardshrink: (x) => F.hardshrink(x),
  Hardtanh: (x) => F.hardtanh(x),
  Hardsigmoid: (x) => F.hardsigmoid(x),
  Hardswish: (x) => F.hardswish(x),
  Threshold: (x) => F.threshold(x, 1, -1),
  // These look along a dimension: here x beside 0, as pairs.
  'GLU of (x, x)': (x) => F.glu(x.unsqueeze(-1).expand(-1, 2).reshape(-1, 2)).squeeze(-1),
  'Softmax of (x, 0)': (x) => beside0(x, F.softmax),
  'Softmin of (x, 0)': (x) => beside0(x, F.softmin),
  'LogSoftmax of (x, 0)': (x) => beside0(x, F.logSoftmax),
  'squared ReLU, custom': (x) => squaredRelu(x),
};

function beside0(x: Tensor, along: (pairs: Tensor, dim: number) => Tensor): Tensor {
  return along(F.pad(x.unsqueeze(-1), [0, 1]), -1).select(-1, 0);
}

interface Curves {
  readonly values: Point[];
  readonly slopes: Point[];
}

async function curvesOf(activation: (x: Tensor) => Tensor): Promise<Curves> {
  const x = linspace(-4, 4, 49, { requiresGrad: true });
  const y = activation(x);
  y.sum().backward();
  return { values: await pointsOf(x.detach(), y), slopes: await pointsOf(x.detach(), x.grad!) };
}

/** Small charts in rows, each with the function and its derivative. */
async function draw(path: string, all: readonly (readonly [string, Curves])[]): Promise<void> {
  const [columns, width, height] = [5, 200, 160];
  const places = all.map((_, i) => ({
    left: 30 + (i % columns) * width,
    top: 60 + Math.floor(i / columns) * height,
  }));
  const line = (name: string, color: string, data: Point[], i: number): object => ({
    ...{ name, type: 'line', symbol: 'none', clip: true, color, data, xAxisIndex: i, yAxisIndex: i },
  });
  const limits = {
    type: 'value',
    splitNumber: 2,
    axisLabel: { fontSize: 9 },
    axisTick: { show: false },
    splitLine: { show: false },
  };
  await saveChart(
    path,
    {
      title: all.map(([text], i) => ({
        text,
        left: places[i].left,
        top: places[i].top - 22,
        textStyle: { fontSize: 12 },
      })),
      legend: { top: 5, data: ['function', 'derivative'] },
      grid: places.map((place) => ({ ...place, width: width - 35, height: height - 45 })),
      xAxis: all.map((_, gridIndex) => ({ ...limits, gridIndex, min: -4, max: 4 })),
      yAxis: all.map((_, gridIndex) => ({ ...limits, gridIndex, min: -2, max: 4 })),
      series: all.flatMap(([, { values, slopes }], i) => [
        line('function', '#5470c6', values, i),
        line('derivative', '#ee6666', slopes, i),
      ]),
    },
    { width: 30 + columns * width, height: 50 + Math.ceil(all.length / columns) * height },
  );
  console.log(`picture: ${path}`);
}

export const activationTour = example(
  'Every activation function with its derivative in a picture, and their speeds.',
  { size: count('rows and columns of the tensor whose activations are timed', 10_000, { small: 50 }) },
  async ({ size, out }) => {
    const names = Object.keys(activations);
    const curves = await Promise.all(names.map((name) => curvesOf(activations[name])));
    await draw(
      join(out, 'activations.svg'),
      names.map((name, i) => [name, curves[i]] as const),
    );

    // What looks along a dimension takes other shapes; the rest takes a matrix.
    const timed = names.filter((name) => !name.includes(' of ('));
    const x = randn([size, size]).realize();
    // Room for a result, which all of them share, is asked for once.
    await x.neg().realize().at(0, 0).item();
    const bar = new ProgressBar('timing', timed.length, { unit: 'functions' });
    const seconds: Record<string, number> = {};
    for (const name of timed) {
      // The first round compiles the program, on one row; of the others the best counts.
      for (const rows of [x.narrow(0, 0, 1), x, x, x]) {
        const start = performance.now();
        const y = noGrad(() => activations[name](rows)).realize();
        await y.at(0, 0).item();
        const taken = (performance.now() - start) / 1000;
        if (rows === x) seconds[name] = Math.min(seconds[name] ?? taken, taken);
        y.dispose();
      }
      bar.advance(1);
    }
    bar.stop();
    const ranking = timed.toSorted((a, b) => seconds[a] - seconds[b]);
    console.table(
      ranking.map((name) => ({ function: name, milliseconds: Math.round(1000 * seconds[name]) })),
    );
    const slowest = ranking[ranking.length - 1];
    return {
      functions: names.length,
      fastest: ranking[0],
      fastestSeconds: seconds[ranking[0]],
      slowest,
      slowestSeconds: seconds[slowest],
    };
  },
);

if (import.meta.main) await activationTour.main();
