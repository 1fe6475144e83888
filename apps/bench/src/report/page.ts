// The report: one page with all charts and figures in it, nothing to load.
import type { Limits } from '../machine.ts';
import type { Report, Row } from '../results.ts';
import { columnOf } from '../summary.ts';
import { rate, significant, threadsOf, time } from '../table.ts';
import { casesOf, limitChart, overviewChart, productChart, ratioChart } from './charts.ts';

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (sign) => escapes[sign]);

const style = `
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #222; background: #fff }
h2 { margin-top: 3rem; border-bottom: 1px solid #ddd }
figure { margin: 1rem 0; overflow-x: auto }
figcaption { color: #555; margin-bottom: .3rem }
table { border-collapse: collapse; font-size: 13px }
caption { color: #555; font-size: 15px; text-align: left; margin-bottom: .3rem }
.wide { overflow-x: auto }
td, th { padding: .15rem .6rem; text-align: right; border-bottom: 1px solid #eee; white-space: nowrap }
td:first-child, th:first-child, .figures td:nth-child(2), .figures th:nth-child(2) { text-align: left }
td.why { white-space: normal; text-align: left; color: #a00 }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin: 1.5rem 0 }
@media (max-width: 40rem) { body { margin: 1rem auto } h2 { margin-top: 2rem } }
`;

function figure(caption: string, picture: string | null): string {
  return picture === null ? '' : `<figure><figcaption>${escaped(caption)}</figcaption>${picture}</figure>`;
}

function tableRow(row: Row): string {
  const cells = [row.case, columnOf(row)];
  if (row.medianMs === null) {
    const reason = row.error ?? 'no time';
    return `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}<td class="why" colspan="6">${escaped(reason)}</td></tr>`;
  }
  cells.push(
    time(row.medianMs),
    `${time(row.minMs ?? 0)} – ${time(row.maxMs ?? 0)}`,
    `${row.runs}`,
    rate(row),
    row.limitRatio === null ? '' : `${(100 * row.limitRatio).toFixed(0)} %`,
    row.checked === null ? '' : row.checked ? 'agrees' : 'differs',
  );
  return `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`;
}

function figures(rows: readonly Row[]): string {
  const heads = ['case', 'implementation', 'median', 'range', 'runs', 'rate', 'of the limit', 'result'];
  return `<details><summary>All figures (${casesOf(rows).length})</summary><div class="wide"><table class="figures">
${headRow(heads)}
${rows.map(tableRow).join('\n')}
</table></div></details>`;
}

const headRow = (heads: readonly string[]): string =>
  `<tr>${heads.map((head) => `<th>${escaped(head)}</th>`).join('')}</tr>`;

/** What the machine can do, by threads. */
function limitTable(limits: Limits): string {
  const sizes = limits[0].bandwidth.map(({ bytes }) => `${significant(bytes / 2 ** 20)} MiB`);
  const lines = limits.map(({ threads, gflops, bandwidth }) => {
    const rates = bandwidth.map(({ copy, read }) => `${significant(copy)} / ${significant(read)}`);
    const cells = [threadsOf(threads), significant(gflops), ...rates];
    return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  return `<div class="wide"><table><caption>Measured limits: arithmetic, and GB/s copied / read in so much memory</caption>
${headRow(['', 'GFLOP/s', ...sizes])}
${lines.join('\n')}
</table></div>`;
}

/** "2026-01-31 12:34 UTC" */
const day = (date: string): string => `${date.slice(0, 16).replace('T', ' ')} UTC`;

const anchor = (subject: string): string => subject.replaceAll(/[^a-z]+/g, '-');

function section(subject: string, rows: readonly Row[], { limits }: Report): string {
  return `<section id="${anchor(subject)}"><h2>${escaped(subject)}</h2>
${figure('GFLOP/s of square products, against the measured peak', productChart(rows, limits))}
${figure('Part of what arithmetic and memory allow, in percent', limitChart(rows))}
${figure('Time as a multiple of ours: above 1, we are faster', ratioChart(rows))}
${figures(rows)}</section>`;
}

/** The page: a section for each subject, with its rows. */
export function reportPage(report: Report, subjects: ReadonlyMap<string, readonly Row[]>): string {
  const { machine, limits, versions } = report;
  const titles = [...subjects.keys()];
  const sections = [...subjects].map(([title, own]) => section(title, own, report));
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Benchmarks</title><style>${style}</style></head>
<body>
<h1>Benchmarks</h1>
<p>${escaped(`${machine.processor}, ${machine.cores} cores, ${machine.platform}, Node ${machine.node}, ${day(machine.date)}, load average ${machine.loadAverage.toFixed(1)}`)}</p>
<p>${escaped(names.join(', '))}</p>
${limitTable(limits)}
<nav>${titles.map((title) => `<a href="#${anchor(title)}">${escaped(title)}</a>`).join('')}</nav>
${figure('Time as a multiple of ours, in the geometric mean of the cases that both did: above 1, we are faster', overviewChart(subjects))}
${sections.join('\n')}
</body>
</html>
`;
}
