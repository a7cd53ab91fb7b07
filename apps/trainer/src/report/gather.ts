/** The pictures of a report, from a run's images and weights; what cannot be had is left out. */
import { isVggError } from '@vgg/core';
import type { ImageSource } from '@vgg/data';
import { createBatches, decodeImage } from '@vgg/data/node';
import { classMap, type EvaluatedNet, predict, scalesFor } from '@vgg/eval';
import type { Vgg } from '@vgg/models';
import { heatMapOver, heatMapScales } from '../heat-map';
import type { RunRecord } from '../run/folder';
import type { HeatMap, LabelledPicture, Mistake, Picture } from './data';
import type { Wrong } from './guesses';
import { asPicture, filterSheet, inputPixels, THUMBNAIL, thumbnail } from './pictures';

const CROPS = 24;
const HEAT_MAPS = 6;
/** Longer side of a heat map, in pixels. */
const HEAT_MAP_SIDE = 320;

/** Classes named like a novel must not make the page a large file. */
export function shortened(name: string, length = 80): string {
  return name.length <= length ? name : `${name.slice(0, length - 1)}…`;
}

/** What an image that cannot be used gives; any other failure is one. */
async function unlessUnusable<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (isVggError(error) && error.code === 'VGG_IMAGE') return null;
    throw error;
  }
}

/** The first crops of the run's first epoch, as the net was given them. */
export async function trainingCrops(train: ImageSource, { transform, recipe }: RunRecord): Promise<LabelledPicture[]> {
  const batchSize = Math.min(CROPS, train.length);
  const loader = createBatches(train, { transform, batchSize, seed: recipe.seed, workers: 0, prefetch: 1 });
  try {
    const { value: batch } = await loader.epoch(0).next();
    if (batch === undefined) return [];
    const pixels = batch.height * batch.width * 3;
    const pictures = Array.from({ length: batch.size }, async (_, i) => {
      const input = batch.images.subarray(i * pixels, (i + 1) * pixels);
      const picture = await thumbnail(inputPixels(input, transform.mean, batch.width, batch.height));
      return { picture, label: shortened(train.classes[batch.labels[i]!]!) };
    });
    return await Promise.all(pictures);
  } finally {
    await loader.close();
  }
}

/** conv1_1 as it is now. */
export async function firstFilters(model: Pick<Vgg, 'variables'>): Promise<Picture | null> {
  const weight = model.variables.get('conv1_1.weight');
  if (weight === undefined) return null;
  return filterSheet((await weight.data()) as Float32Array, weight.shape);
}

/** Mistakes with what the net saw, as far as the images are still there. */
export async function mistakesShown(
  wrong: readonly Wrong[],
  classes: readonly string[],
  images: ImageSource | undefined,
): Promise<Mistake[]> {
  const place = new Map<string, number>();
  const wanted = new Set(wrong.map(({ key }) => key));
  for (let i = 0; images !== undefined && i < images.length && place.size < wanted.size; i++) {
    const key = images.key(i);
    if (wanted.has(key)) place.set(key, i);
  }
  const shown: Mistake[] = [];
  for (const { key, label, predicted, probability } of wrong) {
    const at = place.get(key);
    const picture =
      at === undefined
        ? null
        : await unlessUnusable(async () => thumbnail(await decodeImage(images!.location(at), key, THUMBNAIL)));
    shown.push({
      picture,
      key: shortened(key, 120),
      label: shortened(classes[label]!),
      predicted: shortened(classes[predicted]!),
      probability,
    });
  }
  return shown;
}

/** Where the net sees the likeliest class of a few images, spread over the source. */
export async function heatMaps(images: ImageSource, record: RunRecord, model: Vgg): Promise<HeatMap[]> {
  const nets: EvaluatedNet[] = [{ name: 'run', model, mean: record.transform.mean }];
  const { scale, crop } = record.transform;
  const scales = scalesFor(scale, 'single', crop);
  const count = Math.min(HEAT_MAPS, images.length);
  const maps: HeatMap[] = [];
  for (let i = 0; i < count; i++) {
    const at = Math.floor(((i + 0.5) * images.length) / count);
    const key = images.key(at);
    const map = await unlessUnusable(async () => {
      const image = await decodeImage(images.location(at), key, HEAT_MAP_SIDE);
      const { classes, probabilities } = await predict({ nets, image, scales, key });
      const [classIndex, probability] = [classes[0]!, probabilities[0]!];
      const seen = await classMap({ nets, image, classIndex, key, scales: heatMapScales(record.transform) });
      return {
        picture: await thumbnail(image, HEAT_MAP_SIDE),
        overlay: await asPicture(await heatMapOver(image, seen, HEAT_MAP_SIDE)),
        key: shortened(key, 120),
        label: shortened(record.classes[images.label(at)]!),
        predicted: shortened(record.classes[classIndex]!),
        probability,
      };
    });
    if (map !== null) maps.push(map);
  }
  return maps;
}
