// The training curve as an SVG picture.
import { axis, saveChart } from './charts.ts';
import type { Progress } from './mnist-progress.ts';

/** Losses of single batches against the left axis, accuracies of epochs against the right one. */
export async function plotCurve(
  { curve }: { readonly curve: string },
  { history, losses }: Pick<Progress, 'history' | 'losses'>,
): Promise<void> {
  const accuracy = (name: string, points: [number, number][]): object => ({
    name,
    type: 'line',
    yAxisIndex: 1,
    data: points.map(([epoch, share]) => [epoch, Number((100 * share).toFixed(3))]),
  });
  await saveChart(curve, {
    title: { text: 'Training curve', left: 'center' },
    legend: { bottom: 0, itemGap: 25 },
    grid: { left: 60, right: 70, top: 50, bottom: 70 },
    xAxis: axis('epoch', { nameGap: 28, min: 0, max: history.length, interval: 1 }),
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
}
