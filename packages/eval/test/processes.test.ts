/** Evaluation on several processes: the result, the events and their order are those of one, to the bit. */
import '@tensorflow/tfjs-backend-cpu';
import { enableProdMode } from '@tensorflow/tfjs-core';
import { type Communicator, memoryJob, singleProcess, VggError } from '@vgg/core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { type EvaluateOptions, type EvaluationEvent, type EvaluationImage, evaluate } from '../src/index';
import { coordinates, type FakeNet, fakeNet } from './fake-net';

enableProdMode(); // Silences TF.js's advice to install tfjs-node.

const CLASSES = 7;

/** Returns a net whose scores, with many digits, depend on the place of the crop and on the number of views in the batch. */
function unevenNet(name: string, inputSize: number): FakeNet {
  let net: FakeNet | undefined;
  const scores = (place: number, views = 0) =>
    Array.from({ length: CLASSES }, (_, i) => Math.sin(1.7 * i + place) * (1 + views / 7));
  net = fakeNet(
    name,
    ({ left, top, flipped }) => scores(left / 3 + top + Number(flipped), net?.batches.at(-1)),
    (flipped) => [scores(Number(flipped), net?.maps.at(-1)?.shape[0])],
    { inputSize },
  );
  return net;
}

const nets = () => [unevenNet('first', 5), { ...unevenNet('second', 6), scales: [7, 9] }];

/** Returns images of several sizes, every fifth broken, every seventh without a label; `loads` collects the keys that are loaded. */
function manyImages(count: number, loads: string[] = []): EvaluationImage[] {
  return Array.from({ length: count }, (_, i) => ({
    key: `${i}.jpg`,
    label: i % 7 === 6 ? undefined : i % CLASSES,
    async load() {
      loads.push(`${i}.jpg`);
      if (i % 5 === 4) throw new VggError('image', `${i}.jpg is truncated`);
      return coordinates(9 + (i % 3), 9 + (i % 4));
    },
  }));
}

const options = { protocols: ['single', 'dense', 'both'], scales: [6, 9], batchPixels: 400 } as const;

async function run(communicator: Communicator, more: Partial<EvaluateOptions> & Pick<EvaluateOptions, 'images'>) {
  const events: EvaluationEvent[] = [];
  const evaluation = await evaluate({
    ...options,
    nets: nets(),
    communicator,
    onEvent: (event) => void events.push(event),
    ...more,
  });
  const progress = events.filter(({ type }) => type === 'progress');
  return { evaluation, events: events.filter(({ type }) => type !== 'progress'), last: progress.at(-1), progress };
}

/** Returns the outcome of a promise: its value or its error. */
const settled = (work: Promise<unknown>) => work.catch((error: unknown) => error);

describe('evaluation on several processes', () => {
  it.each([2, 3, 4, 8])('is that of one, to the bit, with each image loaded by one process: %i', async (size) => {
    const alone = await run(singleProcess, { images: manyImages(30) });
    expect(alone.evaluation).toMatchObject({ images: 24, skipped: { length: 6 } });
    const loads = Array.from({ length: size }, (): string[] => []);
    const together = await expectNoLeak(() =>
      Promise.all(memoryJob(size).map((rank, i) => run(rank, { images: manyImages(30, loads[i]), ahead: 2 }))),
    );
    for (const { evaluation, events, last, progress } of together) {
      expect(evaluation).toEqual(alone.evaluation);
      expect(JSON.stringify(evaluation.rows)).toBe(JSON.stringify(alone.evaluation.rows));
      expect(events).toEqual(alone.events);
      expect(last).toEqual(alone.last);
      const views = progress.map((event) => (event.type === 'progress' ? event.views : 0));
      expect(views).toEqual([...views].sort((a, b) => a - b));
    }
    const keys = loads.map((own) => new Set(own));
    expect(keys.reduce((sum, own) => sum + own.size, 0)).toBe(30);
    // 30 images are seven blocks of four and one of two.
    expect(Math.max(...keys.map((own) => own.size))).toBe(4 * Math.ceil(8 / size));
  });

  it('leaves ranks idle if there are fewer blocks', async () => {
    const alone = await run(singleProcess, { images: manyImages(3) });
    const together = await Promise.all(memoryJob(3).map((rank) => run(rank, { images: manyImages(3) })));
    for (const { evaluation, events } of together) {
      expect(evaluation).toEqual(alone.evaluation);
      expect(events).toEqual(alone.events);
    }
  });

  it('refuses images of which none can be used, on every rank', async () => {
    const images = manyImages(5).slice(4);
    const errors = await Promise.all(memoryJob(2).map((rank) => settled(run(rank, { images }))));
    for (const error of errors) {
      expect(error).toMatchObject({
        code: 'VGG_DATASET',
        message: 'none of the 1 images can be used; the first: 4.jpg is truncated',
      });
    }
  });

  it('fails on every rank if one fails, with its own error there', async () => {
    const broken = new VggError('io', 'cannot read 9.jpg: EIO');
    const job = memoryJob(3);
    const images = (rank: number) =>
      manyImages(30).map((image, i) =>
        rank === 2 && i === 9 ? { ...image, load: () => Promise.reject(broken) } : image,
      );
    const errors = await Promise.all(job.map((rank) => settled(run(rank, { images: images(rank.rank) }))));
    const other = {
      code: 'VGG_STATE',
      message: `rank 2 (${job[2]!.host}) failed: cannot read 9.jpg: EIO`,
      details: { rank: 2 },
    };
    expect(errors).toEqual([expect.objectContaining(other), expect.objectContaining(other), broken]);
  });

  it('fails on every rank if one cannot write what comes last', async () => {
    const full = new VggError('io', 'the disk is full');
    const onEvent = (event: EvaluationEvent) => {
      if (event.type === 'scored' && event.key === '28.jpg') throw full;
    };
    const errors = await Promise.all(
      memoryJob(2).map((rank) =>
        settled(run(rank, { images: manyImages(29), onEvent: rank.rank === 0 ? onEvent : undefined })),
      ),
    );
    expect(errors).toEqual([full, expect.objectContaining({ code: 'VGG_STATE' })]);
  });

  it('ends on every rank when one is aborted', async () => {
    const controller = new AbortController();
    const stop = new Error('enough');
    const errors = await Promise.all(
      memoryJob(2).map((rank) =>
        settled(
          run(rank, {
            images: manyImages(30),
            signal: rank.rank === 1 ? controller.signal : undefined,
            onEvent: ({ type }) => {
              if (type === 'scored' && rank.rank === 1) controller.abort(stop);
            },
          }),
        ),
      ),
    );
    expect(errors).toEqual([expect.objectContaining({ code: 'VGG_STATE' }), stop]);
  });

  it.each([
    [30, 29],
    [30, 12],
  ])('refuses ranks with different numbers of images: %i and %i', async (first, second) => {
    const errors = await Promise.all(
      memoryJob(2).map((rank) => settled(run(rank, { images: manyImages(rank.rank === 0 ? first : second) }))),
    );
    for (const error of errors) {
      expect(error).toMatchObject({
        code: 'VGG_STATE',
        message: expect.stringMatching(/^rank 1 \(.+\) has another number of images than rank 0/),
      });
    }
  });
});
