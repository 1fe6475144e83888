// Charts as SVG pictures.
import { join } from 'node:path';
import type { Tensor } from '@nn/tensor';
import * as echarts from 'echarts';
import { writeWhole } from './files.ts';

export type Point = readonly [x: number, y: number];

export interface Size {
  readonly width?: number;
  readonly height?: number;
}

/** Draws any chart of ECharts into an SVG file. */
export async function saveChart(
  path: string,
  option: echarts.EChartsCoreOption,
  { width = 800, height = 450 }: Size = {},
): Promise<void> {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  chart.setOption({ animation: false, backgroundColor: '#fff', ...option });
  const picture = chart.renderToSVGString();
  chart.dispose();
  // Tenths of a pixel are enough, and halve the file.
  const rounded = picture.replace(/ (?:d|transform)="[^"]*"/g, (attribute) =>
    attribute.replace(/\d{2,}\.\d{2,}/g, (number) => Number(number).toFixed(1)),
  );
  await writeWhole(path, rounded);
}

/** The option of an axis of numbers with its name in the middle. */
export function axis(name: string, more: object = {}): object {
  const middle = { name, nameLocation: 'middle', nameGap: 34 };
  return { type: 'value', scale: true, axisLine: { show: true, onZero: false }, ...middle, ...more };
}

export interface LineChart extends Size {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** Points of each line, by its name. */
  readonly lines?: Readonly<Record<string, readonly Point[]>>;
  /** Points that are not joined, by their name. */
  readonly dots?: Readonly<Record<string, readonly Point[]>>;
  /** Logarithmic axes. */
  readonly logX?: boolean;
  readonly logY?: boolean;
}

function logLabel(value: number): string {
  return value >= 0.001 && value <= 10_000 ? String(Number(value.toPrecision(6))) : value.toExponential(0);
}

/** Draws lines and dots over two axes of numbers. */
async function saveLines(path: string, chart: LineChart): Promise<void> {
  const { title, lines = {}, dots = {}, width, height } = chart;
  const kind = (log: boolean | undefined): object =>
    log ? { type: 'log', axisLabel: { formatter: logLabel } } : {};
  await saveChart(
    path,
    {
      title: { text: title, left: 'center' },
      legend: { bottom: 0, itemGap: 25 },
      grid: { left: 70, right: 40, top: 50, bottom: 75 },
      xAxis: axis(chart.x, kind(chart.logX)),
      yAxis: axis(chart.y, { nameGap: 50, ...kind(chart.logY) }),
      series: [
        ...Object.entries(dots).map(([name, data]) => ({ name, type: 'scatter', symbolSize: 5, data })),
        ...Object.entries(lines).map(([name, data]) => ({ name, type: 'line', symbol: 'none', data })),
      ],
    },
    { width, height },
  );
}

/** The points of coordinates in two float32 tensors. */
export async function pointsOf(x: Tensor, y: Tensor): Promise<Point[]> {
  const [xs, ys] = await Promise.all([x.data<Float32Array>(), y.data<Float32Array>()]);
  return Array.from(xs, (each, i) => [Number(each.toPrecision(5)), Number(ys[i].toPrecision(5))]);
}

/** A curve thinned to about `most` points, each the mean of its neighbours. */
export function smooth(points: readonly Point[], most: number = 150): Point[] {
  const width = Math.max(1, Math.ceil(points.length / most));
  const thinned: Point[] = [];
  for (let start = 0; start < points.length; start += width) {
    const part = points.slice(start, start + width);
    const mean = part.reduce((sum, [, y]) => sum + y, 0) / part.length;
    thinned.push([part[part.length - 1][0], Number(mean.toPrecision(5))]);
  }
  return thinned;
}

/** Draws into the folder, and says so. */
export async function plot(out: string, name: string, chart: LineChart): Promise<void> {
  const path = join(out, name);
  await saveLines(path, chart);
  console.log(`picture: ${path}`);
}
