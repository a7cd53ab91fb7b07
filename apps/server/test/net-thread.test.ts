/** The thread of the net, and the built program that starts it. */
import '@tensorflow/tfjs-backend-cpu';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import { VggError } from '@vgg/core';
import { createVgg, heInitialiser } from '@vgg/models';
import { classify, type Guess, loadNet } from '@vgg/vgg/node';
import { saveModel } from '@vgg/weights/node';
import sharp from 'sharp';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createApp } from '../src/app';
import type { Classifier } from '../src/classifier';
import { startNetThread } from '../src/net-thread';
import { askClassifier, serveClassifier } from '../src/remote';

const OPTIONS = { weights: 'none', engine: 'cpu', size: 4, wait: 1, maxPixels: 1e6, workers: 0 } as const;
const IMAGE = Uint8Array.of(1, 2, 3);

/** Returns the address of a thread's program. */
function script(program: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(program)}`);
}

/** Returns a classifier as another thread sees it. */
function remote(classify: Classifier['classify']): Classifier['classify'] {
  const { port1, port2 } = new MessageChannel();
  onTestFinished(() => port1.close());
  serveClassifier(port2, { classify, close: async () => {} });
  return askClassifier(port1);
}

describe('the thread of the net', () => {
  it('leaves the thread of the requests free during a forward pass', async () => {
    // A forward pass that keeps its thread busy until the test opens the gate.
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const busy = `
      import { parentPort, workerData } from 'node:worker_threads';
      parentPort.on('message', ({ id }) => {
        Atomics.wait(workerData.gate, 0, 0);
        parentPort.postMessage({ id, classes: [] });
      });
      parentPort.postMessage({ engine: 'busy' });`;
    const options = { ...OPTIONS, gate };
    const { classifier, engine } = await startNetThread(options, () => {}, script(busy));
    expect(engine).toBe('busy');
    const app = createApp(classifier, { queue: 4, maxBytes: 1000, timeout: 600_000 });
    onTestFinished(() => app.close());
    const headers = { 'content-type': 'image/jpeg' };
    const answer = app.inject({ method: 'POST', url: '/classify', payload: Buffer.from(IMAGE), headers });
    let active = 0;
    while (active === 0) active = (await app.inject('/health')).json().active;
    expect((await app.inject('/health')).json()).toEqual({ status: 'ok', active: 1, queue: 4 });
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
    expect((await answer).json()).toEqual({ classes: [] });
  });
});

describe('a thread of the net that ends', () => {
  const report = `import { parentPort } from 'node:worker_threads'; parentPort.postMessage({ engine: 'short' });`;

  it('before its report is refused', async () => {
    await expect(startNetThread(OPTIONS, () => {}, script('process.exit(3)'))).rejects.toMatchObject({
      code: 'VGG_STATE',
      message: 'the thread of the net ended with exit code 3: start the server again',
    });
  });

  it.each([report, `${report} parentPort.once('message', () => process.exit(0));`])(
    'after its report is noticed: %s',
    async (program) => {
      const end = new Promise<VggError>((resolve) => {
        startNetThread(OPTIONS, resolve, script(program)).then(({ classifier }) => {
          classifier.classify(IMAGE).catch(() => {});
        });
      });
      expect((await end).message).toBe('the thread of the net ended with exit code 0: start the server again');
    },
  );

  it('by close() is not reported', async () => {
    const onEnd = vi.fn();
    const program = `${report} parentPort.on('message', () => {});`;
    const { classifier } = await startNetThread(OPTIONS, onEnd, script(program));
    await classifier.close();
    await new Promise(setImmediate);
    expect(onEnd).not.toHaveBeenCalled();
  });
});

describe('the built program', () => {
  /** Starts the program and returns its process and its first line that matches, or its whole output if it ends. */
  async function start(words: readonly string[], line: RegExp) {
    const child = spawn(process.execPath, [fileURLToPath(new URL('../dist/cli.js', import.meta.url)), ...words]);
    onTestFinished(() => void child.kill('SIGKILL'));
    const ended = once(child, 'exit') as Promise<[number | null]>;
    let output = '';
    const found = new Promise<RegExpExecArray | null>((resolve) => {
      child.stderr.on('data', (text) => {
        output += text;
        const match = line.exec(output);
        if (match !== null) resolve(match);
      });
      child.once('close', () => resolve(null));
    });
    return { child, ended, found: await found, output: () => output };
  }

  it('classifies by a net with folded batch norm, refuses a damaged image, and ends', async () => {
    const home = mkdtempSync(join(tmpdir(), 'vgg-server-'));
    onTestFinished(() => rmSync(home, { recursive: true }));
    const weights = join(home, 'net.safetensors');
    const options = { configuration: 'A', classes: 6, inputSize: 32, width: 1 / 16, head: 'small' } as const;
    const he = heInitialiser({ seed: 1 });
    const model = createVgg({ ...options, batchNorm: true }, (variable) => {
      const { role, shape } = variable;
      return role === 'weight' ? he(variable) : new Float32Array(shape[0]!).map((_, i) => 0.5 + (i % 4) / 4);
    });
    const preprocessing = { range: 1, mean: [0.5, 0.5, 0.5], std: [1, 1, 1], scale: 40 } as const;
    await saveModel(weights, model, { classes: [...'abcdef'], preprocessing });
    const words = ['--weights', weights, '--engine', 'cpu', '--port', '0'];
    const { child, ended, found, output } = await start(words, /listening on (\S+)/);
    expect(output()).toMatch(/listening on/);
    const background = { r: 200, g: 30, b: 90 };
    const image = await sharp({ create: { width: 80, height: 60, channels: 3, background } })
      .png()
      .toBuffer();
    const post = async (body: Uint8Array) => {
      const headers = { 'content-type': 'image/png' };
      const response = await fetch(`${found![1]}/classify`, { method: 'POST', body: new Uint8Array(body), headers });
      return { status: response.status, body: (await response.json()) as { classes: Guess[] } };
    };
    const answer = await post(image);
    expect(answer.status).toBe(200);
    const own = await classify(await loadNet(weights), image);
    expect(answer.body.classes.map(({ name }) => name)).toEqual(own.map(({ name }) => name));
    const probabilities = (guesses: readonly Guess[]) => guesses.map(({ probability }) => probability);
    expect(probabilities(answer.body.classes)).toBeAllclose(probabilities(own), { rtol: 1e-4, atol: 1e-6 });
    expect((await post(IMAGE)).status).toBe(400);
    child.kill('SIGTERM');
    expect((await ended)[0]).toBe(0);
  });

  it('ends with 2 and one line for a net that cannot be used', async () => {
    const { ended, output } = await start(['--weights', 'package.json', '--engine', 'cpu'], /listening/);
    expect((await ended)[0]).toBe(2);
    expect(output().trim().split('\n')).toEqual([
      expect.stringContaining('package.json is JSON, but of no known kind'),
    ]);
  });
});

describe('a classifier behind a port', () => {
  it('returns classes and errors to the image that they belong to, and leaves the bytes to the caller', async () => {
    const classify = remote(async ([first]) => {
      if (first === 0) throw new VggError('image', 'the image is empty');
      if (first === 9) throw new RangeError('broken');
      return [{ name: String(first), index: 0, probability: 1 }];
    });
    const image = Uint8Array.of(5);
    const all = [0, 9].map((first) => classify(Uint8Array.of(first)));
    await expect(all[0]).rejects.toMatchObject({ code: 'VGG_IMAGE', message: 'the image is empty' });
    await expect(all[1]).rejects.toThrow('broken');
    expect(await classify(image)).toEqual([{ name: '5', index: 0, probability: 1 }]);
    expect(image).toEqual(Uint8Array.of(5));
  });

  it('stops the work for a caller that left', async () => {
    let started = () => {};
    let stopped = () => {};
    const start = new Promise<void>((resolve) => {
      started = resolve;
    });
    const stop = new Promise<void>((resolve) => {
      stopped = resolve;
    });
    const classify = remote((_image, signal) => {
      started();
      return new Promise((_, reject) => {
        signal!.addEventListener('abort', () => {
          stopped();
          reject(signal!.reason);
        });
      });
    });
    const left = new AbortController();
    const answer = classify(IMAGE, left.signal);
    await start;
    left.abort(new Error('the client left'));
    await expect(answer).rejects.toThrow('the client left');
    await stop;
    await expect(classify(IMAGE, left.signal)).rejects.toThrow('the client left');
  });
});
