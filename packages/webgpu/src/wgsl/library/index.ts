/** The WGSL functions that kernels call; a kernel carries only those that it needs. */
import { basics } from './basics.ts';
import { errorFunction } from './error-function.ts';
import { exponential } from './exponential.ts';
import { trigonometric } from './trigonometric.ts';

const functions: Readonly<Record<string, string>> = {
  ...basics,
  ...exponential,
  ...trigonometric,
  ...errorFunction,
};

/** Which entry declares each name: most declare the one they are called, some a second. */
const declaredBy: ReadonlyMap<string, string> = new Map(
  Object.entries(functions).flatMap(([entry, code]) =>
    [...code.matchAll(/\b(?:fn|struct) (\w+)/g)].map((match) => [match[1], entry] as const),
  ),
);

/** The declarations of all library functions that `code` calls, and that those call. */
export function libraryFor(code: string): string {
  const needed = new Set<string>();
  const visit = (text: string): void => {
    for (const [word] of text.matchAll(/\b[a-z]\w*(?=\()/g)) {
      const entry = declaredBy.get(word);
      if (entry === undefined || needed.has(entry)) continue;
      needed.add(entry);
      visit(functions[entry]);
    }
  };
  visit(code);
  return [...needed]
    .sort()
    .map((entry) => functions[entry])
    .join('\n');
}
