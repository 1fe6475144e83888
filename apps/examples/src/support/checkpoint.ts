// The whole state of a training run in one safetensors file: model and optimizer tensors, and what else is needed
// to go on exactly where it stopped. Format: https://github.com/huggingface/safetensors#format
import { readFile } from 'node:fs/promises';
import { bytesPerElement, DataError, type DType, hostArrayOver, sizeOf } from '@nn/core';
import { defaultGenerator, type Generator, isTensor, type Tensor, tensor } from '@nn/tensor';
import { writeWhole } from './files.ts';

export type RandomState = ReturnType<Generator['getState']>;

/** What has a state to save: models, optimizers, schedulers. */
interface Stateful {
  stateDict(): unknown;
  loadStateDict(state: never): unknown;
}

export type Parts = Readonly<Record<string, Stateful>>;

const codes: Readonly<Record<DType, string>> = {
  bool: 'BOOL',
  uint8: 'U8',
  int8: 'I8',
  int16: 'I16',
  int32: 'I32',
  int64: 'I64',
  float16: 'F16',
  bfloat16: 'BF16',
  float32: 'F32',
  float64: 'F64',
};

/** Tensors anywhere in a nested state, by their path; the rest as JSON with the paths in their places. */
function separate(value: unknown, path: string, tensors: Map<string, Tensor>): unknown {
  if (isTensor(value)) {
    tensors.set(path, value);
    return { $tensor: path };
  }
  if (typeof value === 'bigint') return { $bigint: String(value) };
  if (value instanceof Map) return separate(Object.fromEntries(value), path, tensors);
  if (Array.isArray(value)) return value.map((each, i) => separate(each, `${path}.${i}`, tensors));
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, separate(each, `${path}.${key}`, tensors)]),
    );
  }
  return value;
}

function join(value: unknown, tensors: ReadonlyMap<string, Tensor>): unknown {
  if (Array.isArray(value)) return value.map((each) => join(each, tensors));
  if (value === null || typeof value !== 'object') return value;
  if ('$tensor' in value) return tensors.get(String(value.$tensor));
  if ('$bigint' in value) return BigInt(String(value.$bigint));
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, join(each, tensors)]));
}

/** Saves the parts, the progress (anything of tensors, numbers, lists and records) and the random state. */
export async function saveCheckpoint(file: string, parts: Parts, progress: object): Promise<void> {
  const tensors = new Map<string, Tensor>();
  const states = Object.entries(parts).map(([name, part]) => [name, part.stateDict()] as const);
  const state = separate(
    {
      ...Object.fromEntries(states),
      progress: { ...progress, randomState: defaultGenerator.getState() },
    },
    '',
    tensors,
  );
  const header: Record<string, unknown> = {
    __metadata__: { format: 'nn-checkpoint-1', state: JSON.stringify(state) },
  };
  const chunks: Uint8Array[] = [];
  let offset = 0;
  for (const [name, each] of tensors) {
    const data = await each.data();
    header[name] = {
      dtype: codes[each.dtype],
      shape: each.shape,
      data_offsets: [offset, offset + data.byteLength],
    };
    chunks.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    offset += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padding = (8 - (text.length % 8)) % 8;
  const bytes = new Uint8Array(8 + text.length + padding + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length + padding), true);
  bytes.set(text, 8);
  bytes.fill(0x20, 8 + text.length, 8 + text.length + padding);
  let at = 8 + text.length + padding;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  await writeWhole(file, bytes);
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

function decode(
  file: string,
  bytes: Uint8Array,
): { state: Record<string, unknown>; tensors: Map<string, Tensor> } {
  const damaged = (why: string): DataError =>
    new DataError(`${file} is no checkpoint of this program: ${why}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8) throw damaged('it is too short');
  const length = Number(view.getBigUint64(0, true));
  if (length > bytes.length - 8) throw damaged('its header is truncated');
  let header: Record<string, Entry> & { __metadata__?: { format?: string; state?: string } };
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length)));
  } catch {
    throw damaged('its header is not JSON');
  }
  const { __metadata__: metadata, ...entries } = header;
  if (metadata?.format !== 'nn-checkpoint-1' || metadata.state === undefined)
    throw damaged('it lacks the training state');
  const tensors = new Map<string, Tensor>();
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [start, end],
    },
  ] of Object.entries(entries as Record<string, Entry>)) {
    const known = (Object.keys(codes) as DType[]).find((each) => codes[each] === dtype);
    if (known === undefined) throw damaged(`'${name}' has an unknown dtype ${dtype}`);
    if (end - start !== sizeOf(shape) * bytesPerElement(known)) throw damaged(`'${name}' has a wrong size`);
    const content = bytes.slice(8 + length + start, 8 + length + end);
    if (content.length !== end - start) throw damaged(`'${name}' is truncated`);
    tensors.set(name, tensor(hostArrayOver(known, content.buffer) as Float32Array, { dtype: known, shape }));
  }
  return { state: join(JSON.parse(metadata.state), tensors) as Record<string, unknown>, tensors };
}

/**
 * Loads the parts and the random state, and gives the progress.
 *
 * @throws {DataError} when the file is missing, damaged, or of another model.
 */
export async function loadCheckpoint<Progress extends object>(
  file: string,
  parts: Parts,
): Promise<Progress & { randomState: RandomState }> {
  let bytes: Uint8Array;
  try {
    // A plain Uint8Array: a Buffer's slices would share its memory.
    bytes = new Uint8Array(await readFile(file));
  } catch (error) {
    throw new DataError(`--resume: cannot read ${file}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
  const { state } = decode(file, bytes);
  for (const [name, part] of Object.entries(parts)) part.loadStateDict(state[name] as never);
  const progress = state.progress as Progress & { randomState: RandomState };
  defaultGenerator.setState(progress.randomState);
  return progress;
}
