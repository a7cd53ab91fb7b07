import '@tensorflow/tfjs-backend-cpu';
import { createVgg } from '@vgg/models';
import sharp from 'sharp';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createApp, type Limits } from '../src/app';
import { Batcher } from '../src/batcher';
import { type Classifier, createClassifier } from '../src/classifier';

const LIMITS: Limits = { queue: 4, maxBytes: 100_000, timeout: 10_000 };

type App = ReturnType<typeof createApp>;

let jpeg: Buffer;
let apps: App[] = [];

beforeAll(async () => {
  const background = { r: 200, g: 30, b: 90 };
  jpeg = await sharp({ create: { width: 80, height: 60, channels: 3, background } })
    .jpeg()
    .toBuffer();
});

afterEach(async () => {
  for (const app of apps) await app.close();
  apps = [];
});

function track(app: App): App {
  apps.push(app);
  return app;
}

function post(app: App, payload: Buffer, type = 'image/jpeg') {
  return app.inject({ method: 'POST', url: '/classify', payload, headers: { 'content-type': type } });
}

/** Classifier whose answers wait until `finish` is called. */
function waitingClassifier() {
  const waiting: (() => void)[] = [];
  const classifier: Classifier = {
    classify: (_image, signal) =>
      new Promise((resolve, reject) => {
        waiting.push(() => resolve([]));
        signal?.addEventListener('abort', () => reject(signal.reason));
      }),
    close: async () => {},
  };
  const finish = () => {
    for (const answer of waiting.splice(0)) answer();
  };
  return { classifier, waiting, finish };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((done) => setTimeout(done, 2));
}

const TRANSFORM = {
  resize: 'shortest',
  scale: 40,
  interpolation: 'pillow-bilinear',
  crop: 32,
  channels: 'RGB',
  range: 255,
  mean: [124, 117, 104],
  std: [1, 1, 1],
} as const;

async function smallNet(options: { maxPixels?: number; top?: number } = {}): Promise<Classifier> {
  const model = createVgg({ configuration: 'A', classes: 6, inputSize: 32, width: 1 / 16, head: 'small' });
  const net = { model, classes: ['a', 'b', 'c', 'd', 'e', 'f'], transform: TRANSFORM };
  return createClassifier(net, { size: 4, wait: 5, maxPixels: 1e6, workers: 0, ...options });
}

describe('a request', () => {
  it('is answered with the five most probable classes', async () => {
    const app = track(createApp(await smallNet(), LIMITS));
    const response = await post(app, jpeg);
    expect(response.statusCode).toBe(200);
    const { classes } = response.json();
    expect(classes).toHaveLength(5);
    expect(classes[0].name).toMatch(/^[a-f]$/);
    expect(classes[0].probability).toBeGreaterThanOrEqual(classes[4].probability);
  });

  it('is answered the same alone and with others, and one bad image harms no other', async () => {
    const app = track(createApp(await smallNet(), LIMITS));
    const alone = (await post(app, jpeg)).json();
    const answers = await Promise.all([jpeg, Buffer.from('text'), jpeg, jpeg].map((image) => post(app, image)));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 400, 200, 200]);
    for (const i of [0, 2, 3]) {
      const probabilities = (answer: { classes: { probability: number }[] }) =>
        answer.classes.map(({ probability }) => probability);
      expect(probabilities(answers[i]!.json())).toBeAllclose(probabilities(alone), { rtol: 0, atol: 1e-6 });
    }
    expect(answers[1]!.json().error).toMatch(/^the image: .*$/);
  });

  it('is refused with 400 for nothing, a part of an image, and too many pixels', async () => {
    const app = track(createApp(await smallNet({ maxPixels: 4000 }), LIMITS));
    expect((await post(app, Buffer.alloc(0))).statusCode).toBe(400);
    expect((await post(app, jpeg.subarray(0, 200))).statusCode).toBe(400);
    const large = await post(app, jpeg);
    expect(large.statusCode).toBe(400);
    expect(large.json()).toEqual({ error: 'the image: 80x60 is more than 4000 pixels' });
  });

  it('is refused with 413 for too many bytes, and 415 for another type', async () => {
    const app = track(createApp(await smallNet(), LIMITS));
    const large = await post(app, Buffer.alloc(100_001));
    expect([large.statusCode, large.json().error]).toEqual([413, 'the image has more than 100000 bytes']);
    expect((await post(app, Buffer.from('{}'), 'application/json')).statusCode).toBe(415);
  });

  it('hides an error of the server, and reports it', async () => {
    const classifier = { classify: () => Promise.reject(new Error('secret')), close: async () => {} };
    const reports: unknown[] = [];
    const app = track(createApp(classifier, LIMITS, (error) => reports.push(error)));
    const response = await post(app, jpeg);
    expect([response.statusCode, response.json()]).toEqual([500, { error: 'internal error' }]);
    expect(reports).toHaveLength(1);
  });
});

