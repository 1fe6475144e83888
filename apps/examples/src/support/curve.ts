// The training curve as an SVG picture.
import * as echarts from 'echarts';
import type { Progress } from './checkpoint.ts';
import { writeWhole } from './files.ts';

export async function plotCurve(
  { curve }: { readonly curve: string },
  { history, losses }: Pick<Progress, 'history' | 'losses'>,
): Promise<void> {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 800, height: 450 });
  const accuracy = (name: string, points: [number, number][]): object => ({
    name,
    type: 'line',
    yAxisIndex: 1,
    data: points.map(([epoch, share]) => [epoch, Number((100 * share).toFixed(3))]),
  });
  chart.setOption({
    animation: false,
    title: { text: 'Training curve', left: 'center' },
    legend: { bottom: 0, itemGap: 25 },
    grid: { left: 60, right: 70, top: 50, bottom: 70 },
    xAxis: {
      type: 'value',
      name: 'epoch',
      nameLocation: 'middle',
      nameGap: 28,
      min: 0,
      max: history.length,
      interval: 1,
    },
    yAxis: [
      { type: 'value', name: 'loss', min: 0 },
      { type: 'value', name: 'accuracy, %', scale: true, splitLine: { show: false } },
    ],
    series: [
      {
        name: 'loss of single batches',
        type: 'line',
        symbol: 'none',
        data: losses.map(({ epoch, loss }) => [epoch, loss]),
      },
      accuracy(
        'training accuracy',
        history.map(({ epoch, trainAccuracy }) => [epoch, trainAccuracy]),
      ),
      accuracy(
        'test accuracy',
        history.map(({ epoch, testAccuracy }) => [epoch, testAccuracy]),
      ),
    ],
  });
  const picture = chart.renderToSVGString();
  chart.dispose();
  await writeWhole(curve, picture);
}
