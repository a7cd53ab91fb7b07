/** The classes of nets and images: when they are the same, and what the messages say when they are not. */
import { describe, expect, it } from 'vitest';
import { checkClasses, checkImageClasses } from '../src/index';

const net = (...classes: string[]) => ({ name: 'net', classes });
const dataSet = (...classes: string[]) => ({ name: 'the data set', classes });

const IMAGENET = Array.from({ length: 1000 }, (_, i) => `class ${i}`);
const NUMBERS = IMAGENET.map((_, i) => `n${String(1_000_000 + 7 * i).padStart(8, '0')}`);

describe('two lists of classes', () => {
  it('are the same by name and order', () => {
    expect(() => checkClasses(net('cat', 'dog'), dataSet('cat', 'dog'))).not.toThrow();
    expect(() => checkClasses(net('cat', 'dog'), dataSet('dog', 'cat'))).toThrow(
      'class 0 of net is cat, of the data set it is dog: they must be the same, in the same order',
    );
    expect(() => checkClasses(net('cat', 'dog'), dataSet('cat', 'dogs'))).toThrow(
      /it is dogs \(did you mean "dog"\?\): they/,
    );
    expect(() => checkClasses(net('cat', 'dog'), dataSet('cat'))).toThrow(
      'net has 2 classes, the data set has 1: they must be the same',
    );
  });
});

describe('the classes of images for a net from a weight file', () => {
  it('may be WordNet numbers in ascending order where the net has the ImageNet classes', () => {
    expect(checkImageClasses(net(...IMAGENET), dataSet(...NUMBERS), IMAGENET)).toBeUndefined();
    expect(() => checkImageClasses(net(...IMAGENET), dataSet(...[...NUMBERS].reverse()), IMAGENET)).toThrow(
      /^class 0 of net is class 0, of the data set it is n\d{8}/,
    );
    const other = IMAGENET.map((name, i) => (i === 3 ? 'cat' : name));
    expect(() => checkImageClasses(net(...other), dataSet(...NUMBERS), IMAGENET)).toThrow(/^class 0/);
    expect(() => checkImageClasses(net(...IMAGENET), dataSet(...NUMBERS.slice(1)), IMAGENET)).toThrow(
      /1000 classes, the data set has 999/,
    );
  });

  it('may have any names where the classes of the net have none', () => {
    expect(checkImageClasses(net('0', '1'), dataSet('cat', 'dog'), IMAGENET)).toBe(
      'nothing names the classes of net: its first output is taken for cat, its last for dog',
    );
    expect(() => checkImageClasses(net('0', '1', '2'), dataSet('cat', 'dog'), IMAGENET)).toThrow(/3 classes/);
    expect(checkImageClasses(net('0', '1'), dataSet('0', '1'), IMAGENET)).toBeUndefined();
    expect(() => checkImageClasses(net('0', '1'), dataSet('1', '0'), IMAGENET)).toThrow(/class 0 of net is 0/);
  });

  it('must otherwise be the same by name and order', () => {
    expect(checkImageClasses(net('cat', 'dog'), dataSet('cat', 'dog'), IMAGENET)).toBeUndefined();
    expect(() => checkImageClasses(net('cat', 'dog'), dataSet('dog', 'cat'), IMAGENET)).toThrow(
      /class 0 of net is cat/,
    );
  });
});
