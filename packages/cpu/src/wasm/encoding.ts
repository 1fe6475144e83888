// The binary encoding of WebAssembly: variable-length integers, floats, and code as a rope.
// Source: https://webassembly.github.io/spec/core/binary/index.html

/** Bytes, nested as they were composed; flattened once, when the module is built. */
export type Code = number | readonly Code[];

/** An unsigned integer of up to 32 bits in LEB128. */
export function unsigned(value: number): Code {
  if (value < 0x80) return value;
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}

/** A signed integer of up to 64 bits in LEB128; numbers are of 32 bits. */
export function signed(value: number | bigint): Code {
  return typeof value === 'number' ? signedWord(value | 0) : signedBigInt(value);
}

function signedWord(value: number): Code {
  if (value >= -0x40 && value < 0x40) return value & 0x7f;
  const bytes: number[] = [];
  let rest = value;
  for (; rest < -0x40 || rest >= 0x40; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest & 0x7f);
  return bytes;
}

function signedBigInt(value: bigint): Code {
  let rest = value;
  const bytes: number[] = [];
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    const isLast = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
    bytes.push(isLast ? low : low | 0x80);
    if (isLast) return bytes;
  }
}

const scratch = new DataView(new ArrayBuffer(8));

/** The four little-endian bytes of a 32-bit float. */
export function float32Bytes(value: number): number[] {
  scratch.setFloat32(0, value, true);
  return [0, 1, 2, 3].map((index) => scratch.getUint8(index));
}

/** The eight little-endian bytes of a 64-bit float. */
export function float64Bytes(value: number): number[] {
  scratch.setFloat64(0, value, true);
  return [0, 1, 2, 3, 4, 5, 6, 7].map((index) => scratch.getUint8(index));
}

/** A name: its length in bytes, then its UTF-8. */
export function name(text: string): Code {
  const bytes = [...new TextEncoder().encode(text)];
  return [unsigned(bytes.length), bytes];
}

/** A vector of items, preceded by their count. */
export function vector(items: readonly Code[]): Code {
  return [unsigned(items.length), items];
}

/** Appends bytes, growing its storage as needed. */
export class ByteSink {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(1024);
  #length = 0;

  append(code: Code): void {
    if (typeof code === 'number') {
      if (this.#length === this.#bytes.length) this.#reserve(1);
      this.#bytes[this.#length++] = code;
    } else {
      for (let at = 0; at < code.length; at++) this.append(code[at]);
    }
  }

  appendBytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A copy of what was appended. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(extra: number): void {
    if (this.#length + extra <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + extra));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

export function flatten(code: Code): Uint8Array<ArrayBuffer> {
  const sink = new ByteSink();
  sink.append(code);
  return sink.finish();
}
