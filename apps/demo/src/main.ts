/** The page: estimate, load, classify, show. One task runs at a time; the line at the bottom shows which. */
import { dispose, type Tensor4D, tile } from '@tensorflow/tfjs-core';
import { loadImage, type RawImage } from '@vgg/data';
import { classify, drawClassMap, type Guess, gradCam, netInput } from '@vgg/eval';
import type { TapName } from '@vgg/models';
import type { LoadedNet } from '@vgg/weights';
import { type EngineChoice, engineChoice } from './engine-choice';
import { ENGINES, type EngineName, useEngine } from './engines';
import { download, estimate, netOf } from './model';
import { drawMap, drawRgb } from './pixels';

const FILE = 'model/model.safetensors';
/** Largest number of channels shown of a layer: the most active ones. */
const MAXIMUM_MAPS = 32;
/** Largest number of class names shown. */
const MAXIMUM_NAMES = 12;
/** Layer whose feature maps are shown first. */
const FIRST_LAYER = 'relu2_1';

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const load = element<HTMLButtonElement>('load');
const layers = element<HTMLSelectElement>('layer');
const view = element<HTMLSelectElement>('view');

let engines: EngineChoice;
let bytes: Uint8Array | undefined;
let net: LoadedNet | undefined;
let image: RawImage | undefined;
let guesses: readonly Guess[] = [];
let queue: Promise<void> = Promise.resolve();

function say(line: string, failed = false): void {
  const status = element('status');
  status.textContent = line;
  status.classList.toggle('failed', failed);
}

/** Runs a task after all earlier ones. A failure becomes one line of the status. */
function run(task: () => Promise<string>): void {
  queue = queue.then(async () => {
    try {
      say(await task());
    } catch (error) {
      say(error instanceof Error ? error.message : String(error), true);
    }
  });
}

const megabytes = (count: number) => `${(count / 2 ** 20).toFixed(1)} MiB`;

async function showEstimate(): Promise<string> {
  const { bytes: size, dtype, configuration, classes, summary } = await estimate(FILE);
  const { weights, inferenceActivations, inference } = summary.memory;
  const rows = {
    Net: configuration,
    Parameters: summary.parameters.toLocaleString('en'),
    Download: `${megabytes(size)} (${dtype})`,
    'Weights in memory': megabytes(weights),
    'For one image': megabytes(inferenceActivations),
    'Total memory': `about ${megabytes(inference)}`,
  };
  const list = element('estimate');
  list.replaceChildren(
    ...Object.entries(rows).flatMap(([name, value]) => {
      const term = document.createElement('dt');
      const description = document.createElement('dd');
      term.textContent = name;
      description.textContent = value;
      return [term, description];
    }),
  );
  if (classes.length > 0) {
    const shown = classes.length > MAXIMUM_NAMES ? [...classes.slice(0, MAXIMUM_NAMES), '…'] : classes;
    const { kind } = await examples();
    const from = kind === undefined ? '' : ` It was trained on ${kind}.`;
    element('knows').textContent =
      `This net knows ${classes.length} classes only: ${shown.join(', ')}.${from} It puts any other image into one of them, too.`;
  }
  list.setAttribute('aria-busy', 'false');
  load.disabled = false;
  const device = (navigator as { deviceMemory?: number }).deviceMemory;
  const isLarge = device !== undefined && inference > (device * 2 ** 30) / 4;
  return isLarge
    ? 'This net takes much of the memory here: close other pages before loading it.'
    : `Choose an image: this also loads the net (${megabytes(size)}).`;
}

async function showEngines(): Promise<void> {
  const names = ENGINES.map(({ name }) => name);
  engines = await engineChoice(element('engines'), names, (name) => net && run(() => loadOn(name)));
}

