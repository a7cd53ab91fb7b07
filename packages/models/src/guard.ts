/** Guard for nets whose configuration is not known to the compiler, such as those of files. */
import type { ConfigurationName } from './table';
import type { Vgg } from './vgg';

/**
 * True if a net is of a configuration: the compiler then knows its layers. `if (isConfiguration(net.model, 'D'))` makes of a loaded
 * net a VGG-16, as LPIPS needs it.
 */
export function isConfiguration<C extends ConfigurationName>(model: Vgg, configuration: C): model is Vgg<C> {
  return model.options.configuration === configuration;
}
