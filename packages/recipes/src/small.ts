/**
 * Settings for a folder of images when no net, scale or recipe is given: a small net with batch norm that trains in minutes on
 * two cores. The paper's own settings are for a million images.
 */
import type { Settings } from './settings';

/** The settings that follow from the size of the data. */
export type SmallSettings = Pick<
  Settings,
  | 'config'
  | 'batchNorm'
  | 'width'
  | 'input'
  | 'head'
  | 'dropout'
  | 'scale'
  | 'batch'
  | 'epochs'
  | 'rate'
  | 'schedule'
  | 'warmUp'
  | 'labelSmoothing'
  | 'init'
  | 'validateEvery'
>;

/** Number of training images that are seen in all epochs together: some minutes on two cores. */
const IMAGES_SEEN = { photographs: 24_000, smaller: 60_000 } as const;
/** Smallest side from which images count as photographs. */
const PHOTOGRAPH = 96;
/** Steps of warm-up: in a small folder one epoch has too few of them, and the first steps at the full rate ruin the net. */
const WARM_UP_STEPS = 100;
/** Epochs that are never exceeded, as more repeat the same images, and the fewest that are of use. */
const EPOCHS = { most: 60, fewest: 4 } as const;

/**
 * Returns settings for so many images.
 * @param images number of training images.
 * @param side median of the smallest sides of some images, in pixels.
 * @param given epochs and batch of the user, from which the warm-up follows. Default those for the images.
 */
export function smallSettings(
  images: number,
  side: number,
  given: { readonly epochs?: number | undefined; readonly batch?: number | undefined } = {},
): SmallSettings {
  const photographs = side >= PHOTOGRAPH;
  const seen = photographs ? IMAGES_SEEN.photographs : IMAGES_SEEN.smaller;
  const input = photographs ? 64 : 48;
  const { epochs = Math.max(EPOCHS.fewest, Math.min(EPOCHS.most, Math.round(seen / images))) } = given;
  const { batch = Math.min(32, images) } = given;
  const warmUp = Math.max(epochs > 10 ? 1 : 0.5, (WARM_UP_STEPS * batch) / images);
  return {
    config: 'A',
    batchNorm: true,
    width: 0.25,
    input,
    head: 'linear',
    dropout: 0,
    scale: [input, Math.round(input * 1.25)],
    batch,
    epochs,
    rate: 0.05,
    schedule: 'cosine',
    warmUp: Math.min(epochs / 4, Number(warmUp.toFixed(1))),
    labelSmoothing: 0.1,
    init: 'he',
    validateEvery: 1,
  };
}

/** Settings of which none may be given for {@link smallSettings} to apply. */
export const PRECLUDING = [
  'config',
  'batchNorm',
  'width',
  'input',
  'head',
  'dropout',
  'scale',
  'weights',
  'preInit',
] as const;
