/** A whole network in one safetensors file on disk. */
import type { Vgg } from '@vgg/models';
import { setVariable } from '../load-weights';
import {
  emptyModel,
  type LoadOptions,
  modelMetadata,
  type SavedModel,
  type SaveOptions,
  selectTensors,
} from '../model';
import { openSafetensors, writeSafetensors } from './safetensors-file';

/**
 * Writes a network with its class order and preprocessing to one file, atomically.
 * @throws VggError `VGG_ARGUMENT` unless there is a name for each class, a finite mean and a scale; `VGG_IO` when the
 *   system refuses.
 */
export async function saveModel(path: string, model: Vgg, options: SaveOptions): Promise<void> {
  await writeSafetensors(path, model.variables, modelMetadata(model, options));
}

/**
 * Makes the network that a file describes, its weights straight in its variables. Only the network's own tensors are
 * read: with `prefix: 'model/'` the network of a training checkpoint, without its velocities.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, when it is not sound, does not describe its network, or
 *   holds other tensors than the network has; `VGG_IO` when the system refuses.
 */
export async function loadModel(path: string, { prefix = '' }: LoadOptions = {}): Promise<SavedModel> {
  const file = await openSafetensors(path);
  try {
    const saved = emptyModel(file.metadata, selectTensors(file.tensors, prefix), path);
    try {
      for (const [name, variable] of saved.model.variables) {
        setVariable(name, variable, await file.read(prefix + name), path);
      }
    } catch (error) {
      saved.model.dispose();
      throw error;
    }
    return saved;
  } finally {
    await file.close();
  }
}
