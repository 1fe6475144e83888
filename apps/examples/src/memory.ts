// Memory over many steps of loops that never dispose of anything: live bytes of the device and resident memory of the
// process. `node … memory.ts [steps] [device] [model]`; with `--max-semi-space-size=16` before it, V8's young generation
// stays small, which else grows to 128 MiB in a long loop and is no memory of ours.
import { fork } from 'node:child_process';
import type { Course, Told } from './memory/child.ts';
import { modelNames } from './memory/loops.ts';
import { run } from './support/run.ts';

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

function follow(course: Course): Promise<Told> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL('memory/child.ts', import.meta.url), {
      execArgv: [...process.execArgv, '--expose-gc'],
    });
    child.once('message', (told) => resolve(told as Told));
    child.once('exit', (code) => reject(new Error(`the loop ended with status ${code}`)));
    child.send(course);
  });
}

function line(name: string, { marks, milliseconds, heapInUse }: Told): string {
  const cells = (value: (mark: Told['marks'][number]) => number): string =>
    marks.map((mark) => mebibytes(value(mark)).padStart(7)).join('');
  const perStep = (1000 * milliseconds) / (marks.at(-1)?.step ?? 1);
  return [
    name.padEnd(44),
    cells(({ live }) => live),
    '   ',
    cells(({ resident }) => resident),
    mebibytes(heapInUse).padStart(11),
    perStep.toFixed(0).padStart(10),
  ].join('');
}

await run(async () => {
  const steps = Number(process.argv[2] ?? 10_000);
  const device = process.argv[3] ?? 'cpu';
  const marks = [...new Set([steps / 10, steps / 2, steps].map(Math.round))];
  console.log(`MiB at step ${marks.join(', ')}`);
  console.log(
    `${'loop'.padEnd(44)}${'live'.padEnd(7 * marks.length + 3)}${'resident'.padEnd(7 * marks.length)}` +
      `${'JS heap'.padStart(11)}${'µs/step'.padStart(10)}`,
  );
  for (const model of modelNames.filter((name) => name === (process.argv[4] ?? name))) {
    for (const trains of [true, false]) {
      for (const compiled of [false, true]) {
        for (const awaits of [false, true]) {
          const told = await follow({ model, trains, compiled, awaits, device, steps, marks });
          const what = `${model} ${trains ? 'training' : 'inference'}`;
          const how = `${compiled ? 'compiled' : 'eager'}, ${awaits ? 'awaited' : 'synchronous'}`;
          console.log(line(`${what}, ${how}`, told));
        }
      }
    }
  }
});