/** Loads the net on an engine. The file is fetched once, the net is built again for each engine. */
async function loadOn(name: EngineName): Promise<string> {
  const progress = element<HTMLProgressElement>('progress');
  load.disabled = true;
  say('Loading the net…');
  try {
    if (bytes === undefined) {
      progress.hidden = false;
      bytes = await download(FILE, (share) => {
        progress.value = share;
      });
      progress.hidden = true;
    }
    net?.model.dispose();
    net = undefined;
    await useEngine(name);
    net = await netOf(bytes, FILE);
    load.textContent = 'Loaded';
  } catch (error) {
    load.disabled = false;
    throw error;
  }
  const convolutions = [...net.model.variables.keys()].filter((name) => /^conv.*weight$/.test(name));
  const maps = convolutions.map((name) => name.replace(/^conv(.*)\.weight$/, 'relu$1'));
  const previous = layers.value || FIRST_LAYER;
  layers.replaceChildren(...maps.map((name) => new Option(name, name, false, name === previous)));
  layers.disabled = false;
  view.disabled = false;
  return await showResult();
}

/** Classifies the image and shows the maps of the chosen layer, in one pass each. */
async function showResult(): Promise<string> {
  if (net === undefined) return image === undefined ? 'Choose an image.' : await loadOn(engines.name);
  if (image === undefined) return 'Loaded. Choose an image.';
  const started = performance.now();
  guesses = await classify(net, image);
  const time = performance.now() - started;
  element('guesses').replaceChildren(
    ...guesses.map(({ name, probability }) => {
      const line = document.createElement('li');
      const share = document.createElement('span');
      line.style.setProperty('--share', `${100 * probability}%`);
      line.dataset.probability = String(probability);
      line.dataset.name = name;
      share.textContent = `${(100 * probability).toFixed(1)} %`;
      line.append(name, share);
      return line;
    }),
  );
  await showMaps();
  const label = ENGINES.find(({ name }) => name === engines.name)!.label;
  return `${guesses[0]!.name}, ${(100 * guesses[0]!.probability).toFixed(0)} %: ${time.toFixed(0)} ms on ${label}.`;
}

/** Shows the net's input, and its feature maps or the places that it looks at. */
async function showMaps(): Promise<string> {
  if (net === undefined || image === undefined) return 'Choose an image.';
  const layer = layers.value as TapName;
  const input = netInput(net, image);
  try {
    const pixels = (await input.data()) as Float32Array;
    const side = input.shape[1];
    const low = pixels.reduce((a, b) => Math.min(a, b));
    const high = pixels.reduce((a, b) => Math.max(a, b));
    drawRgb(element('seen'), pixels, { width: side, height: side, low, high });
    if (view.value === 'features') return await showFeatures(net, input, layer);
    const data = Uint8Array.from(pixels, (value) => Math.round((255 * (value - low)) / (high - low)));
    return await showPlaces(net, input, { layer, seen: { data, width: side, height: side } });
  } finally {
    input.dispose();
  }
}

/** Shows Grad-CAM of the most probable classes over the net's input. */
async function showPlaces(
  { model }: LoadedNet,
  input: Tensor4D,
  { layer, seen }: { layer: TapName; seen: RawImage },
): Promise<string> {
  const images = tile(input, [guesses.length, 1, 1, 1]);
  const classIndex = guesses.map(({ index }) => index);
  const maps = await gradCam(model, images, { classIndex, tap: layer }).finally(() => images.dispose());
  element('maps').dataset.high = String(maps[0]!.high);
  element('maps').replaceChildren(
    ...maps.map((map, i) => {
      const figure = document.createElement('figure');
      const caption = document.createElement('figcaption');
      const canvas = document.createElement('canvas');
      const { name } = guesses[i]!;
      canvas.setAttribute('role', 'img');
      canvas.setAttribute('aria-label', `${layer}, places that speak for ${name}`);
      drawRgb(canvas, drawClassMap(seen, map).data, { ...seen, low: 0, high: 255 });
      caption.textContent = `${name}, 0 to ${map.high.toPrecision(2)}`;
      figure.append(canvas, caption);
      return figure;
    }),
  );
  element('maps-note').textContent =
    `Shown are the places that speak for each class, by Grad-CAM at ${layer} (${maps[0]!.width} × ${maps[0]!.height}): dark for none, yellow for the most.`;
  return `Where the net looks, at ${layer}.`;
}

