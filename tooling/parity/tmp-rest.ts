import { readFileSync } from 'node:fs';
import { prepareDevice } from './src/device.ts';
import { runErrorCase } from './src/kinds/operators.ts';
await prepareDevice?.('cpu', true);
let pass = 0;
const groups = new Map<string, string[]>();
for (const line of readFileSync(process.argv[2], 'utf8').trim().split('\n')) {
  const test = JSON.parse(line);
  try { await runErrorCase(test); pass++; } catch (e) {
    const m = String((e as Error).message).replace(/\n/g, ' ');
    const key = test.variant;
    const kind = m.startsWith('must be refused') ? 'NOT ' : 'ODD ';
    const text = `${kind}${test.op} | ${key} | ${kind === 'NOT ' ? test.error[1].slice(0, 110) + ' => ' + m.slice(m.lastIndexOf('but gave')) : m.slice(0, 140)}`;
    console.log(text);
  }
}
console.error(pass);
process.exit(0);
