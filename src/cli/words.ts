// Command lines as text: split into words as a POSIX shell splits them (blanks, quotes, backslash; no expansion), and
// words quoted so that a shell gives them back.
import { UsageError } from './diagnostics.ts';

/** The words of `text`. Throws UsageError for an open quote; `what` names where the text comes from. */
export function splitWords(text: string, what: string): string[] {
  const words: string[] = [];
  let word = '';
  let inWord = false;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const c = text.charAt(i);
    if (quote === "'") {
      if (c === "'") quote = '';
      else word += c;
    } else if (c === '\\' && i + 1 < text.length && (quote === '' || '"\\$`'.includes(text.charAt(i + 1)))) {
      word += text.charAt(++i);
      inWord = true;
    } else if (quote === '"') {
      if (c === '"') quote = '';
      else word += c;
    } else if (c === '"' || c === "'") {
      quote = c;
      inWord = true;
    } else if (c === ' ' || c === '\t' || c === '\n') {
      if (inWord) words.push(word);
      word = '';
      inWord = false;
    } else {
      word += c;
      inWord = true;
    }
  }
  if (quote !== '') throw new UsageError(`${what}: a quote ${quote} is not closed`);
  if (inWord) words.push(word);
  return words;
}

/** `words` as a line that a POSIX shell splits into them again. */
export function shellQuote(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}
