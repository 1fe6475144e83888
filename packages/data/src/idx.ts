// The IDX format of MNIST and its relatives (LeCun, Cortes, Burges): a magic number that names the element type
// and the number of dimensions, big-endian sizes, big-endian elements.
import { DataError, type DType, type HostArray, hostArray, sizeOf } from '@nn/core';
import { readBytes, type Source } from './source.ts';

export interface IdxArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: HostArray;
}

const types: Readonly<
  Record<number, { dtype: DType; bytes: number; read(view: DataView, at: number): number }>
> = {
  8: { dtype: 'uint8', bytes: 1, read: (view, at) => view.getUint8(at) },
  9: { dtype: 'int8', bytes: 1, read: (view, at) => view.getInt8(at) },
  11: { dtype: 'int16', bytes: 2, read: (view, at) => view.getInt16(at) },
  12: { dtype: 'int32', bytes: 4, read: (view, at) => view.getInt32(at) },
  13: { dtype: 'float32', bytes: 4, read: (view, at) => view.getFloat32(at) },
  14: { dtype: 'float64', bytes: 8, read: (view, at) => view.getFloat64(at) },
};

const hex = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`;

/**
 * Decodes the bytes of an IDX file. For uint8 the data is a view of the bytes, not a copy.
 *
 * @param name what to call the file in errors.
 * @throws {DataError} when the magic number is wrong, or the bytes are fewer or more than the sizes say.
 */
export function decodeIdx(bytes: Uint8Array, name: string = 'IDX data'): IdxArray {
  if (bytes.length < 4)
    throw new DataError(`${name}: ${bytes.length} bytes are too few for an IDX file's 4-byte magic number`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = types[bytes[2]];
  const rank = bytes[3];
  if (bytes[0] !== 0 || bytes[1] !== 0 || type === undefined) {
    const magic = Array.from(bytes.subarray(0, 4), hex).join(' ');
    throw new DataError(
      `${name}: not an IDX file: it starts with ${magic}, where 0x00 0x00, an element type (0x08 to 0x0e) and a rank are expected`,
    );
  }
  const header = 4 + 4 * rank;
  if (bytes.length < header) {
    throw new DataError(
      `${name}: truncated: the header of ${rank} dimensions takes ${header} bytes, the file has ${bytes.length}`,
    );
  }
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const expected = header + sizeOf(shape) * type.bytes;
  if (bytes.length !== expected) {
    const how = bytes.length < expected ? 'truncated' : 'too long';
    throw new DataError(
      `${name}: ${how}: the header says shape [${shape.join(', ')}] of ${type.dtype}, ${expected} bytes, the file has ${bytes.length}`,
    );
  }
  if (type.dtype === 'uint8') return { dtype: 'uint8', shape, data: bytes.subarray(header) };
  const data = hostArray(type.dtype, sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = type.read(view, header + i * type.bytes);
  return { dtype: type.dtype, shape, data };
}

/**
 * Reads an IDX file, gzipped or not, from a path (Node), a URL or a Blob.
 *
 * @throws {DataError} when it cannot be read or is no whole IDX file.
 */
export async function readIdx(source: Source): Promise<IdxArray> {
  const { bytes, name } = await readBytes(source);
  return decodeIdx(bytes, name);
}
