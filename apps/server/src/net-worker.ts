/** Thread of the net: starts the engine, loads the net, and classifies the images that arrive. */
import { parentPort, workerData } from 'node:worker_threads';
import { describeEngine, startEngine } from '@vgg/engine';
import { foldBatchNorm } from '@vgg/models';
import { type LoadedNet, loadKnown, loadNet } from '@vgg/vgg/node';
import { knownName } from '@vgg/weights';
import { createClassifier } from './classifier';
import type { NetOptions, NetReport } from './net-thread';
import { sentError, serveClassifier } from './remote';

/** Loads a published net by its name, or the net of a file. Batch norm is folded: it would be a pass over every feature map. */
async function load(weights: string): Promise<LoadedNet> {
  const name = knownName(weights);
  const net = await (name === undefined ? loadNet(weights) : loadKnown(name));
  if (!net.model.options.batchNorm) return net;
  const model = foldBatchNorm(net.model);
  net.model.dispose();
  return { ...net, model };
}

const port = parentPort!;
const report = (message: NetReport) => port.postMessage(message);
try {
  const { weights, engine, ...options } = workerData as NetOptions;
  const description = describeEngine(await startEngine(engine));
  const classifier = await createClassifier(await load(weights), options);
  serveClassifier(port, classifier);
  report({ engine: description });
} catch (error) {
  report({ failure: sentError(error) });
}
