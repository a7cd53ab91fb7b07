/** Image sections of a report, made from a run's images and weights. Images that cannot be read are left out. */
import { isVggError } from '@vgg/core';
import type { ImageSource } from '@vgg/data';
import { createBatches, decodeImage } from '@vgg/data/node';
import { heatMap, predict, scalesFor } from '@vgg/eval';
import type { EmbeddedImage, HeatMap, LabelledImage, Mistake } from './data';
import type { Prediction } from './guesses';
import { heatMapOver, heatMapScales, mapValue } from './heat-map';
import { embed, filterSheet, inputPixels, THUMBNAIL, thumbnail } from './images';
import type { NetVariables, RunDescription, RunNet } from './run';

const CROPS = 24;
const HEAT_MAPS = 6;
/** Longer side of a heat map in pixels. */
const HEAT_MAP_SIDE = 320;
/** Longest key of an image that is shown. */
const KEY_LENGTH = 120;

/** Cuts a name at `length` characters: very long class names must not make the page a large file. */
export function shorten(name: string, length = 80): string {
  return name.length <= length ? name : `${name.slice(0, length - 1)}…`;
}

/** Returns null if an image cannot be used. Other errors are passed on. */
async function nullIfUnusable<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (isVggError(error) && error.code === 'VGG_IMAGE') return null;
    throw error;
  }
}

/** Returns the first crops of the run's first epoch, as the net receives them. */
export async function trainingCrops(
  train: ImageSource,
  { transform, seed }: Pick<RunDescription, 'transform' | 'seed'>,
): Promise<LabelledImage[]> {
  const batchSize = Math.min(CROPS, train.length);
  const loader = createBatches(train, {
    transform: { ...transform, range: 255 },
    batchSize,
    seed,
    workers: 0,
    prefetch: 1,
  });
  try {
    const { value: batch } = await loader.epoch(0).next();
    if (batch === undefined) return [];
    const pixels = batch.height * batch.width * 3;
    const crops = Array.from({ length: batch.size }, async (_, i) => {
      const input = batch.images.subarray(i * pixels, (i + 1) * pixels);
      const image = await thumbnail(inputPixels(input, transform.mean, batch.width, batch.height));
      return { image, label: shorten(train.classes[batch.labels[i]!]!) };
    });
    return await Promise.all(crops);
  } finally {
    await loader.close();
  }
}

/** Returns the filters of conv1_1 with their current weights; null if the net has no such layer. */
export async function firstFilters({ variables }: NetVariables): Promise<EmbeddedImage | null> {
  const weight = variables.get('conv1_1.weight');
  if (weight === undefined) return null;
  return filterSheet((await weight.data()) as Float32Array, weight.shape);
}

/** Returns mistakes with their images, where these can still be read. */
export async function mistakesWithImages(
  mistakes: readonly Prediction[],
  classes: readonly string[],
  source: ImageSource | undefined,
): Promise<Mistake[]> {
  const places = new Map<string, number>();
  const wanted = new Set(mistakes.map(({ key }) => key));
  for (let i = 0; source !== undefined && i < source.length && places.size < wanted.size; i++) {
    const key = source.key(i);
    if (wanted.has(key)) places.set(key, i);
  }
  const shown: Mistake[] = [];
  for (const { key, label, predicted, probability } of mistakes) {
    const at = places.get(key);
    const image =
      at === undefined
        ? null
        : await nullIfUnusable(async () => thumbnail(await decodeImage(source!.location(at), key, THUMBNAIL)));
    shown.push({
      image,
      key: shorten(key, KEY_LENGTH),
      label: shorten(classes[label]!),
      predicted: shorten(classes[predicted]!),
      probability,
    });
  }
  return shown;
}

/** Returns Grad-CAM of the most likely class for a few images, spread over the source. */
export async function heatMaps(source: ImageSource, run: RunDescription, model: RunNet): Promise<HeatMap[]> {
  const nets = [{ name: 'run', model, mean: run.transform.mean }];
  const { scale, crop } = run.transform;
  const scales = scalesFor(scale, 'single', crop);
  const count = Math.min(HEAT_MAPS, source.length);
  const maps: HeatMap[] = [];
  for (let i = 0; i < count; i++) {
    const at = Math.floor(((i + 0.5) * source.length) / count);
    const key = source.key(at);
    const map = await nullIfUnusable(async () => {
      const image = await decodeImage(source.location(at), key, HEAT_MAP_SIDE);
      const { classes, probabilities } = await predict({ nets, image, scales, key });
      const classIndex = classes[0]!;
      const map = { method: 'grad-cam', scales: heatMapScales(run.transform, 'grad-cam') } as const;
      const seen = await heatMap({ ...map, nets, image, classIndex, key });
      return {
        low: mapValue(seen, seen.low),
        high: mapValue(seen, seen.high),
        image: await thumbnail(image, HEAT_MAP_SIDE),
        overlay: await embed(await heatMapOver(image, seen, HEAT_MAP_SIDE)),
        key: shorten(key, KEY_LENGTH),
        label: shorten(run.classes[source.label(at)]!),
        predicted: shorten(run.classes[classIndex]!),
        probability: probabilities[0]!,
      };
    });
    if (map !== null) maps.push(map);
  }
  return maps;
}
