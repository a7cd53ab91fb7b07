/**
 * Finds arrays that are spread into the arguments of a call, such as `list.push(...more)`: the call fails with "Maximum call
 * stack size exceeded" for some hundred thousand elements, which a data set may have.
 */
import { lineAt, type TextFile } from './files';

/** Calls that take any number of arguments, and so are often given whole arrays. */
const CALLS = /\b(push|unshift|splice|concat|Math\.(?:max|min|hypot)|String\.from(?:CharCode|CodePoint))\(/g;

/** Returns true if the arguments that begin at `start` have a spread of their own, not one inside an array or an object. */
function hasSpread(text: string, start: number): boolean {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text[at]!;
    if ('([{'.includes(character)) depth += 1;
    else if (')]}'.includes(character)) depth -= 1;
    else if (depth === 0 && text.startsWith('...', at)) return true;
    if (depth < 0) return false;
  }
  return false;
}

/** Returns a line for each spread in a file: its place and what to write in its place. */
export function describeSpreads({ path, text }: TextFile): string[] {
  return [...text.matchAll(CALLS)]
    .filter((match) => hasSpread(text, match.index + match[0].length))
    .map((match) => `${path}:${lineAt(text, match.index)}: ${match[1]}(...) of an array: use a loop or reduce`);
}
