// `pnpm bench`: measures this machine, this project and its peers in one run, so that the figures can be compared.
import { NnError } from '@nn/core';
import { readOptions } from './options.ts';

try {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options !== null) {
    // Loaded only now, so that mistakes are answered at once.
    const { run } = await import('./run.ts');
    await run(options);
  }
} catch (error) {
  console.error(error instanceof NnError ? error.message : error);
  process.exitCode = 1;
}
