// From text to integers and back.
import { ArgumentError, checkOptions, DataError } from '@nn/core';

/** Cuts a text into tokens. */
export type Tokenizer = (text: string) => string[];

/** Its characters: code points, so that no pair of surrogates is torn. */
export const characters: Tokenizer = (text) => Array.from(text);

/** What stands between white space. */
export const words: Tokenizer = (text) => text.split(/\s+/u).filter((word) => word !== '');

/**
 * What a pattern matches.
 *
 * @example
 * ```ts
 * import { regexTokenizer } from '@nn/data/text';
 * const tokens = regexTokenizer(/\p{L}+|[^\s\p{L}]/u);
 * console.log(tokens('Call me, now.')); // => ['Call', 'me', ',', 'now', '.']
 * ```
 */
export function regexTokenizer(pattern: RegExp): Tokenizer {
  const global = new RegExp(
    pattern.source,
    pattern.flags.includes('g') ? pattern.flags : `${pattern.flags}g`,
  );
  return (text) => text.match(global) ?? [];
}

export interface VocabularyOptions {
  /** Tokens that occur less often are left out. Default 1. */
  readonly minFrequency?: number;
  /** At most so many tokens, the most frequent ones, with `specials`. Default: all. */
  readonly maxSize?: number;
  /** Tokens that come first, whether they occur or not. */
  readonly specials?: readonly string[];
  /** The token, one of `specials`, that stands for those that are not known. Default: they are errors. */
  readonly unknown?: string;
}

/**
 * Tokens and their numbers. `Vocabulary.build` orders them by code point, so that the same text always gives the
 * same numbers.
 *
 * @example
 * ```ts
 * import { characters, Vocabulary } from '@nn/data/text';
 * const vocabulary = Vocabulary.build(characters('hello'));
 * console.log(vocabulary.tokens); // => ['e', 'h', 'l', 'o']
 * const ids = vocabulary.encode(characters('hole'));
 * console.log(ids, vocabulary.decode(ids).join('')); // => [1, 3, 2, 0] hole
 * ```
 */
export class Vocabulary {
  readonly tokens: readonly string[];
  readonly unknown: string | null;
  readonly #numbers: ReadonlyMap<string, number>;

  /** @throws {ArgumentError} for tokens that come twice, or an `unknown` that is none of them. */
  constructor(tokens: readonly string[], options: { readonly unknown?: string } = {}) {
    checkOptions('Vocabulary', options, ['unknown']);
    this.tokens = [...tokens];
    this.#numbers = new Map(tokens.map((token, i) => [token, i]));
    this.unknown = options.unknown ?? null;
    if (this.#numbers.size !== tokens.length) {
      const twice = tokens.find((token, i) => this.#numbers.get(token) !== i);
      throw new ArgumentError(`Vocabulary: the token '${twice}' comes twice`);
    }
    if (this.unknown !== null && !this.#numbers.has(this.unknown)) {
      throw new ArgumentError(
        `Vocabulary: unknown '${this.unknown}' must be one of the tokens, such as a special`,
      );
    }
  }

  /** Of the tokens that occur. */
  static build(tokens: Iterable<string>, options: VocabularyOptions = {}): Vocabulary {
    checkOptions('Vocabulary.build', options, ['minFrequency', 'maxSize', 'specials', 'unknown']);
    const { minFrequency = 1, maxSize = Number.POSITIVE_INFINITY, specials = [], unknown } = options;
    const counts = new Map<string, number>();
    for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
    for (const special of specials) counts.delete(special);
    const byCodePoint = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
    const kept = [...counts]
      .filter(([, count]) => count >= minFrequency)
      .sort(([a, countOfA], [b, countOfB]) => countOfB - countOfA || byCodePoint(a, b))
      .slice(0, Math.max(0, maxSize - specials.length))
      .map(([token]) => token)
      .sort(byCodePoint);
    return new Vocabulary([...specials, ...kept], unknown === undefined ? {} : { unknown });
  }

  get size(): number {
    return this.tokens.length;
  }

  has(token: string): boolean {
    return this.#numbers.has(token);
  }

  /** @throws {DataError} for a token that is not known, where no token stands for those. */
  numberOf(token: string): number {
    const number =
      this.#numbers.get(token) ?? (this.unknown === null ? undefined : this.#numbers.get(this.unknown));
    if (number !== undefined) return number;
    throw new DataError(
      `Vocabulary: the token '${token}' is not among the ${this.size} known ones. Build it with { specials: ['<unk>'], unknown: '<unk>' } to allow it`,
    );
  }

  /** The tokens' numbers, int32. */
  encode(tokens: Iterable<string>): Int32Array {
    return Int32Array.from(tokens, (token) => this.numberOf(token));
  }

  /** @throws {DataError} for a number that no token has. */
  decode(numbers: Iterable<number | bigint>): string[] {
    return Array.from(numbers, (number) => {
      const token = this.tokens[Number(number)];
      if (token !== undefined) return token;
      throw new DataError(`Vocabulary: no token has the number ${number}; there are ${this.size}`);
    });
  }
}
