// The report's pictures, drawn by ECharts without a page.
import * as echarts from 'echarts';
import type { Limits } from '../machine.ts';
import type { Row } from '../results.ts';
import { time } from '../table.ts';

export const columnOf = ({ impl, threads }: Row): string =>
  `${impl}, ${threads} thread${threads === 1 ? '' : 's'}`;

/** The implementations in the order of their first rows. */
export function columnsOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.map(columnOf))];
}

export function casesOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.map((row) => row.case))];
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function draw(option: echarts.EChartsCoreOption, { width, height }: Size): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  chart.setOption({
    animation: false,
    backgroundColor: '#fff',
    textStyle: { fontFamily: 'sans-serif' },
    ...option,
  });
  const picture = chart.renderToSVGString();
  chart.dispose();
  return picture;
}

const rowHeight = 22;
const nameWidth = 330;
const names = { fontSize: 11, width: nameWidth - 15, overflow: 'truncate' } as const;

/** How near each case of ours comes to the limit of the threads it used. */
export function limitChart(rows: readonly Row[]): string | null {
  const own = rows.filter(({ impl, limitRatio }) => impl.startsWith('nn') && limitRatio !== null);
  if (own.length === 0) return null;
  const cases = casesOf(own);
  const columns = columnsOf(own);
  const series = columns.map((column) => ({
    name: column,
    type: 'bar',
    barGap: '10%',
    data: cases.map((name) => {
      const row = own.find((each) => each.case === name && columnOf(each) === column);
      return row?.limitRatio == null ? null : Number((100 * row.limitRatio).toFixed(1));
    }),
  }));
  const height = 70 + cases.length * (rowHeight + 5 * (columns.length - 1));
  return draw(
    {
      legend: { data: columns, top: 0 },
      grid: { left: nameWidth, right: 50, top: 50, bottom: 10 },
      xAxis: {
        type: 'value',
        position: 'top',
        min: 0,
        max: (range: { max: number }) => Math.max(100, Math.ceil(range.max / 10) * 10),
        axisLabel: { formatter: '{value} %' },
      },
      yAxis: { type: 'category', data: cases, inverse: true, axisLabel: names },
      series: series.map((each) => ({ ...each, label: { show: true, position: 'right', fontSize: 9 } })),
    },
    { width: 900, height },
  );
}

const shown = (ratio: number): string =>
  ratio >= 99.5 ? ratio.toFixed(0) : ratio >= 9.95 ? ratio.toFixed(1) : ratio.toFixed(2);

/** Each implementation's time as a multiple of ours, green where we are faster. */
export function ratioChart(rows: readonly Row[]): string | null {
  const [first, ...others] = columnsOf(rows);
  if (others.length === 0) return null;
  const cases = casesOf(rows);
  const cells: object[] = [];
  for (const [y, name] of cases.entries()) {
    const ours = rows.find((row) => row.case === name && columnOf(row) === first)?.medianMs;
    for (const [x, column] of others.entries()) {
      const row = rows.find((each) => each.case === name && columnOf(each) === column);
      if (row === undefined) continue;
      if (row.medianMs === null || !ours) {
        const label = { formatter: row.medianMs === null ? 'fails' : time(row.medianMs) };
        cells.push({ value: [x, y, 0], visualMap: false, itemStyle: { color: '#ddd' }, label });
      } else {
        const ratio = row.medianMs / ours;
        cells.push({ value: [x, y, Math.log10(ratio)], label: { formatter: `${shown(ratio)}×` } });
      }
    }
  }
  return draw(
    {
      grid: { left: nameWidth, right: 10, top: 30, bottom: 10 },
      xAxis: { type: 'category', data: others, position: 'top', axisLabel: { fontSize: 11, interval: 0 } },
      yAxis: { type: 'category', data: cases, inverse: true, axisLabel: names },
      visualMap: {
        show: false,
        min: -1,
        max: 1,
        dimension: 2,
        inRange: { color: ['#d7301f', '#fdbb84', '#ffffff', '#a1d99b', '#31a354'] },
      },
      series: [
        {
          type: 'heatmap',
          data: cells,
          label: { show: true, fontSize: 11, color: '#222' },
          itemStyle: { borderColor: '#fff', borderWidth: 1 },
        },
      ],
    },
    { width: nameWidth + 10 + 110 * others.length, height: 50 + rowHeight * cases.length },
  );
}

const squareProduct = /^matmul (\d+) ([NT]{2})$/;

/** Rates of square products over their sizes, against the limit. */
export function productChart(rows: readonly Row[], limits: Limits): string | null {
  const products = rows.flatMap((row) => {
    const [, size, transposition] = squareProduct.exec(row.case) ?? [];
    return transposition === 'NN' && row.gflops !== null && row.device !== 'webgpu'
      ? [{ row, point: [Number(size), row.gflops] }]
      : [];
  });
  if (products.length < 2) return null;
  const columns = columnsOf(products.map(({ row }) => row));
  const lines = columns.map((column) => ({
    name: column,
    type: 'line',
    data: products
      .filter(({ row }) => columnOf(row) === column)
      .map(({ point }) => point)
      .sort(([a], [b]) => a - b),
  }));
  const marks = limits.map(({ threads, gflops }) => ({
    yAxis: gflops,
    name: `limit of ${threads} thread${threads === 1 ? '' : 's'}`,
  }));
  const limitLine = {
    type: 'line',
    data: [],
    markLine: {
      silent: true,
      symbol: 'none',
      data: marks,
      lineStyle: { color: '#999' },
      label: { formatter: '{b}', position: 'insideEndTop' },
    },
  };
  return draw(
    {
      legend: { data: columns, top: 0 },
      grid: { left: 60, right: 30, top: 50, bottom: 50 },
      xAxis: { type: 'log', logBase: 2, name: 'size (NN)', nameLocation: 'middle', nameGap: 30, min: 16 },
      yAxis: {
        type: 'value',
        name: 'GFLOP/s',
        max: Math.ceil(Math.max(...limits.map(({ gflops }) => gflops)) / 10) * 10,
      },
      series: [...lines, limitLine],
    },
    { width: 900, height: 420 },
  );
}
