/**
 * Time and peak memory of the commands on a data set of many small images: by default 1,000,000 in 10,000 classes. The images are
 * hard links to a few files, and are removed afterwards.
 *
 *   node bench/data/many-images.mjs [IMAGES] [CLASSES]    (after pnpm build; some 4 GB and a few minutes)
 */
import { spawnSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const images = Number(process.argv[2] ?? 1_000_000);
const classes = Number(process.argv[3] ?? 10_000);
const root = fileURLToPath(new URL('../../', import.meta.url));
const data = pathToFileURL(join(root, 'packages/data/dist/node.js')).href;
const plain = pathToFileURL(join(root, 'packages/data/dist/index.js')).href;
const folder = mkdtempSync(join(tmpdir(), 'vgg-many-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** Makes the images; a file system allows some 65,000 links to one file. */
async function make() {
  const sharp = createRequire(join(root, 'packages/data/package.json'))('sharp');
  const perClass = Math.ceil(images / classes);
  const files = Math.ceil(images / 50_000) + 1;
  for (let i = 0; i < files; i++) {
    const pixels = Uint8Array.from({ length: 40 * 40 * 3 }, (_, k) => (k * (i + 3)) % 251);
    const raw = { width: 40, height: 40, channels: 3 };
    writeFileSync(join(folder, `${i}.jpg`), await sharp(pixels, { raw }).jpeg().toBuffer());
  }
  for (let c = 0, n = 0; c < classes; c++) {
    const path = join(folder, 'images', `c${String(c).padStart(5, '0')}`);
    mkdirSync(path, { recursive: true });
    for (let k = 0; k < perClass && n < images; k++, n++) {
      linkSync(join(folder, `${n % files}.jpg`), join(path, `${String(k).padStart(6, '0')}.jpg`));
    }
  }
}

/** Runs a process and prints its time and its peak memory. Returns its standard output. */
function measure(name, args, options = {}) {
  const peak = join(folder, 'peak');
  const hook = `import { writeFileSync } from 'node:fs'; process.on('exit', () => writeFileSync(${JSON.stringify(peak)}, String(process.resourceUsage().maxRSS)));`;
  const start = Date.now();
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(hook)}`, ...args],
    { encoding: 'utf8', maxBuffer: 2 ** 30, ...options },
  );
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr.slice(-2000)}`);
  console.log(`| ${name} | ${seconds} s | ${(Number(readFileSync(peak, 'utf8')) / 1024).toFixed(0)} MiB |`);
  return stdout;
}

const started = Date.now();
await make();
console.log(`${images} images in ${classes} classes made in ${((Date.now() - started) / 1000).toFixed(0)} s\n`);
console.log('| step | time | peak memory |\n| --- | ---: | ---: |');

const set = join(folder, 'images');
const open = `import { createBatches, openSource, trainingStatistics } from ${JSON.stringify(data)};
  import { spread } from ${JSON.stringify(plain)};
  const set = await openSource(${JSON.stringify(set)}, { validationFraction: 0.02, seed: 1 });`;
/** Writes a module, whose path is the argument of node. */
function script(text) {
  const path = join(folder, 'step.mjs');
  writeFileSync(
    path,
    `${open}
${text}`,
  );
  return [path];
}
measure('open and split', script('console.log(set.train.length, set.validation.length);'));
measure(
  'mean and components of 20,000',
  script('await trainingStatistics(spread(set.train, 20000), { cache: null });'),
);
measure(
  'first 20 batches of 256 of an epoch',
  script(`const transform = { crop: 32, scale: 36, flip: true, colour: null, mean: [0, 0, 0] };
  const loader = createBatches(set.train, { batchSize: 256, seed: 1, transform });
  let count = 0;
  for await (const batch of loader.epoch(0)) if (++count === 20) break;
  await loader.close();`),
);

const cli = (...words) => [join(root, 'apps/trainer/dist/cli.js'), ...words];
const cwd = join(root, 'apps/trainer');
const net = '--config A --width 0.03125 --input 32 --batch-norm --engine wasm'.split(' ');
const run = join(folder, 'run');
const short = ['--train-images', '20000', '--val-fraction', '0.005', '--max-steps', '2', '--epochs', '1', '--quiet'];
measure('train: two steps, validation, report', cli('train', '--data', set, ...net, ...short, '--out', run), { cwd });
const single = ['--run', run, '--protocol', 'single', '--scales', '32', '--limit', '2000', '--quiet'];
measure('evaluate, 2000 images', cli('evaluate', ...single), { cwd });
const json = measure('evaluate --json, 2000 images', cli('evaluate', ...single, '--json'), { cwd });
const { rows } = JSON.parse(json);
console.log(
  `\n--json: ${(json.length / 1e6).toFixed(1)} MB, ${rows.length} row, ${rows[0].confusion.length} pairs of classes`,
);
measure('report', cli('report', run, '--quiet'), { cwd });
