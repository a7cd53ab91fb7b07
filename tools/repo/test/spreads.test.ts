/** No array is spread into the arguments of a call: data sets have a million images. */
import { describe, expect, it } from 'vitest';
import { textFiles, trackedFiles } from '../src/files';
import { describeSpreads } from '../src/spreads';

const files = textFiles(trackedFiles().filter((path) => /^(packages|apps)\/[^/]+\/src\/.*\.ts$/.test(path)));

describe('arrays in arguments', () => {
  it.skipIf(files.length === 0)('are not spread in any source', () => {
    expect(files.flatMap(describeSpreads)).toEqual([]);
  });

  it('are found, and objects with spreads are not', () => {
    const found = (text: string) => describeSpreads({ path: 'a.ts', text });
    expect(found('x;\nlist.push(...(await more()))')).toEqual(['a.ts:2: push(...) of an array: use a loop or reduce']);
    expect(found('Math.max(0, ...sizes)')).toHaveLength(1);
    expect(found('list.push({ ...a, b: [...c] }); f(...d)')).toEqual([]);
  });
});
