// @nn/data/csv: comma-separated values (RFC 4180), row by row or column by column. Papa Parse does the parsing.
import { ArgumentError, checkOptions, DataError } from '@nn/core';
import Papa from 'papaparse';
import { describeSource, readText, type Source } from '../source.ts';

/** What becomes of a field: `string` as it is, `number` (empty: NaN), or `auto`: a number where it is one. */
export type CsvType = 'string' | 'number' | 'auto';
export type CsvValue = string | number;
export type CsvRow = Record<string, CsvValue>;

export interface CsvOptions {
  /** The columns' names: from the first row (`true`), or given; then the first row is data. Default true. */
  readonly header?: true | readonly string[];
  /** Default ','. */
  readonly delimiter?: string;
  /** For all columns, or by name; those not named are 'auto'. Default 'auto'. */
  readonly types?: CsvType | Readonly<Record<string, CsvType>>;
  /** Rows that begin with it are left out. Default: none. */
  readonly comment?: string;
  /** A label of the Encoding Standard. Default 'utf-8'. */
  readonly encoding?: string;
}

const optionNames = ['header', 'delimiter', 'types', 'comment', 'encoding'] as const;

/**
 * The rows of a CSV file as objects, while it is read. Empty lines are left out.
 *
 * @throws {DataError} for a file that cannot be read, for quotes that do not match, for rows with more or fewer
 * fields than there are columns, and for what is no number in a column of numbers; it names the row, from 1.
 * @example
 * ```ts
 * import { readCsv } from '@nn/data/csv';
 * const file = new Blob(['name,width\n"Iris, blue",2.5\nRose,4\n']);
 * for await (const row of readCsv(file)) console.log(row);
 * // => { name: 'Iris, blue', width: 2.5 }
 * // => { name: 'Rose', width: 4 }
 * ```
 */
export async function* readCsv(
  source: Source,
  options: CsvOptions = {},
): AsyncGenerator<CsvRow, void, undefined> {
  for await (const { names, values } of readRows('readCsv', source, options)) {
    yield Object.fromEntries(names.map((name, i) => [name, values[i]]));
  }
}

/** All rows of a file, column by column. */
export interface CsvTable {
  readonly names: readonly string[];
  /** Rows. */
  readonly length: number;
  /** Columns of numbers are float64 arrays. */
  readonly columns: Readonly<Record<string, Float64Array | string[]>>;
}

/**
 * A whole CSV file, column by column: a column whose fields all are numbers (or empty: NaN) is a `Float64Array`,
 * ready for `tensor(column, { dtype: 'float32' })`; others are lists of strings.
 *
 * @throws {DataError} as `readCsv`.
 * @example
 * ```ts
 * import { readCsvTable } from '@nn/data/csv';
 * const { columns, length } = await readCsvTable(new Blob(['x,y\n1,a\n2,b\n']));
 * console.log(length, [...columns.x], columns.y); // => 2 [1, 2] ['a', 'b']
 * ```
 */
export async function readCsvTable(source: Source, options: CsvOptions = {}): Promise<CsvTable> {
  // As text, so that a column of mostly numbers keeps its other fields as they were.
  const { types = 'auto' } = options;
  const typeOf = (name: string): CsvType => (typeof types === 'string' ? types : (types[name] ?? 'auto'));
  let names: readonly string[] = [];
  let texts: string[][] = [];
  let length = 0;
  for await (const row of readRows('readCsvTable', source, { ...options, types: 'string' })) {
    if (length === 0) {
      names = row.names;
      texts = names.map(() => []);
    }
    row.values.forEach((value, i) => {
      texts[i].push(value as string);
    });
    length++;
  }
  const columns = names.map((name, i) => {
    const type = typeOf(name);
    if (type === 'string') return [name, texts[i]] as const;
    const numbers = Float64Array.from(texts[i], toNumber);
    const wrong = texts[i].findIndex((text, row) => Number.isNaN(numbers[row]) && !isMissing(text));
    if (wrong < 0) return [name, numbers] as const;
    if (type === 'auto') return [name, texts[i]] as const;
    throw noNumber(describeSource(source), wrong + 1, name, texts[i][wrong]);
  });
  return { names, length, columns: Object.fromEntries(columns) };
}

interface Row {
  readonly names: readonly string[];
  readonly values: readonly CsvValue[];
}

async function* readRows(
  functionName: string,
  source: Source,
  options: CsvOptions,
): AsyncGenerator<Row, void, undefined> {
  checkOptions(functionName, options, optionNames);
  const { header = true, types = 'auto' } = options;
  const file = describeSource(source);
  let names: readonly string[] | undefined = header === true ? undefined : header;
  let number = 0;
  for await (const fields of readFields(functionName, source, options)) {
    if (names === undefined) {
      names = fields;
      const twice = names.find((name, i) => fields.indexOf(name) !== i);
      if (twice !== undefined) {
        throw new DataError(`${file}: two columns are called '${twice}'. Give names: { header: [...] }`);
      }
      continue;
    }
    number++;
    if (fields.length !== names.length) {
      throw new DataError(
        `${file}: row ${number} has ${fields.length} fields, but there are ${names.length} columns (${names.join(', ')})`,
      );
    }
    const values = fields.map((text, i) => {
      const name = names![i];
      const type = typeof types === 'string' ? types : (types[name] ?? 'auto');
      if (type === 'string') return text;
      const value = toNumber(text);
      if (!Number.isNaN(value) || (type === 'number' && isMissing(text))) return value;
      if (type === 'auto') return text;
      throw noNumber(file, number, name, text);
    });
    yield { names, values };
  }
}

/** Papa Parse's own way to stream: what the parser did not get through begins the next piece. */
async function* readFields(
  functionName: string,
  source: Source,
  { delimiter = ',', comment, encoding }: CsvOptions,
): AsyncGenerator<string[], void, undefined> {
  if (delimiter === '' || Papa.BAD_DELIMITERS.includes(delimiter)) {
    throw new ArgumentError(
      `${functionName}: the delimiter must not be empty, a quote or a line end, got ${JSON.stringify(delimiter)}`,
    );
  }
  let parser: Papa.Parser | undefined;
  let text = '';
  const parse = (isLast: boolean): string[][] => {
    // Line ends are told by the first one.
    const newline = /\r\n|\n|\r(?!$)/.exec(text)?.[0] as '\n' | undefined;
    if (parser === undefined && newline === undefined && !isLast) return [];
    parser ??= new Papa.Parser({ delimiter, newline: newline ?? '\n', comments: comment ?? false });
    const { data, errors, meta } = parser.parse(text, 0, !isLast) as Papa.ParseResult<string[]>;
    const [error] = errors;
    if (error !== undefined) {
      throw new DataError(
        `${describeSource(source)}: ${error.message} (${JSON.stringify(text.slice(error.index ?? 0).slice(0, 40))} …)`,
      );
    }
    text = text.slice(meta.cursor);
    return data;
  };
  const isEmpty = (fields: readonly string[]): boolean => fields.length === 1 && fields[0] === '';
  for await (const piece of readText(source, encoding)) {
    text += piece;
    for (const fields of parse(false)) if (!isEmpty(fields)) yield fields;
  }
  for (const fields of parse(true)) if (!isEmpty(fields)) yield fields;
}

const isMissing = (text: string): boolean => /^\s*(nan|na|null)?\s*$/i.test(text);

/** NaN for what is none, and for nothing. */
function toNumber(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}

function noNumber(file: string, row: number, name: string, text: string): DataError {
  return new DataError(`${file}: row ${row}: '${text}' is no number (column '${name}')`);
}
