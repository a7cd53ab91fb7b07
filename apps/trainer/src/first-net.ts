/** The net that a run starts with: weights drawn, or taken from a run before it (section 3.1). */
import { VggError } from '@vgg/core';
import { createVgg, fromTrainedA, heInitialiser, type Vgg } from '@vgg/models';
import { firstWeights } from './recipe';
import { loadRun, type RunRecord } from './run-folder';

/**
 * A net with its first weights, as the recipe says.
 * @throws VggError `VGG_RUN` when the run to take weights from is none, or of another net.
 */
export async function firstNet({ recipe, net }: RunRecord): Promise<Vgg> {
  const first = firstWeights(recipe);
  if (first.kind === 'drawn') return createVgg(net, first.initialiser);
  const { record, model } = await loadRun(first.path);
  if (first.kind === 'a') {
    try {
      if (record.net.configuration !== 'A') {
        throw new VggError(
          'run',
          `--init a:RUN needs a run of configuration A, ${first.path} is ${record.net.configuration}`,
        );
      }
      return createVgg(net, fromTrainedA({ weights: model.variables, rest: heInitialiser({ seed: recipe.seed }) }));
    } finally {
      model.dispose();
    }
  }
  const differing = (['configuration', 'batchNorm', 'width', 'inputSize', 'head'] as const).find(
    (option) => record.net[option] !== net[option],
  );
  if (differing !== undefined) {
    model.dispose();
    throw new VggError(
      'run',
      `--init run:RUN needs a run of the same net: its ${differing} is ${record.net[differing]}, expected ${net[differing]}`,
    );
  }
  if (record.net.classes !== net.classes) model.replaceHead(net.classes, heInitialiser({ seed: recipe.seed }));
  return model;
}
