/**
 * Makes the net that the page loads, in `model/`: trains a narrow net A without fully-connected hidden layers on the
 * trainer's drawn pictures (some minutes), and writes it in 16 bits beside ten pictures it has not seen. `--run RUN` takes a
 * run that is there.
 */
import '@tensorflow/tfjs-backend-cpu';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { exportSafetensors, tensorsOf } from '@vgg/weights';
import { loadModel, writeFileAtomically } from '@vgg/weights/node';
import sharp from 'sharp';

const HERE = fileURLToPath(new URL('..', import.meta.url));
const TRAINER = join(HERE, '..', 'trainer', 'dist', 'cli.js');
/** Input 63 leaves pool5 one position: fc8 is then a 1x1 convolution, and the net has nothing but convolutions. */
const RECIPE = ['--head', 'linear', '--input', '63', '--width', '0.25', '--epochs', '10'];

const { values } = parseArgs({ options: { run: { type: 'string' }, pictures: { type: 'string' } } });
const run = resolve(values.run ?? join(HERE, 'runs', 'demo'));
if (values.run === undefined) {
  rmSync(run, { recursive: true, force: true });
  execFileSync(process.execPath, [TRAINER, 'train', ...RECIPE, '--out', run], { cwd: HERE, stdio: 'inherit' });
}
const pictures = resolve(values.pictures ?? join(HERE, 'runs', 'demo-images', 'val'));

const model = join(HERE, 'model');
rmSync(model, { recursive: true, force: true });
mkdirSync(model, { recursive: true });
const { model: net, classes, preprocessing } = await loadModel(join(run, 'model.safetensors'));
const described = { dtype: 'F16', description: { classes, preprocessing } };
await writeFileAtomically(join(model, 'model.safetensors'), exportSafetensors(tensorsOf(net), described));

const names = [];
for (const label of readdirSync(pictures).sort()) {
  const [first] = readdirSync(join(pictures, label)).sort();
  names.push(`${label}.png`);
  await sharp(join(pictures, label, first))
    .png()
    .toFile(join(model, `${label}.png`));
}
writeFileSync(join(model, 'pictures.json'), JSON.stringify(names));
process.stderr.write(`the net and ${names.length} pictures are in ${model} (of ${dirname(run)})\n`);
