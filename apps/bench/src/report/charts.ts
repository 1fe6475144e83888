// The report's pictures, drawn by ECharts without a page.
import * as echarts from 'echarts';
import type { Limits } from '../machine.ts';
import type { Row } from '../results.ts';
import { columnOf, columnsOf, ratiosOf, summarize } from '../summary.ts';
import { time } from '../table.ts';

export function casesOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.map((row) => row.case))];
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Told apart by those who see red and green alike, too (Okabe and Ito): ours in blue. */
const colors = ['#0072b2', '#56b4e9', '#e69f00', '#009e73', '#d55e00', '#cc79a7', '#666666', '#8c564b'];

function draw(option: echarts.EChartsCoreOption, { width, height }: Size): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  chart.setOption({
    animation: false,
    color: colors,
    backgroundColor: '#fff',
    textStyle: { fontFamily: 'sans-serif' },
    ...option,
  });
  const picture = chart.renderToSVGString();
  chart.dispose();
  return picture;
}

const rowHeight = 22;

/** Room for names beside a chart, and how they are set. */
function room(names: readonly string[]) {
  const width = Math.min(330, 6.5 * Math.max(...names.map((name) => name.length)) + 20);
  return { width, label: { fontSize: 11, width: width - 15, overflow: 'truncate' } };
}

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
  const { width, label } = room(cases);
  const height = 70 + cases.length * (rowHeight + 5 * (columns.length - 1));
  return draw(
    {
      legend: { data: columns, top: 0, itemGap: 26, itemWidth: 16 },
      grid: { left: width, right: 50, top: 50, bottom: 10 },
      xAxis: {
        type: 'value',
        position: 'top',
        min: 0,
        max: (range: { max: number }) => Math.max(100, Math.ceil(range.max / 10) * 10),
        axisLabel: { formatter: '{value} %' },
      },
      yAxis: { type: 'category', data: cases, inverse: true, axisLabel: label },
      series: series.map((each) => ({ ...each, label: { show: true, position: 'right', fontSize: 9 } })),
    },
    { width: width + 570, height },
  );
}

const shown = (ratio: number): string =>
  ratio >= 99.5 ? ratio.toFixed(0) : ratio >= 9.95 ? ratio.toFixed(1) : ratio.toFixed(2);

interface Cell {
  readonly line: string;
  readonly column: string;
  /** Null for grey. */
  readonly ratio: number | null;
  readonly label: string;
}

const columnWidth = 96;

/** Ratios as colours, green above 1 and red below. */
function ratioMap(lines: readonly string[], columns: readonly string[], cells: readonly Cell[]): string {
  const data = cells.map(({ line, column, ratio, label }) => ({
    value: [columns.indexOf(column), lines.indexOf(line), ratio === null ? 0 : Math.log10(ratio)],
    label: { formatter: label },
    ...(ratio === null ? { visualMap: false, itemStyle: { color: '#ddd' } } : {}),
  }));
  const { width, label } = room(lines);
  const bare = { axisLine: { show: false }, axisTick: { show: false } };
  const heads = { fontSize: 11, interval: 0, width: columnWidth - 6, overflow: 'break' };
  return draw(
    {
      grid: { left: width, right: 10, top: 40, bottom: 10 },
      xAxis: { type: 'category', data: columns, position: 'top', axisLabel: heads, ...bare },
      yAxis: { type: 'category', data: lines, inverse: true, axisLabel: label, ...bare },
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
          data,
          label: { show: true, fontSize: 11, color: '#222' },
          itemStyle: { borderColor: '#fff', borderWidth: 1 },
        },
      ],
    },
    { width: width + 10 + columnWidth * columns.length, height: 50 + rowHeight * lines.length },
  );
}

/** Each implementation's time as a multiple of ours. */
export function ratioChart(rows: readonly Row[]): string | null {
  const [, ...others] = columnsOf(rows);
  if (others.length === 0) return null;
  const cells = ratiosOf(rows).map(({ row, ratio }) => ({
    line: row.case,
    column: columnOf(row),
    ratio,
    label: row.medianMs === null ? 'fails' : ratio === null ? time(row.medianMs) : `${shown(ratio)}×`,
  }));
  return ratioMap(casesOf(rows), others, cells);
}

/** The same in the geometric mean of each subject. */
export function overviewChart(subjects: ReadonlyMap<string, readonly Row[]>): string | null {
  const [, ...others] = columnsOf([...subjects.values()].flat());
  if (others.length === 0) return null;
  const cells = summarize(subjects).flatMap(({ subject, column, ratio }): Cell[] =>
    ratio === null ? [] : [{ line: subject, column, ratio, label: `${shown(ratio)}×` }],
  );
  return ratioMap([...subjects.keys()], others, cells);
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
  const rates = products.map(({ point: [, rate] }) => rate);
  const highest = Math.max(...rates, ...limits.map(({ gflops }) => gflops));
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
      legend: { data: columns, top: 0, itemGap: 26, itemWidth: 16 },
      grid: { left: 60, right: 30, top: 60, bottom: 50 },
      xAxis: { type: 'log', logBase: 2, name: 'size (NN)', nameLocation: 'middle', nameGap: 30, min: 16 },
      yAxis: {
        type: 'value',
        name: 'GFLOP/s',
        max: Math.ceil(highest / 20) * 20,
      },
      series: [...lines, limitLine],
    },
    { width: 800, height: 420 },
  );
}
