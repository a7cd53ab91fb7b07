/** The classes of nets and images: when they are the same, and what the messages say when they are not. */
import { describe, expect, it } from 'vitest';
import { checkClasses, checkImageClasses, matchClasses } from '../src/index';

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

describe('classes matched by name', () => {
  const imagenet = { names: IMAGENET, synsets: NUMBERS };
  const match = (a: string[], b: string[]) => matchClasses(net(...a), dataSet(...b), imagenet);

  it('need no words if they are the same', () => {
    expect(match(['cat', 'dog'], ['cat', 'dog'])).toEqual({ places: [0, 1] });
    expect(match(IMAGENET, NUMBERS)).toEqual({ places: IMAGENET.map((_, i) => i), assumption: undefined });
    expect(match(['0', '1'], ['cat', 'dog'])).toMatchObject({
      places: [0, 1],
      assumption: expect.stringMatching(/^nothing names the classes/),
    });
  });

  it('may be some of the classes, or in another order, and may differ in case and spaces', () => {
    expect(match(['0', '180', '270', '90'], ['0', '270', '90'])).toEqual({
      places: [0, 2, 3],
      notice: 'classes are matched by name: the data set has 3 of the 4 classes of net; without images: 180',
    });
    expect(match(['cat', 'hot dog'], ['Hot_Dog', 'cat'])).toEqual({
      places: [1, 0],
      notice: 'classes are matched by name, such as Hot_Dog as hot dog: the data set has all 2 classes of net',
    });
    const some = match(IMAGENET, [NUMBERS[5]!, NUMBERS[217]!]);
    expect(some.places).toEqual([5, 217]);
    expect(some.notice).toMatch(
      /such as n\d{8} as class 5: the data set has 2 of the 1000 .* images: class 0, .*, … \(998\)/,
    );
  });

  it('must all be classes of the net, each once', () => {
    expect(() => match(['cat', 'dog'], ['cat', 'dogs'])).toThrow(
      /^1 of the 2 classes of the data set are not among the 2 classes of net: dogs \(did you mean "dog"\?\); rename/,
    );
    expect(() => match(['cat', 'dog', 'x'], ['cat', 'Cat'])).toThrow(
      /cat and Cat of the data set are the same class cat/,
    );
    expect(() => match(['0', '1', '2'], ['cat', 'dog'])).toThrow(/2 of the 2 classes/);
  });
});
