/** Preparation of a run on several ranks: rank 0 passes it to the others. */
import { VggError } from '@vgg/core';
import { openSource } from '@vgg/data/node';
import { startEngine } from '@vgg/engine';
import { createVgg, zeroInitialiser } from '@vgg/models';
import { gather, requireSameSettings } from '@vgg/train';
import type { OpenedData } from '../images/data-set';
import { currentJob } from '../job/job';
import type { RunRecord } from './folder';
import { hashOfNames, type RunImages, readImages, splitAs } from './images';
import type { Prepared } from './prepare';

/** Checks what ranks must have in common in addition to what `fit` compares: the images, by name and in order, and the engine. */
async function requireSameRun(record: RunRecord, data: OpenedData, engine: string): Promise<void> {
  await requireSameSettings(currentJob(), {
    classes: data.classes.length,
    'images for training': data.train.length,
    'images for validation': data.validation?.length ?? 0,
    'names of images': hashOfNames([data.train, data.validation]),
    engine,
    recipe: record.recipe,
  });
}

/** Passes a prepared run to the other ranks: its record, with which they open the images and start the engine. */
export async function sharePrepared({ folder, record, data }: Prepared): Promise<void> {
  const job = currentJob();
  if (job.size === 1) return;
  await gather(job, [record, (await readImages(folder.path)) ?? null]);
  await requireSameRun(record, data, `${record.environment.engine} (${record.environment.computes})`);
}

/**
 * Prepares the part of another rank: images and engine of the run that rank 0 has prepared, and a net that `fit` fills.
 *
 * @param device GPU of an engine on WebGPU, as rank 0 was given it.
 */
export async function prepareRank(device: string | undefined): Promise<Pick<Prepared, 'record' | 'data' | 'model'>> {
  const [[record, images]] = (await gather(currentJob(), null)) as unknown as [[RunRecord, RunImages | null]];
  const path = record.recipe.data;
  const set = splitAs(await openSource(path, { layout: record.recipe.layout }), path, record, images ?? undefined);
  if (set.train === undefined) throw new VggError('dataset', `${path} has no training images: expected train/ in it`);
  const data: OpenedData = { ...set, train: set.train, isSplit: images?.validation !== null };
  const engine = await startEngine(record.environment.engine, device);
  await requireSameRun(record, data, `${engine.name} (${engine.description})`);
  return { record, data, model: createVgg(record.net, zeroInitialiser()) };
}
