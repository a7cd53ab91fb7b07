/** Reader of the files of `torch.save` since PyTorch 1.6: a zip archive with a pickle, `data.pkl`, and a member per storage. */
import { DTYPE_BYTES } from '../safetensors/dtypes';
import type { ByteSource } from '../sources/bytes';
import { type StoredTensor, type WeightSource, weightSource } from '../sources/source';
import type { Zip, ZipMember } from '../sources/zip';
import { collectTensors } from './collect';
import { InvalidFile, nameFile } from './errors';
import { readView } from './gather';
import { unpickle } from './pickle';
import { type StoredView, tensorsOnly } from './rebuild';

const PICKLE = 'data.pkl';
const MAX_PICKLE_BYTES = 64 * 2 ** 20;

async function text(member: ZipMember | undefined): Promise<string | undefined> {
  if (member === undefined || member.size > 16) return undefined;
  return new TextDecoder().decode(await member.read(0, member.size)).trim();
}

function storedTensor(folder: string, zip: Zip, view: StoredView): StoredTensor {
  const { storage, shape } = view;
  const member = zip.get(`${folder}data/${storage.key}`);
  const bytes = storage.length * DTYPE_BYTES[storage.dtype];
  if (member === undefined)
    throw new InvalidFile(`a tensor in storage ${JSON.stringify(storage.key.slice(0, 40))} but not that`);
  if (member.size !== bytes) throw new InvalidFile(`a storage of ${member.size} bytes where ${bytes} are claimed`);
  return { dtype: storage.dtype, shape, read: (rows) => readView((at, length) => member.read(at, length), view, rows) };
}

/** Opens a PyTorch file that is a zip archive. */
export function readPytorchZip(bytes: ByteSource, zip: Zip): Promise<WeightSource> {
  return nameFile(bytes.name, async () => {
    const pickles = [...zip.values()].filter(({ name }) => name.endsWith(`/${PICKLE}`));
    const [pickle] = pickles;
    if (pickle === undefined || pickles.length > 1) throw new InvalidFile(`${pickles.length} pickles, expected one`);
    const folder = pickle.name.slice(0, -PICKLE.length);
    if (zip.has(`${folder}constants.pkl`))
      throw new InvalidFile('a TorchScript program: save model.state_dict() instead');
    const order = await text(zip.get(`${folder}byteorder`));
    if (order !== undefined && order !== 'little') throw new InvalidFile('numbers that are not little-endian');
    if (pickle.size > MAX_PICKLE_BYTES)
      throw new InvalidFile(`a pickle of ${pickle.size} bytes, above the limit of 64 MiB`);
    const { value } = unpickle(await pickle.read(0, pickle.size), 0, tensorsOnly);
    const tensors = [...collectTensors(value)].map(([name, view]): [string, StoredTensor] => [
      name,
      storedTensor(folder, zip, view),
    ]);
    return weightSource({
      name: bytes.name,
      format: 'pytorch',
      tensors: new Map(tensors),
      close: () => bytes.close(),
    });
  });
}
