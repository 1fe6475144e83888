// Modules that the public cases lack, or have few cases of: outputs, gradients, states and texts against PyTorch's
// (made by golden/modules.py).
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { construct } from '../src/api.ts';
import type { ModuleCase } from '../src/case-file.ts';
import { prepareDevice } from '../src/device.ts';
import { type DeviceUnderTest, runCase } from '../src/run-case.ts';
import { argumentsOf, parseSignature, toCamelCase } from '../src/signature.ts';
import { moduleRows } from '../src/table/modules.ts';
import { Decoder } from '../src/values.ts';

interface PrintedCase extends ModuleCase {
  /** PyTorch's text of the module. */
  readonly repr: string;
}

const file = new URL('../golden/modules.jsonl.gz', import.meta.url);
const cases: readonly PrintedCase[] = gunzipSync(readFileSync(file))
  .toString('utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const names = [...new Set(cases.map(({ module }) => module))];

const devices = [
  ['cpu', true],
  ['cpu', false],
  ['interpreter', true],
  ['webgpu', true],
] as const;

describe.each(devices)('on %s, fusion %s', (name, fusion) => {
  let device: DeviceUnderTest;
  beforeAll(async () => {
    device = await prepareDevice(name, fusion);
  });

  test.each(names)('%s', async (module) => {
    for (const each of cases.filter((one) => one.module === module)) {
      if (device.lacks.has('float64') && JSON.stringify(each).includes('"float64"')) continue;
      const outcome = await runCase(each, device);
      expect(outcome.message ?? '', JSON.stringify([each.ctor_args, each.ctor_kwargs, each.training])).toBe(
        '',
      );
      expect(outcome.status).toBe('passed');
    }
  });
});

/** PyTorch's text with names and values as they are written here; without quotes, [3] as 3, and numbers in one form. */
function translated(text: string): string {
  return text
    .replaceAll("'", '')
    .replaceAll(/\b[a-z_0-9]+(?==|\):)/g, (name) => toCamelCase(name))
    .replaceAll(/\b(True|False|None)\b/g, (word) => ({ True: 'true', False: 'false', None: 'null' })[word]!)
    .replaceAll(/(?<=[=(, ])\((?!\w+\):)([^()=]*?),?\)/g, '[$1]')
    .replaceAll(/(?<=[=([, ])-?\d+(\.\d+)?(e[-+]?\d+)?/g, (number) => String(Number(number)))
    .replaceAll(/\[([^,\]]+)\]/g, '$1');
}

describe('as text', () => {
  beforeAll(async () => {
    await prepareDevice('interpreter', true);
  });

  test.each(names)('%s', (module) => {
    for (const { repr, ctor_args, ctor_kwargs } of cases.filter((one) => one.module === module)) {
      const decoder = new Decoder();
      const given = { args: decoder.decodeAll(ctor_args), kwargs: decoder.decodeNamed(ctor_kwargs) };
      const made = construct(
        '@nn/modules',
        module,
        argumentsOf(parseSignature(moduleRows[module].parameters), given),
      );
      const text = String(made).replace(/^Lazy/, '');
      // A lazy module says what it found when it was called; here it has not been.
      if (module.startsWith('Lazy')) expect(translated(text)).toContain(repr.slice(0, repr.indexOf('(')));
      else expect(translated(text)).toBe(translated(repr));
    }
  });
});
