/** Nets as one safetensors file on disk. */
import type { Vgg } from '@vgg/models';
import { selectTensors } from '../fit';
import { setVariable } from '../load-weights';
import { emptyModel, type LoadOptions, modelMetadata, type SavedModel, type SaveOptions } from '../model';
import { openSafetensors, writeSafetensors } from './safetensors-file';

/**
 * Writes a net with its class order and preprocessing to one file, atomically.
 * @throws VggError `VGG_ARGUMENT` unless there is a name for each class, a finite mean and a scale; `VGG_IO` when the
 *   system refuses.
 */
export async function saveModel(path: string, model: Vgg, options: SaveOptions): Promise<void> {
  await writeSafetensors(path, model.variables, modelMetadata(model, options));
}

/**
 * Creates the net that a file describes. Only the net's own tensors are read: with `prefix: 'model/'` the net of a training
 * checkpoint, without its velocities.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, when it is damaged, does not describe its net, or its tensors
 *   are not those of the net; `VGG_IO` when the system refuses.
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
