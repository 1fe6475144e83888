// Values over the plane as a picture behind a chart.
import type { Tensor } from '@nn/tensor';
import { linspace, meshgrid, stack } from '@nn/tensor';
import { axis, saveChart } from './charts.ts';
import { encodePng } from './pictures.ts';

/** Ten colours that can be told apart. */
const palette = [
  ...['#4e79a7', '#f28e2b', '#e15759', '#76b7b2', '#59a14f'],
  ...['#b6992d', '#b07aa1', '#ff6fa3', '#9c755f', '#222222'],
];

export interface Plane {
  readonly x: readonly [from: number, to: number];
  readonly y: readonly [from: number, to: number];
}

/** Points all over the plane, row by row from the top: [rows, columns, 2]. */
export function planePoints({ x, y }: Plane, rows: number, columns: number): Tensor {
  const [ys, xs] = meshgrid([linspace(y[1], y[0], rows), linspace(x[0], x[1], columns)]);
  return stack([xs, ys], -1);
}

/** Draws series of ECharts over colours [rows, columns, 3] from 0 to 1, which fill the plane. */
export async function saveOverPicture(
  path: string,
  title: string,
  plane: Plane,
  colours: Tensor,
  series: readonly object[],
): Promise<void> {
  const png = Buffer.from(await encodePng(colours)).toString('base64');
  const [left, top, width, height] = [60, 50, 620, 520];
  const style = { image: `data:image/png;base64,${png}`, width, height };
  await saveChart(
    path,
    {
      title: { text: title, left: 'center' },
      legend: { bottom: 0, itemGap: 20 },
      color: palette,
      graphic: { type: 'image', left, top, z: -1, style },
      grid: { left, top, width, height },
      xAxis: axis('', { min: plane.x[0], max: plane.x[1], splitLine: { show: false } }),
      yAxis: axis('', { min: plane.y[0], max: plane.y[1], splitLine: { show: false } }),
      series,
    },
    { width: 720, height: 640 },
  );
  console.log(`picture: ${path}`);
}
