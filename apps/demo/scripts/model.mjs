/**
 * Makes the net that the page loads, in `model/`: trains a narrow net A without fully-connected hidden layers on the
 * trainer's drawn images (some minutes), and writes it in 16 bits next to ten validation images. `--run RUN` takes an
 * existing run in place of training, `--images FOLDER` other validation images.
 */
import '@tensorflow/tfjs-backend-cpu';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeFileAtomically } from '@vgg/core/node';
import { exportSafetensors, tensorsOf } from '@vgg/weights';
import { loadModel } from '@vgg/weights/node';
import sharp from 'sharp';

const HERE = fileURLToPath(new URL('..', import.meta.url));
const TRAINER = join(HERE, '..', 'trainer', 'dist', 'cli.js');
/** Options of the training. With an input of 63, pool5 has one position: fc8 is a 1x1 convolution. */
const RECIPE = ['--head', 'linear', '--input', '63', '--width', '0.25', '--epochs', '10'];

const { values } = parseArgs({ options: { run: { type: 'string' }, images: { type: 'string' } } });
const run = resolve(values.run ?? join(HERE, 'runs', 'demo'));
if (values.run === undefined) {
  rmSync(run, { recursive: true, force: true });
  execFileSync(process.execPath, [TRAINER, 'train', ...RECIPE, '--out', run], { cwd: HERE, stdio: 'inherit' });
}
const images = resolve(values.images ?? join(HERE, 'runs', 'demo-images', 'val'));

const model = join(HERE, 'model');
rmSync(model, { recursive: true, force: true });
mkdirSync(model, { recursive: true });
const { model: net, classes, preprocessing } = await loadModel(join(run, 'model.safetensors'));
const described = { dtype: 'F16', description: { classes, preprocessing } };
await writeFileAtomically(join(model, 'model.safetensors'), exportSafetensors(tensorsOf(net), described));

const names = [];
for (const label of readdirSync(images).sort()) {
  const [first] = readdirSync(join(images, label)).sort();
  names.push(`${label}.png`);
  await sharp(join(images, label, first))
    .png()
    .toFile(join(model, `${label}.png`));
}
writeFileSync(join(model, 'images.json'), JSON.stringify(names));
process.stderr.write(`the net and ${names.length} images are in ${model} (of ${dirname(run)})\n`);
