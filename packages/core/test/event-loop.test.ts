import { expect, it } from 'vitest';
import { yieldToEventLoop } from '../src';

it('lets a timer that is due run first', async () => {
  let ran = false;
  setTimeout(() => {
    ran = true;
  }, 0);
  await Promise.resolve();
  expect(ran).toBe(false);
  await yieldToEventLoop();
  expect(ran).toBe(true);
});
