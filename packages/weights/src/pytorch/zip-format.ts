/** `torch.save`'s files since PyTorch 1.6: a zip archive of a pickle, `data.pkl`, and one member per storage. */
import { VggError } from '@vgg/core';
import { DTYPE_BYTES } from '../safetensors/dtypes';
import type { ByteSource } from '../sources/bytes';
import { type StoredTensor, type WeightSource, weightSource } from '../sources/source';
import type { Zip, ZipMember } from '../sources/zip';
import { collectTensors } from './collect';
import { corrupt, describing } from './errors';
import { readView } from './gather';
import { PickleEnd, type PickleValue, unpickle } from './pickle';
import { type StoredView, tensorsOnly } from './rebuild';

const PICKLE = 'data.pkl';
const MAX_PICKLE_BYTES = 64 * 2 ** 20;

/** The archive's one folder, or undefined when it is no file of PyTorch's. */
export function pytorchFolder(zip: Zip): string | undefined {
  const name = [...zip.keys()].find((member) => member.endsWith(`/${PICKLE}`));
  return name?.slice(0, -PICKLE.length);
}

async function text(member: ZipMember | undefined): Promise<string | undefined> {
  if (member === undefined || member.size > 16) return undefined;
  return new TextDecoder().decode(await member.read(0, member.size)).trim();
}

async function readPickle(name: string, member: ZipMember): Promise<PickleValue> {
  if (member.size > MAX_PICKLE_BYTES)
    throw corrupt(name, `a pickle of ${member.size} bytes, above the limit of 64 MiB`);
  const bytes = await member.read(0, member.size);
  return describing(name, () => {
    try {
      return unpickle(bytes, 0, tensorsOnly).value;
    } catch (error) {
      throw error instanceof PickleEnd ? new VggError('weights', 'a pickle that is cut short') : error;
    }
  });
}

function stored(name: string, folder: string, zip: Zip, view: StoredView): StoredTensor {
  const { storage, shape } = view;
  const member = zip.get(`${folder}data/${storage.key}`);
  const bytes = storage.length * DTYPE_BYTES[storage.dtype];
  if (member === undefined)
    throw corrupt(name, `no storage ${JSON.stringify(storage.key.slice(0, 40))} that a tensor is in`);
  if (member.size !== bytes) throw corrupt(name, `a storage of ${member.size} bytes where ${bytes} are claimed`);
  return { dtype: storage.dtype, shape, read: (rows) => readView((at, length) => member.read(at, length), view, rows) };
}

/** Opens a zip file of PyTorch's. */
export async function readPytorchZip(bytes: ByteSource, zip: Zip): Promise<WeightSource> {
  const { name } = bytes;
  const folder = pytorchFolder(zip);
  const pickle = zip.get(`${folder}${PICKLE}`);
  if (folder === undefined || pickle === undefined) throw corrupt(name, 'no data.pkl');
  if (zip.has(`${folder}constants.pkl`)) {
    throw new VggError('weights', `${name} is a TorchScript program: save model.state_dict() instead`);
  }
  const order = await text(zip.get(`${folder}byteorder`));
  if (order !== undefined && order !== 'little') throw corrupt(name, 'numbers that are not little-endian');
  const value = await readPickle(name, pickle);
  const views = describing(name, () => collectTensors(value));
  const tensors = new Map([...views].map(([tensor, view]) => [tensor, stored(name, folder, zip, view)]));
  return weightSource({ name, format: 'pytorch', tensors, close: () => bytes.close() });
}
