/** Reader of Caffe's `.caffemodel`: a NetParameter, which has the layers of a net with their blobs. */
import type { ByteSource } from '../sources/bytes';
import { Messages } from '../sources/protobuf';
import { type StoredTensor, type WeightSource, weightSource } from '../sources/source';
import { readLayers } from './layers';
import { layerTensors } from './tensors';

/**
 * Opens a caffemodel. The tensors of each layer with blobs are `conv1_1.0`, the weight, and `conv1_1.1`, the bias; those of
 * the batch norm after it are `conv1_1.mean`, `.variance`, `.scale` and `.offset`.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, when it is damaged, hostile or without blobs.
 */
export async function readCaffe(bytes: ByteSource): Promise<WeightSource> {
  const messages = new Messages(bytes, 'caffemodel');
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of await layerTensors(await readLayers(messages, bytes.size))) {
    if (tensors.has(name)) throw messages.corrupt(`it has ${JSON.stringify(name.slice(0, 80))} twice`);
    tensors.set(name, tensor);
  }
  if (tensors.size === 0) throw messages.corrupt('it has no layer with blobs');
  return weightSource({ name: bytes.name, format: 'caffe', tensors, close: () => bytes.close() });
}
