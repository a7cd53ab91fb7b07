/** Entry point: loads the net, listens, and finishes the accepted requests at SIGTERM or SIGINT. */
import { didYouMean, isInputError, isVggError, VggError } from '@vgg/core';
import { ENGINE_NAMES, type EngineName } from '@vgg/engine';
import { createApp } from './app';
import { startNetThread } from './net-thread';
import { helpText, readOptions } from './options';

/** Checks the name of an engine. */
function engineOf(name: string): EngineName | 'auto' {
  const names = ['auto', ...ENGINE_NAMES] as const;
  const engine = names.find((other) => other === name);
  if (engine !== undefined) return engine;
  throw new VggError('argument', `unknown engine "${name}"${didYouMean(name, names)}: expected ${names.join(', ')}`);
}

/** Starts the server and returns what ends it. */
async function start(words: readonly string[]): Promise<(() => Promise<void>) | undefined> {
  const options = readOptions(words);
  if (options === undefined) {
    console.log(helpText());
    return undefined;
  }
  const net = {
    weights: options.weights,
    engine: engineOf(options.engine),
    size: options.batch,
    wait: options.wait,
    maxPixels: options['max-pixels'],
  };
  const { classifier, engine } = await startNetThread(net, (error) => {
    fail(error);
    process.exit();
  });
  console.error(engine);
  const { queue, timeout, 'max-bytes': maxBytes, host, port } = options;
  const app = createApp(classifier, { queue, timeout, maxBytes });
  try {
    console.error(`listening on ${await app.listen({ host, port })}`);
  } catch (error) {
    await app.close();
    throw error;
  }
  return async () => app.close();
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  console.error(isVggError(error) ? message : `unexpected: ${message.replaceAll(/\s*\n\s*/g, ' ')}`);
  process.exitCode = isVggError(error) && isInputError(error) ? 2 : 1;
}

// Package managers run scripts in the package's folder, but the user's paths are relative to their own folder.
if (process.env.npm_lifecycle_event === 'start' && process.env.INIT_CWD !== undefined) {
  process.chdir(process.env.INIT_CWD);
}

try {
  const close = await start(process.argv.slice(2));
  if (close !== undefined) {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      // Only once: a second signal ends the process at once.
      process.once(signal, () => {
        console.error('finishing the accepted requests');
        close().then(() => process.exit(0), fail);
      });
    }
  }
} catch (error) {
  fail(error);
}
