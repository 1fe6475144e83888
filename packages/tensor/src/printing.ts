// How tensors look as text: PyTorch's layout (torch/_tensor_str.py): four digits, or exponents where sizes differ
// much; lines of 80 characters; beyond a thousand elements the first and last three of each dimension.
import { type DType, formatShape, isFloat } from '@nn/core';
import { getDefaultDType } from './defaults.ts';
import { data, type Element, elementOf } from './reading.ts';
import type { Tensor } from './tensor.ts';

const digits = 4;
const lineWidth = 80;
const mostElements = 1000;
const edgeItems = 3;

/** Shape, dtype and device, without reading. */
export function summary(x: Tensor): string {
  return `Tensor(shape=${formatShape(x.shape)}, dtype=${x.dtype}, device='${x.device}')`;
}

export async function print(x: Tensor): Promise<void> {
  console.log(await toText(x));
}

/** The values as PyTorch prints them. */
export async function toText(x: Tensor): Promise<string> {
  const values = await data(x);
  const summarized = x.numel() > mostElements;
  const at = (index: number): Element => elementOf(values, index, x.dtype);
  const shown: Element[] = [];
  const collect = (dim: number, offset: number): void => {
    if (dim === x.ndim) {
      shown.push(at(offset));
      return;
    }
    for (const i of positionsOf(x.shape[dim], summarized))
      if (i !== gap) collect(dim + 1, offset * x.shape[dim] + i);
  };
  collect(0, 0);
  const format = formatter(shown, x.dtype);
  const prefix = 'tensor(';
  const body =
    x.numel() === 0 ? '[]' : nest(x, 0, 0, prefix.length, summarized, (index) => format(at(index)));
  return `${prefix}${[body, ...suffixes(x)].join(', ')})`;
}

const gap = -1;

/** The positions to show, with a gap where some are left out. */
function positionsOf(extent: number, summarized: boolean): number[] {
  const all = Array.from({ length: extent }, (_, i) => i);
  if (!summarized || extent <= 2 * edgeItems) return all;
  return [...all.slice(0, edgeItems), gap, ...all.slice(-edgeItems)];
}

function nest(
  x: Tensor,
  dim: number,
  offset: number,
  indent: number,
  summarized: boolean,
  format: (index: number) => string,
): string {
  if (dim === x.ndim) return format(offset);
  const extent = x.shape[dim];
  const items = positionsOf(extent, summarized).map((i) =>
    i === gap
      ? dim < x.ndim - 1
        ? '...'
        : ' ...'
      : nest(x, dim + 1, offset * extent + i, indent + 1, summarized, format),
  );
  const margin = ' '.repeat(indent + 1);
  if (dim < x.ndim - 1) return `[${items.join(`,${'\n'.repeat(x.ndim - 1 - dim)}${margin}`)}]`;
  const width = Math.max(...items.map((item) => item.length)) + 2;
  const perLine = Math.max(1, Math.floor((lineWidth - indent) / width));
  const lines: string[] = [];
  for (let i = 0; i < items.length; i += perLine) lines.push(items.slice(i, i + perLine).join(', '));
  return `[${lines.join(`,\n${margin}`)}]`;
}

/** Formats every value to one width. */
function formatter(values: readonly Element[], dtype: DType): (value: Element) => string {
  const plain = isFloat(dtype) ? floatFormat(values as number[]) : String;
  const width = Math.max(0, ...values.map((value) => plain(value as never).length));
  return (value) => plain(value as never).padStart(width);
}

function floatFormat(values: readonly number[]): (value: number) => string {
  const sizes = values.filter((value) => Number.isFinite(value) && value !== 0).map(Math.abs);
  const largest = sizes.reduce((a, b) => Math.max(a, b), 0);
  const least = sizes.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const wide = sizes.length > 0 && (largest / least > 1000 || largest > 1e8);
  const whole = sizes.every(Number.isInteger);
  const finite = (value: number): string => {
    if (wide || (!whole && least < 1e-4)) return exponential(value);
    return whole ? `${Object.is(value, -0) ? '-0' : value.toFixed(0)}.` : value.toFixed(digits);
  };
  return (value) => {
    if (Number.isNaN(value)) return 'nan';
    if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
    return finite(value);
  };
}

/** As C prints it: at least two digits of exponent. */
function exponential(value: number): string {
  return value.toExponential(digits).replace(/e([+-])(\d)$/, 'e$10$2');
}

function suffixes(x: Tensor): string[] {
  const result: string[] = [];
  if (x.numel() === 0 && x.ndim !== 1) result.push(`size=${formatShape(x.shape)}`);
  const usual = x.dtype === getDefaultDType() || x.dtype === 'int32' || x.dtype === 'bool';
  if (!usual || x.numel() === 0) result.push(`dtype=${x.dtype}`);
  if (x.gradFn !== null) result.push(`gradFn=<${x.gradFn.name}>`);
  else if (x.requiresGrad) result.push('requiresGrad=true');
  return result;
}
