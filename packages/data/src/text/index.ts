// @nn/data/text: lines, tokens and vocabularies.
export { LineDataset, type LineOptions, readLines } from './lines.ts';
export {
  characters,
  regexTokenizer,
  type Tokenizer,
  Vocabulary,
  type VocabularyOptions,
  words,
} from './vocabulary.ts';
