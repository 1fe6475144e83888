// One program: run in all ways, compared, and shrunk when it fails.
import { compareTraces, type Difference, type Reference } from './compare.ts';
import { type Program, printProgram } from './program.ts';
import { type Configuration, run, type Trace } from './run.ts';
import { analyse, shrink } from './shrink.ts';

export interface Failure {
  readonly program: Program;
  readonly configuration: Configuration;
  readonly difference: Difference;
}

/** The interpreter, every op by itself: the meaning of a program. */
export const eager: Configuration = { name: 'eager', device: 'reference', fusion: false, eager: true };
const eagerDouble: Configuration = { ...eager, name: 'eager in float64', double: true };

async function referenceOf(program: Program): Promise<Reference> {
  let double: Promise<Trace> | undefined;
  return {
    single: await run(program, eager),
    double: () => (double ??= run(program, eagerDouble)),
  };
}

async function failureOf(
  program: Program,
  configurations: readonly Configuration[],
  exact: (at: number) => boolean,
): Promise<Failure | null> {
  const reference = await referenceOf(program);
  for (const configuration of configurations) {
    const trace = await run(program, configuration);
    const difference = await compareTraces(trace, reference, exact, configuration);
    if (difference !== null) return { program, configuration, difference };
  }
  return null;
}

/**
 * Runs a program in all these ways; null when they agree with the reference.
 *
 * @param shapes The device that only gives shapes.
 */
export async function check(
  program: Program,
  shapes: string,
  configurations: readonly Configuration[],
): Promise<Failure | null> {
  return failureOf(program, configurations, exactnessOf(program, shapes));
}

function exactnessOf(program: Program, device: string): (at: number) => boolean {
  const exact = analyse(program, device);
  if (exact === null) throw new Error(`fuzz: the program of seed ${program.seed} is not valid`);
  return exact;
}

/** The smallest program found that fails in the same configuration. */
export async function shrunk(
  { program, configuration, difference }: Failure,
  device: string,
): Promise<Failure> {
  let smallest: Failure = { program, configuration, difference };
  await shrink(program, device, async (candidate) => {
    const failure = await failureOf(candidate, [configuration], exactnessOf(candidate, device));
    if (failure === null || failure.difference.kind !== difference.kind) return false;
    smallest = failure;
    return true;
  });
  return smallest;
}

/** What failed, as code that runs. */
export function report({ program, configuration, difference }: Failure): string {
  const { name, fusion, policy = {} } = configuration;
  const setup: string[] = [];
  if (!fusion) setup.push('setFusion(false);');
  if (Object.keys(policy).length > 0) setup.push(`memoryPolicy(${JSON.stringify(policy)});`);
  return [
    `seed ${program.seed} fails on ${name}, at instruction ${difference.at + 1} of ${program.instructions.length}:`,
    difference.message,
    '',
    printProgram(program, setup),
    '',
  ].join('\n');
}
