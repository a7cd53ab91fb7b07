/**
 * Makes the net that the page loads, in `model/`: trains a narrow net A without fully-connected hidden layers on the
 * trainer's drawn images (about a minute), and writes it in 16 bits next to an image of each class. `--run RUN` takes an
 * existing run in place of training, with `--images FOLDER`, class folders with its examples, and `--kind TEXT`, words for the
 * images that it was trained on.
 */
import '@tensorflow/tfjs-backend-cpu';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { env } from '@tensorflow/tfjs-core';
import { writeFileAtomically } from '@vgg/core/node';
import { DEMO_IMAGES, makeDemoImages } from '@vgg/data/node';
import { exportSafetensors, tensorsOf } from '@vgg/weights';
import { loadModel } from '@vgg/weights/node';
import sharp from 'sharp';

const HERE = fileURLToPath(new URL('..', import.meta.url));
const TRAINER = join(HERE, '..', 'trainer', 'dist', 'cli.js');
/** Options of the training. With an input of 63, pool5 has one position: fc8 is a 1x1 convolution. */
const RECIPE = ['--recipe', 'demo', '--head', 'linear', '--input', '63', '--scale', '64:96', '--epochs', '10'];
/** Words for the drawn images. */
const DRAWN = 'drawn shapes and textures, not on photographs';
/** File of a run that has ended. */
const WEIGHTS = 'model.safetensors';

// TF.js advises to install another backend: here the weights are only read and written.
env().set('PROD', true);
/** Returns a path as the user wrote it: pnpm starts this script in the folder of the package. */
const userPath = (path) => resolve(process.env.INIT_CWD ?? '.', path);

function fail(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(2);
}

const { values } = parseArgs({
  options: { run: { type: 'string' }, images: { type: 'string' }, kind: { type: 'string' } },
});
const drawn = values.run === undefined;
if (!drawn && values.images === undefined) {
  fail("expected --images FOLDER with --run: class folders with the page's example images");
}
const run = drawn ? join(HERE, 'runs', 'demo') : userPath(values.run);
const data = join(HERE, 'runs', 'demo-images');
const images = drawn ? join(data, 'val') : userPath(values.images);
if (drawn) {
  await makeDemoImages(data, DEMO_IMAGES);
  rmSync(run, { recursive: true, force: true });
  execFileSync(process.execPath, [TRAINER, 'train', ...RECIPE, '--data', data, '--out', run], { stdio: 'inherit' });
}
if (!existsSync(join(run, WEIGHTS))) fail(`expected the folder of a run that has ended in ${run}, found no ${WEIGHTS}`);
if (!existsSync(images)) fail(`expected class folders in ${images}, found no such folder`);

const model = join(HERE, 'model');
rmSync(model, { recursive: true, force: true });
mkdirSync(model, { recursive: true });
const { model: net, classes, preprocessing } = await loadModel(join(run, WEIGHTS));
const described = { dtype: 'F16', description: { classes, preprocessing } };
await writeFileAtomically(join(model, 'model.safetensors'), exportSafetensors(tensorsOf(net), described));

const names = [];
for (const label of classes.filter((name) => existsSync(join(images, name)))) {
  const [first] = readdirSync(join(images, label)).sort();
  names.push(`${label}.png`);
  await sharp(join(images, label, first))
    .png()
    .toFile(join(model, `${label}.png`));
}
if (names.length === 0) fail(`expected a folder of a class of the net in ${images}, such as ${classes[0]}; found none`);
writeFileSync(join(model, 'images.json'), JSON.stringify({ names, kind: drawn ? DRAWN : values.kind }));
process.stderr.write(`the net and ${names.length} images are in ${model}\n`);
