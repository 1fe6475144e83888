// PNG and JPEG, decoded in JavaScript: the same pixels in Node, in a page and in a worker.
import { ArgumentError, checkOptions, DataError } from '@nn/core';
import { fromBuffer, type Tensor, tensor } from '@nn/tensor';
import { convertIndexedToRgb, type DecodedPng, decode as decodePng } from 'fast-png';
import jpeg from 'jpeg-js';
import { readBytes, type Source } from '../source.ts';

/** Pixels on the host, row by row, the channels of a pixel next to each other. */
export interface Image {
  readonly width: number;
  readonly height: number;
  /** 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha. */
  readonly channels: number;
  /** height × width × channels. 16 bits a channel only where the file has them. */
  readonly data: Uint8Array | Uint16Array;
}

/** Which channels are wanted, whatever the file has: as torchvision's `ImageReadMode`. */
export type ImageMode = 'unchanged' | 'gray' | 'rgb' | 'rgba';

export interface ImageOptions {
  /** Default 'unchanged'. */
  readonly mode?: ImageMode;
}

const modes: Readonly<Record<ImageMode, number>> = { unchanged: 0, gray: 1, rgb: 3, rgba: 4 };

/**
 * Decodes a PNG or JPEG file.
 *
 * @param name what to call the file in errors.
 * @throws {DataError} for bytes that are neither, or damaged.
 * @throws {ArgumentError} for an unknown mode.
 */
export function decodeImage(
  bytes: Uint8Array,
  options: ImageOptions = {},
  name: string = 'the image',
): Image {
  checkOptions('decodeImage', options, ['mode']);
  const { mode = 'unchanged' } = options;
  if (!Object.hasOwn(modes, mode)) {
    throw new ArgumentError(`decodeImage: mode must be one of ${Object.keys(modes).join(', ')}, got ${mode}`);
  }
  const decode = startsWith(bytes, [0x89, 0x50, 0x4e, 0x47])
    ? fromPng
    : startsWith(bytes, [0xff, 0xd8, 0xff])
      ? fromJpeg
      : undefined;
  if (decode === undefined) {
    const seen = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    throw new DataError(`${name}: neither PNG nor JPEG: it starts with ${seen || 'nothing'}`);
  }
  let image: Image;
  try {
    image = decode(bytes);
  } catch (error) {
    throw new DataError(`${name}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  return withChannels(image, modes[mode]);
}

/**
 * Reads a PNG or JPEG file from a path (Node), a URL, a Blob or a stream.
 *
 * @throws {DataError} when it cannot be read or decoded.
 * @example
 * ```ts
 * import { readImage } from '@nn/data/image';
 * const png = 'iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAAD0lEQVR4nGP4z8DAwPAfAAcAAf9+CLHQAAAAAElFTkSuQmCC';
 * const image = await readImage(`data:image/png;base64,${png}`);
 * console.log(image.width, image.height, [...image.data]); // => 2 1 [255, 0, 0, 0, 0, 255]
 * ```
 */
export async function readImage(source: Source, options: ImageOptions = {}): Promise<Image> {
  const { bytes, name } = await readBytes(source);
  return decodeImage(bytes, options, name);
}

/**
 * The pixels as a float32 tensor [channels, height, width] from 0 to 1, as torchvision's `ToTensor`.
 *
 * @example
 * ```ts
 * import { toTensor } from '@nn/data/image';
 * import { interpreter, use } from '@nn/tensor';
 * use(interpreter());
 * const gray = toTensor({ width: 2, height: 1, channels: 1, data: Uint8Array.of(0, 255) });
 * console.log(gray.shape, await gray.toArray()); // => [1, 1, 2] [[[0, 1]]]
 * ```
 */
export function toTensor({ width, height, channels, data }: Image): Tensor {
  const shape = [height, width, channels];
  if (data.length !== height * width * channels) {
    throw new DataError(`toTensor: ${data.length} values do not fill ${height} x ${width} x ${channels}`);
  }
  const [pixels, largest] =
    data instanceof Uint16Array
      ? [tensor(data, { shape, dtype: 'int32' }), 65535]
      : [fromBuffer(data, { shape }), 255];
  return pixels.permute([2, 0, 1]).to('float32').div(largest);
}

const startsWith = (bytes: Uint8Array, signature: readonly number[]): boolean =>
  signature.every((byte, i) => bytes[i] === byte);

function fromJpeg(bytes: Uint8Array): Image {
  const { width, height, data } = jpeg.decode(bytes, { useTArray: true, formatAsRGBA: false });
  const image = { width, height, channels: data.length / (width * height), data };
  // The decoder spreads gray over three channels.
  return jpegComponents(bytes) === 1 ? withChannels(image, 1) : image;
}

/** How many components the frame header (SOF0 … SOF15) of a JPEG file names. */
function jpegComponents(bytes: Uint8Array): number | undefined {
  for (let at = 2; at + 9 < bytes.length; ) {
    const marker = bytes[at + 1];
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return bytes[at + 9];
    // A segment's length counts itself; a fill byte has none.
    at += marker === 0xff ? 1 : 2 + bytes[at + 2] * 256 + bytes[at + 3];
  }
  return undefined;
}

function fromPng(bytes: Uint8Array): Image {
  const png = decodePng(bytes, { checkCrc: true });
  const { width, height, depth, channels } = png;
  if (png.palette !== undefined) {
    const data = convertIndexedToRgb(png);
    return { width, height, channels: data.length / (width * height), data };
  }
  const data = depth < 8 ? unpacked(png) : (png.data as Uint8Array | Uint16Array);
  return { width, height, channels, data };
}

/** Gray pixels of less than a byte, which lie packed in rows, spread over 0 … 255. */
function unpacked({ width, height, depth, data }: DecodedPng): Uint8Array {
  const rowBytes = Math.ceil((width * depth) / 8);
  const largest = 2 ** depth - 1;
  const pixels = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const shift = 8 - depth - (bit % 8);
      pixels[y * width + x] = (((data[y * rowBytes + (bit >> 3)] >> shift) & largest) * 255) / largest;
    }
  }
  return pixels;
}

function withChannels(image: Image, wanted: number): Image {
  const { width, height, channels, data } = image;
  if (wanted === 0 || wanted === channels) return image;
  const count = width * height;
  const ArrayClass = data.constructor as new (length: number) => typeof data;
  const result = new ArrayClass(count * wanted);
  const opaque = data instanceof Uint16Array ? 65535 : 255;
  const hasColor = channels >= 3;
  for (let i = 0; i < count; i++) {
    const from = i * channels;
    const [red, green, blue] = hasColor
      ? [data[from], data[from + 1], data[from + 2]]
      : [data[from], data[from], data[from]];
    const to = i * wanted;
    if (wanted === 1) {
      // ITU-R BT.601, as Pillow's mode L and torchvision's GRAY.
      result[to] = hasColor ? Math.round(0.299 * red + 0.587 * green + 0.114 * blue) : red;
      continue;
    }
    result[to] = red;
    result[to + 1] = green;
    result[to + 2] = blue;
    if (wanted === 4) result[to + 3] = channels % 2 === 0 ? data[from + channels - 1] : opaque;
  }
  return { width, height, channels: wanted, data: result };
}
