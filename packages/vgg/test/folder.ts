/** Class folders of drawn images, and small nets in the names of each framework. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVgg, type VggOptions } from '@vgg/models';
import { hashedInitialiser } from '@vgg/testing';
import { exportSafetensors, parseSafetensors, serialiseSafetensors, tensorsOf } from '@vgg/weights';
import sharp from 'sharp';
import { onTestFinished } from 'vitest';

/** Creates a folder that is removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vgg-facade-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Draws class folders of stripes: one class lies, one stands. Returns the folder. */
export async function drawStripes(perClass: number): Promise<string> {
  const folder = join(temporaryFolder(), 'photos');
  for (const [label, name] of ['lying', 'standing'].entries()) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let i = 0; i < perClass; i++) {
      const width = 50 + 3 * i;
      const height = 60 - i;
      const data = new Uint8Array(width * height * 3);
      for (let at = 0; at < data.length; at++) {
        const pixel = Math.floor(at / 3);
        const place = label === 0 ? Math.floor(pixel / width) : pixel % width;
        data[at] = 128 + 100 * Math.sin(place / 2 + i) * (1 - (at % 3) / 4);
      }
      await sharp(data, { raw: { width, height, channels: 3 } })
        .jpeg({ quality: 95 })
        .toFile(join(folder, name, `${i}.jpg`));
    }
  }
  return folder;
}

export const NET = {
  configuration: 'A',
  width: 1 / 64,
  inputSize: 32,
  classes: 3,
  dropout: 0,
} as const satisfies VggOptions;

const FULLY_CONNECTED: Record<string, readonly [timm: string, keras: string, caffe: string]> = {
  'classifier.0': ['pre_logits.fc1', 'fc1', 'fc6'],
  'classifier.3': ['pre_logits.fc2', 'fc2', 'fc7'],
  'classifier.6': ['head.fc', 'predictions', 'fc8'],
};

/** Names of a file's variables in a framework, from torchvision's or our own. */
const RENAME = {
  torchvision: (name: string) => name,
  timm: (name: string) => name.replace(/^classifier\.\d/, (module) => FULLY_CONNECTED[module]![0]),
  keras: (name: string) => {
    const [layer, role] = name.split('.') as [string, string];
    const block = layer.replace(/^conv(\d)_(\d)$/, 'block$1_conv$2');
    const keras = { fc6: 'fc1', fc7: 'fc2', fc8: 'predictions' }[layer] ?? block;
    return `${keras}/${keras}/${role === 'weight' ? 'kernel' : 'bias'}:0`;
  },
  caffe: (name: string, index: number) => {
    const [module, role] = name.split(/\.(?=[^.]*$)/) as [string, string];
    const blob = role === 'weight' ? 0 : 1;
    return module in FULLY_CONNECTED ? `${FULLY_CONNECTED[module]![2]}.${blob}` : `${CONVOLUTIONS[index >> 1]}.${blob}`;
  },
} as const satisfies Record<string, (name: string, index: number) => string>;

/** Convolutions of net A in order. */
const CONVOLUTIONS = ['conv1_1', 'conv2_1', 'conv3_1', 'conv3_2', 'conv4_1', 'conv4_2', 'conv5_1', 'conv5_2'];

export type Framework = keyof typeof RENAME;

/** Returns a file of a small net of random weights in the names and layouts of a framework. */
export async function fileOf(framework: Framework): Promise<Uint8Array> {
  const initialiser = hashedInitialiser({ seed: 3 });
  // The published nets of Keras and Caffe take pixels from 0 to 255 without a division: their filters are smaller.
  const divisor = framework === 'keras' || framework === 'caffe' ? 58 : 1;
  const model = createVgg(NET, (spec) =>
    initialiser(spec).map((value) => (spec.name === 'conv1_1.weight' ? value / divisor : value)),
  );
  const naming = framework === 'keras' ? 'vgg' : 'torchvision';
  const parts: Uint8Array[] = [];
  for await (const part of exportSafetensors(tensorsOf(model), { naming })) parts.push(part.slice());
  model.dispose();
  const { tensors } = parseSafetensors(new Uint8Array(Buffer.concat(parts)));
  const inOrder = [...tensors].sort(([a], [b]) => place(a) - place(b));
  const renamed = inOrder.map(([name, tensor], i) => [RENAME[framework](name, i), tensor] as const);
  return serialiseSafetensors(new Map(renamed));
}

/** Returns the place of a variable in its net: convolutions in order, weight before bias. */
function place(name: string): number {
  const [, part, index = '0', role] = /^(features|classifier)?\.?(\d+)?.*\.(\w+)$/.exec(name) ?? [];
  return (part === 'classifier' ? 1000 : 0) + 2 * Number(index) + (role === 'bias' ? 1 : 0);
}
