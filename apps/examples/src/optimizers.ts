// How optimizers walk: their paths over a valley, from the same start.
import { join } from 'node:path';
import { Adadelta, Adagrad, Adam, LBFGS, Lion, NAdam, type Optimizer, RMSprop, Rprop, SGD } from '@nn/optim';
import { stack, type Tensor, tensor } from '@nn/tensor';
import { type Plane, planePoints, saveOverPicture } from './support/backdrop.ts';
import type { Point } from './support/charts.ts';
import { choice, count, example } from './support/example.ts';

interface Surface {
  readonly plane: Plane;
  readonly start: readonly [number, number];
  readonly value: (point: Tensor) => Tensor;
}

const surfaces: Readonly<Record<'rosenbrock' | 'himmelblau', Surface>> = {
  // A curved valley with steep walls; the lowest point is (1, 1).
  rosenbrock: {
    plane: { x: [-2, 2], y: [-1, 3] },
    start: [-1.5, 2.3],
    value: (point) => {
      const [x, y] = point.unbind(-1);
      return x.sub(1).square().add(y.sub(x.square()).square().mul(10));
    },
  },
  // Four hollows, equally deep.
  himmelblau: {
    plane: { x: [-5, 5], y: [-5, 5] },
    start: [-0.5, -1.2],
    value: (point) => {
      const [x, y] = point.unbind(-1);
      return x.square().add(y).sub(11).square().add(x.add(y.square()).sub(7).square());
    },
  },
};

const makers: Readonly<Record<string, (params: Tensor[]) => Optimizer>> = {
  SGD: (params) => new SGD(params, { lr: 0.005 }),
  momentum: (params) => new SGD(params, { lr: 0.002, momentum: 0.9 }),
  Adagrad: (params) => new Adagrad(params, { lr: 0.5 }),
  Adadelta: (params) => new Adadelta(params, { lr: 30 }),
  RMSprop: (params) => new RMSprop(params, { lr: 0.02 }),
  Rprop: (params) => new Rprop(params, { lr: 0.02 }),
  Adam: (params) => new Adam(params, { lr: 0.1 }),
  NAdam: (params) => new NAdam(params, { lr: 0.1 }),
  Lion: (params) => new Lion(params, { lr: 0.02 }),
  'L-BFGS': (params) => new LBFGS(params, { lineSearchFn: 'strongWolfe', maxIter: 1 }),
};

interface Walk {
  /** Where the optimizer came by, from the start on. */
  readonly path: Point[];
  /** The height where it ended. */
  readonly height: number;
}

async function walk(make: (params: Tensor[]) => Optimizer, surface: Surface, steps: number): Promise<Walk> {
  const point = tensor(surface.start, { dtype: 'float32', requiresGrad: true });
  const optimizer = make([point]);
  const path = [point.detach().clone()];
  for (let i = 0; i < steps; i++) {
    // All of them take a closure; L-BFGS needs one, since it looks around in a step.
    optimizer.step(() => {
      optimizer.zeroGrad();
      const height = surface.value(point);
      height.backward();
      return height;
    });
    path.push(point.detach().clone());
  }
  const height = await surface.value(point.detach()).item();
  const places = await stack(path).toArray<[number, number][]>();
  return { height, path: places.map(([x, y]) => [Number(x.toPrecision(4)), Number(y.toPrecision(4))]) };
}

export const optimizers = example(
  'The paths of optimizers over a valley, drawn on its map.',
  {
    steps: count('steps of each', 200, { small: 30 }),
    surface: choice('what to walk over', ['rosenbrock', 'himmelblau'], 'rosenbrock'),
  },
  async ({ steps, surface: name, out }) => {
    const surface = surfaces[name];
    const { plane } = surface;
    const ends: Record<string, number> = {};
    const series: object[] = [];
    for (const [optimizer, make] of Object.entries(makers)) {
      const { path: data, height } = await walk(make, surface, steps);
      ends[optimizer] = height;
      series.push({
        name: optimizer,
        type: 'line',
        data,
        symbol: 'none',
        markPoint: { symbol: 'circle', symbolSize: 8, data: [{ coord: data[steps] }] },
      });
    }
    console.log(`height after ${steps} steps, from ${await surface.value(tensor(surface.start)).item()}:`);
    console.table(ends);

    // Rings of equal height, ever higher: dark where a logarithm of the height is near a whole number.
    const height = surface
      .value(planePoints(plane, 260, 310))
      .add(0.02)
      .log2();
    const grey = height.sub(height.floor()).sub(0.5).abs().mul(2).pow(6).mul(-0.25).add(1);
    const path = join(out, `optimizers-${name}.svg`);
    await saveOverPicture(path, `${steps} steps over ${name}`, plane, stack([grey, grey, grey], -1), series);
    return ends;
  },
);

if (import.meta.main) await optimizers.main();
