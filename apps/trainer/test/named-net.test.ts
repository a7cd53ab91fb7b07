/** `--weights` of `predict` and `evaluate`: weights that people have, used by their own preprocessing. */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { home, type Outcome, trainer } from './command-line';

const PTH = fileURLToPath(new URL('../../../packages/weights/test/fixtures/pytorch/vgg11.pth', import.meta.url));
const IMAGE = fileURLToPath(new URL('fixtures/predict.png', import.meta.url));
/** torch's probabilities of the image's classes, by torchvision's preprocessing. */
const TORCH = JSON.parse(readFileSync(new URL('fixtures/predict.json', import.meta.url), 'utf8')) as number[];

const likeliest = TORCH.map((probability, index) => ({ name: String(index), probability })).sort(
  (a, b) => b.probability - a.probability,
);

const predict = (...words: string[]) => trainer(['predict', IMAGE, '--engine', 'cpu', ...words]);

function refusal({ code, stdout, stderr }: Outcome): string {
  const lines = stderr.trimEnd().split('\n');
  expect({ code, stdout, error: lines.at(-1)!.startsWith('error: ') }).toEqual({ code: 2, stdout: '', error: true });
  return lines.at(-1)!;
}

describe('predict --weights', () => {
  it("gives torch's classes and probabilities for torch's file", async () => {
    const { code, stdout } = await predict('--weights', PTH, '--json', '--quiet');
    expect(code).toBe(0);
    const [{ image, classes }] = JSON.parse(stdout) as [{ image: string; classes: typeof likeliest }];
    expect(image).toBe(IMAGE);
    expect(classes.map(({ name }) => name)).toEqual(likeliest.map(({ name }) => name));
    expect(classes.map(({ probability }) => probability)).toBeAllclose(
      likeliest.map(({ probability }) => probability),
      { rtol: 1e-4 },
    );
  });

  it('predicts the other images if an address cannot be fetched', async () => {
    const { code, stdout, stderr } = await predict('http://127.0.0.1:9/a.jpg', '--weights', PTH, '--quiet');
    expect(code).toBe(2);
    expect(stdout).toMatch(/%/);
    expect(stderr).toMatch(/http:\/\/127\.0\.0\.1:9\/a\.jpg cannot be fetched: .*\n.*1 of 2 images could not be read/);
  });

  it('keeps preprocessing and class names through a conversion', async () => {
    expect((await trainer(['convert', PTH, 'net.safetensors'])).code).toBe(0);
    const [own, converted] = [await predict('--weights', PTH), await predict('--weights', 'net.safetensors')];
    expect(converted.stdout).toBe(own.stdout);
    expect(own.stdout.split('\n')[1]).toMatch(
      new RegExp(`^ +${(100 * likeliest[0]!.probability).toFixed(1)} %  ${likeliest[0]!.name}  █`),
    );
  });

  it('looks densely at the scales asked for, and where a class is seen', async () => {
    const { code, stdout, stderr } = await predict('--weights', PTH, '--scales', '64,96', '--heat-map', 'where.png');
    expect(code).toBe(0);
    expect(stdout.match(/%/g)).toHaveLength(5);
    expect(stderr).toMatch(/occlusion of \d at Q = 64, 96: where\.png/);
  });
});

/** A folder with the image in a folder of each class. */
function classFolders(name: string, classes: readonly string[]): string {
  for (const one of classes) {
    mkdirSync(join(home, name, one), { recursive: true });
    cpSync(IMAGE, join(home, name, one, 'image.png'));
  }
  return name;
}

const evaluate = (...words: string[]) => trainer(['evaluate', '--weights', PTH, '--engine', 'cpu', ...words]);