describe('a full server', () => {
  it('answers 503 with Retry-After, /health meanwhile, and accepts again later', async () => {
    const { classifier, waiting, finish } = waitingClassifier();
    const app = track(createApp(classifier, LIMITS));
    const accepted = Array.from({ length: 4 }, () => post(app, jpeg));
    await until(() => waiting.length === 4);
    const refused = await post(app, jpeg);
    expect(refused.statusCode).toBe(503);
    expect(refused.headers['retry-after']).toBe('1');
    expect((await app.inject('/health')).json()).toEqual({ status: 'ok', active: 4, queue: 4 });
    finish();
    expect((await Promise.all(accepted)).map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200]);
    const again = post(app, jpeg);
    await until(() => waiting.length === 1);
    finish();
    expect((await again).statusCode).toBe(200);
  });

  it('answers 503 when an answer takes too long', async () => {
    const { classifier } = waitingClassifier();
    const app = track(createApp(classifier, { ...LIMITS, timeout: 20 }));
    expect((await post(app, jpeg)).statusCode).toBe(503);
    expect((await app.inject('/health')).json().active).toBe(0);
  });
});

describe('over a connection', () => {
  const send = (address: string, signal: AbortSignal | null = null) => {
    const headers = { 'content-type': 'image/jpeg' };
    return fetch(`${address}/classify`, { method: 'POST', body: new Uint8Array(jpeg), headers, signal });
  };

  it('a client that leaves frees its place', async () => {
    const { classifier, waiting } = waitingClassifier();
    const app = track(createApp(classifier, LIMITS));
    const address = await app.listen({ port: 0 });
    const stop = new AbortController();
    const left = send(address, stop.signal);
    await until(() => waiting.length === 1);
    stop.abort();
    await expect(left).rejects.toThrow();
    while ((await app.inject('/health')).json().active > 0) await new Promise((done) => setTimeout(done, 2));
  });

  it('closing finishes the accepted requests and then the classifier', async () => {
    const { classifier, waiting, finish } = waitingClassifier();
    const order: string[] = [];
    const app = createApp({ ...classifier, close: async () => void order.push('closed') }, LIMITS);
    const address = await app.listen({ port: 0 });
    const accepted = send(address).then(({ status }) => status);
    await until(() => waiting.length === 1);
    const closing = app.close();
    await expect(send(address).then(({ ok }) => ok || Promise.reject(new Error('refused')))).rejects.toThrow();
    order.push('answering');
    finish();
    await closing;
    expect(await accepted).toBe(200);
    expect(order).toEqual(['answering', 'closed']);
  });
});

describe('a batcher', () => {
  it('runs together what waits, at most `size` at once, in order', async () => {
    const batches: number[][] = [];
    const run = async (inputs: number[]) => {
      batches.push(inputs);
      await new Promise((done) => setTimeout(done, 5));
      return inputs.map((n) => 2 * n);
    };
    const batcher = new Batcher(run, { size: 3, wait: 1 });
    const outputs = await Promise.all([1, 2, 3, 4, 5, 6, 7].map((n) => batcher.submit(n)));
    expect(outputs).toEqual([2, 4, 6, 8, 10, 12, 14]);
    expect(batches).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
    expect(await batcher.submit(8)).toBe(16);
  });

  it('hands over the next full batch while one runs, and lets a part of one gather until both are done', async () => {
    const ends: (() => void)[] = [];
    const batches: number[][] = [];
    const run = async (inputs: number[]) => {
      batches.push(inputs);
      await new Promise<void>((done) => ends.push(done));
      return inputs;
    };
    const batcher = new Batcher(run, { size: 2, wait: 1 });
    const outputs = [1, 2, 3, 4, 5, 6, 7].map((n) => batcher.submit(n));
    expect(batches).toEqual([
      [1, 2],
      [3, 4],
    ]);
    ends[0]!();
    expect(await outputs[1]).toBe(2);
    await until(() => batches.length === 3);
    expect(batches[2]).toEqual([5, 6]);
    ends[1]!();
    expect(await outputs[3]).toBe(4);
    expect(batches).toHaveLength(3);
    ends[2]!();
    await until(() => batches.length === 4);
    expect(batches[3]).toEqual([7]);
    ends[3]!();
    expect(await Promise.all(outputs)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('leaves out inputs whose callers gave up, and continues after an error', async () => {
    const batches: string[][] = [];
    const run = async (inputs: string[]) => {
      batches.push(inputs);
      if (inputs.includes('bad')) throw new Error('bad');
      return inputs;
    };
    const batcher = new Batcher(run, { size: 8, wait: 10 });
    const stop = new AbortController();
    const left = batcher.submit('left', stop.signal);
    const kept = batcher.submit('kept');
    stop.abort(new Error('gave up'));
    await expect(left).rejects.toThrow('gave up');
    expect(await kept).toBe('kept');
    await expect(batcher.submit('bad')).rejects.toThrow('bad');
    expect(await batcher.submit('good')).toBe('good');
    expect(batches).toEqual([['kept'], ['bad'], ['good']]);
  });
});
