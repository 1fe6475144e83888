// What an example is: a sentence, settings with their defaults, and a program. From these come its command line and
// the small size at which the tests run it.
import { basename } from 'node:path';
import { ArgumentError, checkOptions } from '@nn/core';
import { manualSeed } from '@nn/tensor';
import { Command, InvalidArgumentError, Option } from 'commander';
import { checkWritable, makeFolder, writeWhole } from './files.ts';
import { run, useDevice } from './run.ts';

/** A setting of an example: an option of its function and of its command line. */
export interface Setting<T> {
  readonly description: string;
  readonly default: T;
  /** The value for a run of a second or two, as the tests make. */
  readonly small?: T;
  readonly choices?: readonly string[];
  readonly parse?: (text: string) => T;
}

type Settings = Readonly<Record<string, Setting<unknown>>>;

/** What every example takes besides its own settings. */
export interface CommonOptions {
  /** Same seed, same numbers. Default 0. */
  readonly seed: number;
  /** The folder for pictures and checkpoints. Default `gallery`. */
  readonly out: string;
}

export type OptionsOf<S extends Settings> = {
  readonly [Name in keyof S]: S[Name] extends Setting<infer T> ? T : never;
} & CommonOptions;

/** Figures to show, and to test. */
export type Figures = Readonly<Record<string, number | string | boolean>>;

/** An example: called with options, it needs a device in use and returns its figures. */
export interface Example<Options extends CommonOptions = CommonOptions, Result extends Figures = Figures> {
  (options?: Partial<Options>): Promise<Result>;
  readonly summary: string;
  /** Options for a run of a second or two. */
  readonly small: Partial<Options>;
  /** Its command line under a name. */
  command(name: string): Command;
  /** Runs it from the command line. */
  main(): Promise<void>;
}

function number(accepts: (value: number) => boolean, expected: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !accepts(value)) throw new InvalidArgumentError(`expected ${expected}`);
    return value;
  };
}

export const parseCount: (text: string) => number = number(
  (value) => Number.isSafeInteger(value) && value >= 1,
  'an integer of at least 1',
);
export const parseInteger: (text: string) => number = number(Number.isSafeInteger, 'an integer');
export const parsePositive: (text: string) => number = number(
  (value) => value > 0 && Number.isFinite(value),
  'a number above 0',
);
const parseWhole = number((value) => Number.isSafeInteger(value) && value >= 0, 'an integer of at least 0');
const parseFraction = number((value) => value >= 0 && value < 1, 'a number from 0 to below 1');

function parseText(text: string): string {
  if (text === '') throw new InvalidArgumentError('expected some text');
  return text;
}

interface Size<T> {
  readonly small?: T;
}

/** An integer of at least 1. */
export function count(description: string, value: number, { small }: Size<number> = {}): Setting<number> {
  return { description, default: value, small, parse: parseCount };
}

/** An integer of at least 0. */
export function whole(description: string, value: number, { small }: Size<number> = {}): Setting<number> {
  return { description, default: value, small, parse: parseWhole };
}

/** A number above 0. */
export function positive(description: string, value: number, { small }: Size<number> = {}): Setting<number> {
  return { description, default: value, small, parse: parsePositive };
}

/** A number from 0 to below 1. */
export function fraction(description: string, value: number, { small }: Size<number> = {}): Setting<number> {
  return { description, default: value, small, parse: parseFraction };
}

export function choice<const T extends string>(
  description: string,
  choices: readonly T[],
  value: NoInfer<T>,
): Setting<T> {
  return { description, default: value, choices };
}

export function text(description: string, value: string, { small }: Size<string> = {}): Setting<string> {
  return { description, default: value, small, parse: parseText };
}

/** Off unless given. */
export function flag(description: string): Setting<boolean> {
  return { description, default: false };
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

function optionOf(name: string, setting: Setting<unknown>): Option {
  const { description, default: value, choices, parse } = setting;
  if (typeof value === 'boolean') return new Option(`--${kebab(name)}`, description).default(value);
  const form = choices ? 'name' : typeof value === 'number' ? 'n' : 'text';
  const option = new Option(`--${kebab(name)} <${form}>`, description).default(value);
  if (choices) option.choices(choices);
  return parse ? option.argParser(parse) : option;
}

interface DeviceOptions {
  readonly device: string;
  readonly threads?: number;
  readonly json?: string;
}

/** @throws {ArgumentError} for a value that the command line would refuse. */
function checkValue(name: string, value: unknown, { parse, choices }: Setting<unknown>): void {
  try {
    parse?.(String(value));
  } catch (error) {
    throw new ArgumentError(`${name}: ${(error as Error).message}, got ${value}`);
  }
  if (choices && !choices.includes(value as string)) {
    throw new ArgumentError(`${name}: expected one of ${choices.join(', ')}, got ${value}`);
  }
}

/** Makes an example of a sentence, settings, and a program that takes their values. */
export function example<S extends Settings, R extends Figures>(
  summary: string,
  settings: S,
  program: (options: OptionsOf<S>) => Promise<R>,
): Example<OptionsOf<S>, R> {
  type Options = OptionsOf<S>;
  const all: Settings = {
    ...settings,
    seed: { description: 'same seed, same numbers', default: 0, parse: parseInteger },
    out: { description: 'the folder for pictures and checkpoints', default: 'gallery', parse: parseText },
  };
  const entries = Object.entries(all);
  const defaults = Object.fromEntries(entries.map(([name, setting]) => [name, setting.default]));

  const call = async (options: Partial<Options> = {}): Promise<R> => {
    checkOptions('example', options, Object.keys(all));
    const values = { ...defaults, ...options } as Options;
    for (const [name, setting] of entries) checkValue(name, values[name as keyof Options], setting);
    await makeFolder(values.out);
    manualSeed(values.seed);
    return program(values);
  };
  const command = (name: string): Command => {
    const line = new Command(name).description(summary).allowExcessArguments(false);
    for (const [option, setting] of entries) line.addOption(optionOf(option, setting));
    return line
      .option('--device <name>', 'cpu, webgpu or interpreter', 'cpu')
      .option('--threads <n>', 'threads of the cpu device (default: one a core)', parseCount)
      .option('--json <file>', 'write the figures to this file')
      .action(({ device, threads, json, ...options }: Options & DeviceOptions) =>
        run(async () => {
          await checkWritable(json);
          await useDevice(device, threads);
          const started = performance.now();
          const figures = await call(options as unknown as Partial<Options>);
          const seconds = Number(((performance.now() - started) / 1000).toFixed(1));
          console.log(`${name}: ${seconds} s`);
          if (json !== undefined) {
            await writeWhole(json, `${JSON.stringify({ example: name, seconds, ...figures }, null, 2)}\n`);
          }
        }),
      );
  };
  return Object.assign(call, {
    summary,
    small: Object.fromEntries(
      entries.flatMap(([name, { small }]) => (small === undefined ? [] : [[name, small]])),
    ) as Partial<Options>,
    command,
    main: async () => void (await command(basename(process.argv[1], '.ts')).parseAsync()),
  });
}
