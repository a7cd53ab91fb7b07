/** Which layers a name of {@link FreezableName} stands for. */
import { didYouMean, VggError } from '@vgg/core';
import { type ResolvedVggOptions, resolveOptions, type VggOptions } from './options';
import { layerVariables, planLayers } from './plan';

/**
 * The layers with variables that the names stand for, by arithmetic alone: what `freeze` of a net of these options freezes.
 *
 * @throws VggError `VGG_ARGUMENT` for a name that is no layer or group of the net, naming the nearest.
 */
export function layersNamed(options: VggOptions, names: readonly string[]): string[] {
  const groups = new Map<string, string[]>();
  const join = (group: string, layer: string) => groups.set(group, [...(groups.get(group) ?? []), layer]);
  const resolved: ResolvedVggOptions = resolveOptions(options);
  for (const { name, stage } of planLayers(resolved).filter((layer) => layerVariables(layer).length > 0)) {
    join(name, name);
    for (const group of stage === 6 ? ['classifier'] : [`stage${stage}`, 'features']) join(group, name);
  }
  return names.flatMap((name) => {
    const layers = groups.get(name);
    if (layers === undefined) {
      throw new VggError(
        'argument',
        `expected layers or groups of this net (stage1 to stage5, features, classifier), got "${name}"${didYouMean(name, groups.keys())}`,
      );
    }
    return layers;
  });
}
