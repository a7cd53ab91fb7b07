/**
 * Predictors in one safetensors file: the classifier, and the net unless its identity is enough. The metadata `vgg.predictor` is JSON;
 * the tensors are `classifier/weights`, `classifier/intercepts` and those of the net after `net/`.
 */
import type { Variable } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import type { RawImage } from '@vgg/data';
import { asFloat32, describeModel, fromFloat32, type LoadedNet, type TensorData } from '@vgg/weights';
import { loadModel, openSafetensors, type SafetensorsFile, writeSafetensors } from '@vgg/weights/node';
import type { DescribingNet } from '../describe';
import { checkPredictor, type NetIdentity, type PredictedClass, type Predictor, predictWith } from '../predictor';
import { netHash } from './net-hash';

const KEY = 'vgg.predictor';
/** Version of the description. Before version 2 the hash of the net did not contain its layers. */
const VERSION = 2;
const NET = 'net/';
const WEIGHTS = 'classifier/weights';
const INTERCEPTS = 'classifier/intercepts';

/** Net that a predictor file contains. */
export type SavedNet = Pick<LoadedNet, 'model' | 'classes' | 'preprocessing'>;

/**
 * Writes a predictor to one file, atomically.
 * @param net net to put into the file, so that it can be used anywhere. Without it `loadPredictor` needs the same net.
 * @throws VggError `VGG_ARGUMENT` for a net without preprocessing; `VGG_WEIGHTS` for a predictor that is not valid; `VGG_IO`.
 */
export async function savePredictor(path: string, predictor: Predictor, net?: SavedNet): Promise<void> {
  checkPredictor(predictor, 'the predictor');
  const { classes, classifier, sharpness, rule, net: identity } = predictor;
  const { kind, width, weights, intercepts } = classifier;
  const tensors = new Map<string, TensorData | Variable>();
  tensors.set(WEIGHTS, fromFloat32([classes.length, width], Float32Array.from(weights)));
  tensors.set(INTERCEPTS, fromFloat32([classes.length], Float32Array.from(intercepts)));
  const metadata: Record<string, string> = {
    [KEY]: JSON.stringify({ version: VERSION, kind, classes, sharpness, rule, net: identity }),
  };
  if (net === undefined) return writeSafetensors(path, tensors, metadata);
  const { model, preprocessing, classes: names } = net;
  if (preprocessing === undefined) throw new VggError('argument', 'expected a net with its preprocessing');
  Object.assign(metadata, describeModel(model.options, { classes: names, preprocessing }));
  for (const [name, variable] of model.variables) tensors.set(`${NET}${name}`, variable);
  await writeSafetensors(path, tensors, metadata);
}

/** Options of {@link loadPredictor}. */
export interface LoadPredictorOptions {
  /**
   * Net of the predictor, if the file does not contain it: loaded when it is needed. The caller of `loadPredictor` disposes what
   * `loadPredictor` returns, and so this net.
   */
  readonly net?: ((identity: NetIdentity) => Promise<DescribingNet>) | undefined;
}

/** Predictor with its net. */
export interface LoadedPredictor extends Predictor {
  /** Net that describes images. */
  readonly describing: DescribingNet;
  /** Returns the most likely classes of an image, most likely first. Default five. */
  predict(image: RawImage, top?: number): Promise<PredictedClass[]>;
  /** Disposes the net. */
  dispose(): void;
}

/** Reads what the metadata and the tensors of a classifier say. */
async function readPredictor(file: SafetensorsFile): Promise<Predictor> {
  const text = file.metadata[KEY];
  if (text === undefined) {
    throw new VggError('weights', `${file.path} is not a predictor: expected a file that transfer --out wrote`);
  }
  let description: Omit<Predictor, 'classifier'> & { version: number; kind: 'svm' | 'logistic' };
  try {
    description = JSON.parse(text);
  } catch (cause) {
    throw new VggError('weights', `${file.path} is not a valid predictor: its description is not JSON`, { cause });
  }
  const { version, kind, classes, sharpness, rule, net } = description ?? {};
  if (version !== VERSION) {
    throw new VggError(
      'weights',
      `${file.path} is a predictor of version ${version}, expected ${VERSION}: write it again by transfer --out`,
    );
  }
  const weights = Float64Array.from(asFloat32(await file.read(WEIGHTS)));
  const intercepts = Float64Array.from(asFloat32(await file.read(INTERCEPTS)));
  const width = file.tensors.get(WEIGHTS)!.shape[1] ?? 0;
  const classifier = { kind, classes: intercepts.length, width, weights, intercepts };
  const predictor = { classes, classifier, sharpness, rule, net };
  checkPredictor(predictor, file.path);
  return predictor;
}

/** Loads the net of a predictor and checks its identity. */
async function netOf(
  file: SafetensorsFile,
  { net: identity }: Predictor,
  load: LoadPredictorOptions['net'],
): Promise<DescribingNet> {
  const contains = [...file.tensors.keys()].some((name) => name.startsWith(NET));
  if (!contains && load === undefined) {
    throw new VggError(
      'argument',
      `${file.path} does not contain its net ${identity.name} (SHA-256 ${identity.sha256.slice(0, 12)}…): pass it as net`,
    );
  }
  const net = contains ? await loadModel(file.path, { prefix: NET }) : await load!(identity);
  const hash = await netHash(net.model);
  if (hash === identity.sha256) return net;
  net.model.dispose();
  throw new VggError(
    'weights',
    `${file.path} was fitted on the net ${identity.name} (SHA-256 ${identity.sha256.slice(0, 12)}…), got another one (${hash.slice(0, 12)}…)`,
  );
}

/** Returns true for a file that {@link savePredictor} wrote, as far as its metadata shows; false if it cannot be read. */
export async function isPredictorFile(path: string): Promise<boolean> {
  const file = await openSafetensors(path).catch(() => undefined);
  await file?.close();
  return file?.metadata[KEY] !== undefined;
}

/**
 * Loads a predictor. The caller disposes it.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, when it is not a valid predictor or the net is another one;
 *   `VGG_ARGUMENT` when it needs its net; `VGG_IO` when the system refuses.
 */
export async function loadPredictor(path: string, { net: load }: LoadPredictorOptions = {}): Promise<LoadedPredictor> {
  const file = await openSafetensors(path);
  try {
    const predictor = await readPredictor(file);
    const describing = await netOf(file, predictor, load);
    return {
      ...predictor,
      describing,
      predict: (image, top) => predictWith(predictor, describing, image, top),
      dispose: () => describing.model.dispose(),
    };
  } finally {
    await file.close();
  }
}
