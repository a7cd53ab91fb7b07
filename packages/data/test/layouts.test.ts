import { rmSync } from 'node:fs';
import { randomStream } from '@vgg/core';
import { expect, it } from 'vitest';
import { openSource } from '../src/node';
import { randomTree, tryTree } from './random-tree';

it('random trees are opened or refused by name, and every file is used or counted', async () => {
  for (let i = 0; i < 150; i++) {
    const path = randomTree(randomStream(3, 'layouts', i));
    const { accounted, missing } = await tryTree(path, 'auto', openSource);
    expect(accounted, `tree ${i}: ${missing} in ${path}`).toBe(true);
    rmSync(path, { recursive: true });
  }
});
