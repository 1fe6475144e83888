// `pnpm fuzz`: runs random programs in all ways, and prints those that differ, shrunk, as code.
import { parseArgs } from 'node:util';
import { type Failure, report, shrunk } from './check.ts';
import { fuzz, sizesFor } from './fuzz.ts';

const { values } = parseArgs({
  options: {
    programs: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    device: { type: 'string', multiple: true, default: ['interpreter', 'cpu'] },
    length: { type: 'string', default: '24' },
    large: { type: 'boolean', default: false },
    training: { type: 'boolean', default: false },
    failures: { type: 'string', default: '5' },
  },
});
const settings = {
  programs: Number(values.programs),
  seed: Number(values.seed),
  devices: values.device,
  length: Number(values.length),
  large: values.large,
  training: values.training,
};
const failures: Failure[] = [];
const count = await fuzz({
  ...settings,
  async onFailure(failure) {
    const smallest = await shrunk(failure, sizesFor(settings).device);
    failures.push(smallest);
    console.log(report(smallest));
    return failures.length < Number(values.failures);
  },
});
console.log(`${count} programs, ${failures.length} failed`);
process.exit(failures.length > 0 ? 1 : 0);
