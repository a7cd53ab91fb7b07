/** When nets and images have the same classes. */
import { IMAGENET_CLASSES } from '@vgg/weights';
import { describe, expect, it } from 'vitest';
import type { Evaluated } from '../src/nets/evaluated';
import { checkClasses } from '../src/nets/same-classes';
import type { LoadedRun } from '../src/run/folder';

const net = (classes: readonly string[], runs: readonly LoadedRun[] = []): Evaluated => ({
  ...{ name: 'net', nets: [], scales: [], runs, classes },
  dispose: () => {},
});

/** What was taken for granted, or why it was refused. */
function check(...[evaluated, images]: [Evaluated, readonly string[]]): string[] {
  const said: string[] = [];
  try {
    checkClasses(evaluated, images, (line) => said.push(line));
  } catch (error) {
    said.push(`error: ${(error as Error).message}`);
  }
  return said;
}

const synsets = IMAGENET_CLASSES.map((_, i) => `n${String(1_000_000 + 7 * i).padStart(8, '0')}`);

describe('the classes of a net and of images', () => {
  it('are the same by name and order', () => {
    expect(check(net(['cat', 'dog']), ['cat', 'dog'])).toEqual([]);
    expect(check(net(['cat', 'dog']), ['dog', 'cat'])).toEqual([
      'error: class 0 of net is cat, of the data set it is dog: they must be the same, in the same order',
    ]);
    expect(check(net(['cat', 'dog']), ['cat', 'dogs'])[0]).toMatch(/it is dogs \(did you mean "dog"\?\): they/);
  });

  it("are ImageNet's where the folders are WordNet numbers in their order", () => {
    expect(check(net(IMAGENET_CLASSES), synsets)).toEqual([]);
    expect(check(net(IMAGENET_CLASSES), [...synsets].reverse())[0]).toMatch(/^error: class 0 of net is tench/);
    expect(check(net(IMAGENET_CLASSES.map((name, i) => (i === 3 ? 'cat' : name))), synsets)[0]).toMatch(/^error/);
    expect(check(net(IMAGENET_CLASSES), synsets.slice(1))[0]).toMatch(/1000 classes, the data set has 999/);
  });

  it("are taken for granted where nothing names the net's, but a run's never are", () => {
    expect(check(net(['0', '1']), ['cat', 'dog'])).toEqual([
      'nothing names the classes of net: its first output is taken for cat, its last for dog',
    ]);
    const run = { path: 'net', record: { classes: ['0', '1'] } } as unknown as LoadedRun;
    expect(check(net(['0', '1'], [run]), ['cat', 'dog'])[0]).toMatch(/^error: class 0 of net is 0/);
  });
});
