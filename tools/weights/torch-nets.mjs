/**
 * Compares logits and layers of torchvision's nets with those of torch, for real photographs with the preprocessing of the
 * collection. torch saves the nets in both its formats and as safetensors. The nets have full size and random weights; their
 * files are deleted afterwards.
 *
 *   node tools/weights/torch-nets.mjs [--engine onednn] --photographs FOLDER [--count 3] [NET...]
 *
 * Needs `pnpm build` and Debian's python3-torchvision. Prints a line per net and file; exits with 1 unless every difference,
 * relative to the layer's largest value, is at most 1e-4.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { packages } from './packages.mjs';

const NETS = ['vgg11', 'vgg11_bn', 'vgg13', 'vgg13_bn', 'vgg16', 'vgg16_bn', 'vgg19', 'vgg19_bn'];
const FILES = ['weights.safetensors', 'zip.pth', 'legacy.pth'];
const LIMIT = 1e-4;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: 'string', default: 'onednn' },
    photographs: { type: 'string', default: 'photographs' },
    count: { type: 'string', default: '3' },
  },
});
const { tf, weights, weightsNode, evaluation, dataNode } = await packages(values.engine);
const photographs = readdirSync(values.photographs)
  .filter((name) => /\.jpe?g$/i.test(name))
  .sort()
  .slice(0, Number(values.count))
  .map((name) => join(values.photographs, name));

/** Returns the largest difference, divided by the largest expected value. */
function difference(actual, expected) {
  let worst = 0;
  let largest = 0;
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  for (let i = 0; i < expected.length; i++) {
    worst = Math.max(worst, Math.abs(actual[i] - expected[i]));
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return Number.isFinite(worst) ? worst / largest : Number.POSITIVE_INFINITY;
}

async function compare(path, expected) {
  const source = await weights.openWeights(await weightsNode.openBytes(path));
  const net = await weights.loadNet(source);
  await source.close();
  const differences = {};
  const layers = [...expected.keys()].filter((name) => name !== 'logits');
  const all = weights.asFloat32(expected.get('logits'));
  for (const [i, photograph] of photographs.entries()) {
    const image = await dataNode.decodeImage({ kind: 'file', path: photograph }, photograph);
    const input = evaluation.netInput(net, image);
    const { logits, taps } = net.model.apply(input, { taps: i === 0 ? layers : [] });
    const own = all.subarray(i * 1000, (i + 1) * 1000);
    differences.logits = Math.max(differences.logits ?? 0, difference(await logits.data(), own));
    for (const layer of i === 0 ? layers : []) {
      differences[layer] = difference(await taps[layer].data(), weights.asFloat32(expected.get(layer)));
    }
    tf.dispose([input, logits, taps]);
  }
  net.model.dispose();
  return { net, differences };
}

const script = fileURLToPath(new URL('torch_nets.py', import.meta.url));
let failed = false;
for (const name of positionals.length > 0 ? positionals : NETS) {
  const folder = mkdtempSync(join(tmpdir(), 'vgg-torchvision-'));
  try {
    execFileSync('/usr/bin/python3', [script, name, folder, ...photographs]);
    const expected = weights.parseSafetensors(readFileSync(join(folder, 'expected.safetensors'))).tensors;
    for (const file of FILES) {
      const { net, differences } = await compare(join(folder, file), expected);
      const worst = Object.entries(differences).sort(([, a], [, b]) => b - a)[0];
      const wrong = !(worst[1] <= LIMIT);
      failed ||= wrong;
      const { configuration, batchNorm } = net.model.options ?? {};
      console.log(
        `${wrong ? 'WRONG' : 'ok'} ${name} ${file}: ${net.naming} ${configuration ?? ''}${batchNorm ? ' with batch norm' : ''}, ` +
          `logits ${differences.logits.toExponential(1)}, worst of ${Object.keys(differences).length - 1} layers ${worst[0]} ${worst[1].toExponential(1)}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
process.exitCode = failed ? 1 : 0;