describe('evaluate --weights', () => {
  const centre = ['--protocol', 'single', '--scales', '256'];

  it("gives a torch file's net torch's images: its probabilities, and the error that they make", async () => {
    const words = ['--data', classFolders('named', ['0', '1', '2', '3', '4']), '--predictions', 'p.jsonl'];
    const { code, stdout, stderr } = await evaluate(...words, ...centre, '--json');
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/warning/);
    expect(readdirSync(join(home, 'named')).sort()).toEqual(['0', '1', '2', '3', '4']);
    const { images, rows } = JSON.parse(stdout);
    // One image in each of five folders: one of them is right.
    expect({ images, rows }).toMatchObject({ images: 5, rows: [{ nets: [PTH], top1Error: 80, top5Error: null }] });
    const [line] = readFileSync(join(home, 'p.jsonl'), 'utf8').split('\n');
    const { classes, probabilities } = JSON.parse(line!);
    expect(classes.map(String)).toEqual(likeliest.map(({ name }) => name));
    // Pillow rounds to 8 bits as it enlarges; the protocols rescale in float32, which alone makes 0.0035. Another mean makes
    // 0.012, another colour order 0.027.
    const expected = likeliest.map(({ probability }) => probability);
    expect(probabilities).toBeAllclose(expected, { rtol: 0, atol: 4e-3 });
  });

  it('evaluates densely over scales, and says what it takes for granted where nothing names the classes', async () => {
    const words = ['--data', classFolders('animals', ['ant', 'bee', 'cat', 'dog', 'eel']), '--scales', '64,96'];
    const { code, stdout, stderr } = await evaluate(...words);
    expect(code).toBe(0);
    expect(stdout.match(/^\| dense/gm)).toHaveLength(3);
    expect(stderr).toMatch(
      /warning: nothing names the classes of .*vgg11\.pth: its first output is taken for ant, its last for eel/,
    );
  });

  it.concurrent.each([
    ['no images', [], /--weights needs images: add --data DIR/],
    [
      'a class too few',
      ['few', ['a', 'b', 'c', 'd']],
      /4 of the 4 classes of the data set are not among the 5 classes of .*vgg11\.pth: a, b, c, d/,
    ],
    [
      'another order',
      ['turned', ['0', '1', '10', '2', '3']],
      /1 of the 5 classes of the data set are not among the 5 classes of .*vgg11\.pth: 10/,
    ],
  ] as const)('refuses %s in one line', async (_, [name, classes], line) => {
    const data = name === undefined ? [] : ['--data', classFolders(name, classes)];
    expect(refusal(await evaluate(...data))).toMatch(line);
  });
});

describe('weights that cannot be used are one line and exit code 2', () => {
  beforeAll(async () => {
    writeFileSync(join(home, 'damaged.pth'), readFileSync(PTH).subarray(0, 9000));
    await trainer(['convert', PTH, 'convolutions.safetensors', '--head', 'none']);
    await trainer(['convert', PTH, 'described.safetensors']);
    const bytes = readFileSync(join(home, 'described.safetensors'));
    const length = Number(bytes.readBigUInt64LE(0));
    const { __metadata__, ...tensors } = JSON.parse(bytes.subarray(8, 8 + length).toString());
    expect(__metadata__).toBeDefined();
    const text = Buffer.from(JSON.stringify(tensors));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(text.length));
    writeFileSync(join(home, 'silent.safetensors'), Buffer.concat([size, text, bytes.subarray(8 + length)]));
  });

  it.concurrent.each([
    [[], /no net given: expected --run RUN or --weights FILE/],
    [['--run', 'x', '--weights', PTH], /expected --run RUN or --weights FILE, got both/],
    [['--weights', 'vgg61'], /no file, run or published net "vgg61" \(did you mean "vgg16"\?\)/],
    [['--weights', 'vgg16.tv_in'], /no file, run or published net "vgg16\.tv_in" \(did you mean "vgg16\.tv_in1k"\?\)/],
    [['--weights', 'damaged.pth'], /damaged\.pth/],
    [['--weights', 'convolutions.safetensors'], /convolutions\.safetensors has no classifier/],
    [['--weights', 'silent.safetensors'], /the preprocessing of the net in silent\.safetensors is not known/],
    [['--weights', PTH, '--heat-map', 'x.png', '--class', '7'], /--class 7 is not a class of the net/],
    [['--weights', PTH, '--scales', '32'], /needs integer scales Q ≥ 64, got 32/],
  ] as const)('%j', async (words, line) => {
    expect(refusal(await predict(...words))).toMatch(line);
  });
});
