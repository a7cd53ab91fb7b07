/** Our own TF.js models come back to the last bit. */
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode } from '@tensorflow/tfjs-core';
import type { Vgg } from '@vgg/models';
import { expect, it } from 'vitest';
import { bytesOf, exportTfjs, loadNet, type ModelDescription, openWeights, tensorsOf } from '../src/index';
import { EXPORTED, exportedNet } from './exported';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

const DESCRIPTION: ModelDescription = {
  classes: ['ant', 'bee', 'cat'],
  preprocessing: { mean: [123.68, 116.779, 103.939], scale: [64, 96] },
};

const bitsOf = ({ variables }: Vgg) =>
  [...variables].map(([name, variable]) => [name, Buffer.from(variable.dataSync().slice().buffer).toString('base64')]);

const CASES = Object.keys(EXPORTED).flatMap((name) =>
  (['classifier', 'dense'] as const).flatMap((view) =>
    (['outside', 'inside'] as const).map((preprocessing) => [name, view, preprocessing] as const),
  ),
);

it.each(CASES)('%s as %s with preprocessing %s', async (name, view, preprocessing) => {
  const model = exportedNet(name);
  const files = new Map<string, Uint8Array>();
  const options = { view, preprocessing, description: DESCRIPTION, dtype: 'F32' } as const;
  for await (const { name: file, bytes } of exportTfjs(tensorsOf(model), options)) files.set(file, bytes);
  const net = await loadNet(await openWeights(bytesOf(files.get('model.json')!, 'model.json', files)));
  expect(net.model.options).toEqual(model.options);
  expect(bitsOf(net.model)).toEqual(bitsOf(model));
  expect(net).toMatchObject({ ...DESCRIPTION, describedBy: 'file', format: 'tfjs' });
  model.dispose();
  net.model.dispose();
});
