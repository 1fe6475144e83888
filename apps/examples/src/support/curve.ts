// The training curve as an SVG picture.
import * as echarts from 'echarts';
import { writeWhole } from './files.ts';
import type { EpochFigures } from './report.ts';

export async function plotCurve(
  { curve }: { readonly curve: string },
  history: readonly EpochFigures[],
): Promise<void> {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 800, height: 450 });
  const percent = (value: number): number => Number((100 * value).toFixed(3));
  chart.setOption({
    animation: false,
    title: { text: 'Training curve', left: 'center' },
    legend: { bottom: 0 },
    grid: { left: 60, right: 70, top: 50, bottom: 70 },
    xAxis: {
      type: 'category',
      name: 'epoch',
      nameLocation: 'middle',
      nameGap: 28,
      data: history.map(({ epoch }) => epoch),
    },
    yAxis: [
      { type: 'value', name: 'loss', min: 0 },
      { type: 'value', name: 'accuracy, %', scale: true, splitLine: { show: false } },
    ],
    series: [
      { name: 'training loss', type: 'line', data: history.map(({ loss }) => loss) },
      {
        name: 'training accuracy',
        type: 'line',
        yAxisIndex: 1,
        data: history.map((each) => percent(each.trainAccuracy)),
      },
      {
        name: 'test accuracy',
        type: 'line',
        yAxisIndex: 1,
        data: history.map((each) => percent(each.testAccuracy)),
      },
    ],
  });
  const picture = chart.renderToSVGString();
  chart.dispose();
  await writeWhole(curve, picture);
}
