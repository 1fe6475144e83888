// Chrome's trace event format ("Trace Event Format", Google, 2016), which chrome://tracing and Perfetto open.

/** Times in milliseconds. */
export interface TraceSpan {
  readonly name: string;
  readonly category: string;
  readonly start: number;
  readonly end: number;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Spans by the name of what they happen on. Those that overlap without nesting go on lines of their own. */
export function chromeTrace(threads: ReadonlyMap<string, readonly TraceSpan[]>, origin: number): string {
  const events: object[] = [];
  let tid = 0;
  for (const [thread, spans] of threads) {
    linesOf(spans).forEach((line, i) => {
      tid++;
      const name = i === 0 ? thread : `${thread} (${i + 1})`;
      events.push({ ph: 'M', name: 'thread_name', pid: 1, tid, args: { name } });
      events.push({ ph: 'M', name: 'thread_sort_index', pid: 1, tid, args: { sort_index: tid } });
      for (const span of line) events.push(eventOf(span, origin, tid));
    });
  }
  return JSON.stringify({ displayTimeUnit: 'ms', traceEvents: events });
}

/** In microseconds, whole nanoseconds: rounding both ends keeps spans within each other. */
function eventOf({ name, category, start, end, details }: TraceSpan, origin: number, tid: number): object {
  const nanoseconds = (time: number): number => Math.round((time - origin) * 1e6);
  const ts = nanoseconds(start) / 1000;
  const dur = (nanoseconds(end) - nanoseconds(start)) / 1000;
  return { ph: 'X', name, cat: category, ts, dur, pid: 1, tid, args: details ?? {} };
}

function linesOf(spans: readonly TraceSpan[]): TraceSpan[][] {
  const lines: { readonly spans: TraceSpan[]; readonly open: TraceSpan[] }[] = [];
  // Outer spans before those that they contain.
  for (const span of [...spans].sort((a, b) => a.start - b.start || b.end - a.end)) {
    const fitting = lines.find(({ open }) => {
      while (open.length > 0 && open[open.length - 1].end <= span.start) open.pop();
      return open.length === 0 || span.end <= open[open.length - 1].end;
    });
    const line = fitting ?? { spans: [], open: [] };
    if (fitting === undefined) lines.push(line);
    line.spans.push(span);
    line.open.push(span);
  }
  return lines.map((line) => line.spans);
}
