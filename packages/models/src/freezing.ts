/** Layers and groups of layers by name. */
import { didYouMean, VggError } from '@vgg/core';
import { type ResolvedVggOptions, resolveOptions, type VggOptions } from './options';
import { layerVariables, planLayers } from './plan';

/**
 * Returns the layers with variables that `freeze` with these names freezes, without creating a net.
 *
 * @throws VggError `VGG_ARGUMENT` for a name that is not a layer or group of the net, naming the nearest.
 */
export function layersNamed(options: VggOptions, names: readonly string[]): string[] {
  const groups = new Map<string, string[]>();
  const join = (group: string, layer: string) => groups.set(group, [...(groups.get(group) ?? []), layer]);
  const resolved: ResolvedVggOptions = resolveOptions(options);
  for (const { name, stage, part } of planLayers(resolved).filter((layer) => layerVariables(layer).length > 0)) {
    join(name, name);
    for (const group of part === 'classifier' ? [part] : [`stage${stage}`, part]) join(group, name);
  }
  const stages = [...groups.keys()].filter((group) => group.startsWith('stage')).length;
  return names.flatMap((name) => {
    const layers = groups.get(name);
    if (layers === undefined) {
      throw new VggError(
        'argument',
        `expected layers or groups of this net (stage1 to stage${stages}, features, classifier), got "${name}"${didYouMean(name, groups.keys())}`,
      );
    }
    return layers;
  });
}