/** Shows the most active channels of a layer. */
async function showFeatures({ model }: LoadedNet, input: Tensor4D, layer: TapName): Promise<string> {
  const features = model.features(input, [layer])[layer];
  const [, height, width, channels] = features.shape as [number, number, number, number];
  const values = (await features.data()) as Float32Array;
  dispose(features);

  const strength = new Float64Array(channels);
  values.forEach((value, i) => {
    strength[i % channels]! += Math.max(0, value);
  });
  const order = [...strength.keys()].sort((a, b) => strength[b]! - strength[a]!).slice(0, MAXIMUM_MAPS);
  const maximum = values.reduce((a, b) => Math.max(a, b), 0);
  element('maps').dataset.mean = String(values.reduce((a, b) => a + b, 0) / values.length);
  element('maps').replaceChildren(
    ...order.map((channel) => {
      const canvas = document.createElement('canvas');
      canvas.setAttribute('role', 'img');
      canvas.setAttribute('aria-label', `${layer}, channel ${channel}`);
      canvas.title = `${layer}, channel ${channel}`;
      drawMap(canvas, values, { width, height, channels, channel, maximum });
      return canvas;
    }),
  );
  const shown = order.length < channels ? `the ${order.length} most active of ${channels}` : `all ${channels}`;
  element('maps-note').textContent =
    `Shown are ${shown} channels of ${width} × ${height}, dark for 0 and yellow for the maximum.`;
  return `${layer} shown.`;
}

/** Reads an image and shows its result. `pressed` is the button of an example. */
function choose(read: () => Promise<Blob>, pressed?: HTMLButtonElement): void {
  for (const button of element('images').querySelectorAll('button')) {
    button.setAttribute('aria-pressed', String(button === pressed));
  }
  say('Reading the image…');
  run(async () => {
    image = await loadImage(await read());
    return await showResult();
  });
}

/** Example images of the net, and the kind of images that it was trained on. */
interface Examples {
  readonly names: readonly string[];
  readonly kind?: string | undefined;
}

async function examples(): Promise<Examples> {
  return (await fetch('model/images.json')).json();
}

async function showExamples(): Promise<void> {
  const { names } = await examples();
  for (const name of names) {
    const button = document.createElement('button');
    const example = Object.assign(new Image(), { src: `model/${name}`, alt: name.replace(/\.\w+$/, '') });
    button.type = 'button';
    button.setAttribute('aria-pressed', 'false');
    button.append(example);
    button.addEventListener('click', () => choose(async () => (await fetch(example.src)).blob(), button));
    element('images').append(button);
  }
}

load.addEventListener('click', () => run(() => loadOn(engines.name)));
layers.addEventListener('change', () => run(showMaps));
view.addEventListener('change', () => {
  // The last layer shows whole objects, an early one their lines and colours.
  layers.value = view.value === 'features' ? FIRST_LAYER : layers.options[layers.length - 1]!.value;
  run(showMaps);
});
element<HTMLInputElement>('file').addEventListener('change', ({ target }) => {
  const [file] = (target as HTMLInputElement).files ?? [];
  if (file !== undefined) choose(async () => file);
});
const drop = element('drop');
for (const type of ['dragover', 'dragleave', 'drop']) {
  drop.addEventListener(type, (event) => {
    event.preventDefault();
    drop.classList.toggle('over', type === 'dragover');
    const [file] = type === 'drop' ? ((event as DragEvent).dataTransfer?.files ?? []) : [];
    if (file !== undefined) choose(async () => file);
  });
}

run(async () => {
  await Promise.all([showEngines(), showExamples()]);
  return await showEstimate();
});
