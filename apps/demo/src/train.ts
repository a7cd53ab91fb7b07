/** The page that trains: start, stop, continue; curves, speed, and what the net says of images that it has not seen. */

import { drawChart } from './chart';
import { CLASSES, type DrawnImages, pixelsOf, SIDE } from './drawn-images';
import { type EngineChoice, engineChoice } from './engine-choice';
import { engineInUse, useEngine } from './engines';
import { NO_IMAGES, withImage } from './own-images';
import { drawRgb } from './pixels';
import { forgetRun, type History, type StoredRun, storedRun } from './stored-run';
import { type Answers, allImages, DESCRIPTION, FILTERS, STEPS, SUMMARY, train } from './training';

/** Number of training images shown. */
const SHOWN = 24;
/** Number of validation images shown, two of each class. */
const GUESSED = 2 * CLASSES.length;
/** Number of steps over which speed and curves are averaged. */
const WINDOW = 20;
const SMOOTHED = 10;

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const start = element<HTMLButtonElement>('start');
const again = element<HTMLButtonElement>('again');

const images = allImages();
let engines: EngineChoice;
let history: History = { losses: [], errors: [], validations: [] };
let ownImages: DrawnImages = NO_IMAGES;
/** Aborts the run that trains now. */
let running: AbortController | undefined;

function say(line: string, failed = false): void {
  const status = element('status');
  status.textContent = line;
  status.classList.toggle('failed', failed);
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

function show(rows: Readonly<Record<string, string>>): void {
  for (const [id, value] of Object.entries(rows)) element(id).textContent = value;
}

function canvasOf(pixels: ArrayLike<number>, label: string): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', label);
  drawRgb(canvas, pixels, { width: SIDE, height: SIDE, low: 0, high: 255 });
  return canvas;
}

/** Returns the mean of the last {@link SMOOTHED} values at each step. */
function smoothed(values: readonly number[]): [number, number][] {
  return values.map((_, i) => {
    const window = values.slice(Math.max(0, i + 1 - SMOOTHED), i + 1);
    return [i + 1, window.reduce((a, b) => a + b, 0) / window.length];
  });
}

function drawCurves(): void {
  const { losses, errors, validations } = history;
  const highest = losses.reduce((a, b) => Math.max(a, b), Math.log(CLASSES.length));
  drawChart(
    element('loss-chart'),
    [
      { name: 'each step', points: losses.map((loss, i) => [i + 1, loss] as const), colour: 'bar', width: 1 },
      { name: `mean of ${SMOOTHED} steps`, points: smoothed(losses), colour: 'accent', width: 2 },
    ],
    { title: 'Loss', steps: STEPS, top: Math.ceil(highest) },
  );
  drawChart(
    element('error-chart'),
    [
      { name: 'validation', points: validations, colour: 'bad', width: 0 },
      { name: `training, mean of ${SMOOTHED} steps`, points: smoothed(errors), colour: 'accent', width: 2 },
    ],
    { title: 'Top-1 error', steps: STEPS, top: 100, unit: ' %' },
  );
  show({
    step: `${losses.length} of ${STEPS}`,
    loss: losses.length === 0 ? '–' : smoothed(losses).at(-1)![1].toFixed(3),
    error: validations.length === 0 ? '–' : `${validations.at(-1)![1].toFixed(1)} %`,
  });
}

/** Returns the name of the most probable class of an image, if there are scores. */
function guessOf(scores: Float32Array | undefined, i: number): string | undefined {
  const own = scores?.subarray(i * CLASSES.length, (i + 1) * CLASSES.length);
  if (own === undefined || own.length === 0) return undefined;
  return CLASSES[own.indexOf(own.reduce((a, b) => Math.max(a, b)))];
}

function figureOf(canvas: HTMLCanvasElement, text: string, isWrong = false): HTMLElement {
  const figure = document.createElement('figure');
  const caption = document.createElement('figcaption');
  caption.textContent = text;
  figure.classList.toggle('wrong', isWrong);
  figure.append(canvas, caption);
  return figure;
}

/** Shows the most probable class of validation images. */
function showGuesses(scores?: Float32Array): void {
  const { validation } = images;
  element('guessed').replaceChildren(
    ...Array.from({ length: GUESSED }, (_, i) => {
      const truth = CLASSES[validation.labels[i]!]!;
      const guess = guessOf(scores, i);
      const isWrong = guess !== undefined && guess !== truth;
      return figureOf(
        canvasOf(pixelsOf(validation, i), truth),
        isWrong ? `${guess}, not ${truth}` : (guess ?? '?'),
        isWrong,
      );
    }),
  );
}

/** Shows the most probable class of the visitor's images. */
function showOwnImages(scores?: Float32Array): void {
  const figures = Array.from(ownImages.labels, (_, i) =>
    figureOf(canvasOf(pixelsOf(ownImages, i), 'your image'), guessOf(scores, i) ?? '?'),
  );
  element('own-images').replaceChildren(...figures);
}

/** Draws the first filters as colours: grey is 0, and the largest weight of all is bright or dark. */
function showFilters(filters?: Float32Array): void {
  element('filters').replaceChildren();
  if (filters === undefined) return;
  const largest = filters.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  element('filters').replaceChildren(
    ...Array.from({ length: FILTERS }, (_, i) => {
      const canvas = document.createElement('canvas');
      canvas.setAttribute('role', 'img');
      canvas.setAttribute('aria-label', `filter ${i + 1}`);
      const weights = filters.filter((_, at) => at % FILTERS === i);
      drawRgb(canvas, weights, { width: 3, height: 3, low: -largest, high: largest });
      return canvas;
    }),
  );
}

function showAnswers(answers?: Answers): void {
  showGuesses(answers?.validation);
  showOwnImages(answers?.ownImages);
  showFilters(answers?.filters);
}

/** Adds the visitor's images to those that the net names, and says of each file that is none. */
async function onOwnImages(files: Iterable<File>): Promise<void> {
  const lines: string[] = [];
  for (const file of files) {
    try {
      ownImages = await withImage(ownImages, file);
    } catch (error) {
      lines.push(messageOf(error));
    }
  }
  showOwnImages();
  const isComplete = running === undefined && history.losses.length >= STEPS;
  if (isComplete) lines.push('This run is complete: begin again, and the net names your images while it learns.');
  element('own-note').textContent = lines.join(' · ');
}

/** Starts the chosen engine, else WebAssembly. Returns why, or nothing. */
async function startEngine(): Promise<string> {
  try {
    await useEngine(engines.name);
    return '';
  } catch (error) {
    if (engines.name === 'wasm') throw error;
    await useEngine('wasm');
    engines.select('wasm');
    return `${messageOf(error)}. WebAssembly takes its place. `;
  }
}

/** Measures the images per second of the last steps. The first step of a start, which compiles the kernels, does not count. */
function speedometer(): (step: { samples: number; seconds: number }) => string {
  const steps: { samples: number; seconds: number }[] = [];
  let isFirst = true;
  return (step) => {
    if (isFirst) {
      isFirst = false;
      return 'after the second step';
    }
    steps.push(step);
    if (steps.length > WINDOW) steps.shift();
    const sum = (key: 'samples' | 'seconds') => steps.reduce((total, each) => total + each[key], 0);
    const speed = sum('samples') / sum('seconds');
    return `${speed < 100 ? speed.toPrecision(3) : speed.toFixed(0)} (last ${steps.length} steps)`;
  };
}

async function runOnce(signal: AbortSignal): Promise<string> {
  const stored = await storedRun();
  const run: Partial<StoredRun> = stored ?? {};
  history = run.history ?? { losses: [], errors: [], validations: [] };
  say('Starting the engine…');
  const note = await startEngine();
  const engine = await engineInUse();
  const speed = speedometer();
  show({ engine });
  say(`${note}The first step compiles the kernels of the engine…`);
  const { reason, step } = await train({
    images,
    run: { ...run, history },
    signal,
    ownImages: () => ownImages,
    onAnswers: showAnswers,
    onEvent(event) {
      if (event.type === 'step') {
        history.losses.push(event.metrics.loss);
        history.errors.push(event.metrics.top1);
        show({ speed: speed(event) });
        say(`${note}Training on ${engine}: step ${event.step} of ${STEPS}.`);
      }
      if (event.type === 'epoch') history.validations.push([event.step, event.validation!.top1]);
      if (event.type === 'step' || event.type === 'epoch') drawCurves();
    },
  });
  if (reason === 'interrupted') return `${note}Stopped after step ${step}: continue, also after closing this page.`;
  return `${note}Trained: ${history.validations.at(-1)![1].toFixed(1)} % of the validation images are classified wrong.`;
}

/** Shows which buttons can be used. */
function showButtons(): void {
  const { length } = history.losses;
  start.textContent = running !== undefined ? 'Stop' : length > 0 && length < STEPS ? 'Continue' : 'Start';
  start.disabled = running === undefined && length >= STEPS;
  again.disabled = running !== undefined || length === 0;
  engines.disable(running !== undefined);
}

async function onStart(): Promise<void> {
  if (running !== undefined) {
    running.abort();
    start.disabled = true;
    return;
  }
  running = new AbortController();
  showButtons();
  try {
    const line = await runOnce(running.signal);
    running = undefined;
    say(line);
  } catch (error) {
    running = undefined;
    say(messageOf(error), true);
  }
  showButtons();
}

async function onAgain(): Promise<void> {
  await forgetRun();
  history = { losses: [], errors: [], validations: [] };
  show({ speed: '–' });
  drawCurves();
  showAnswers();
  showButtons();
  say('Start the training.');
}

async function open(): Promise<void> {
  const { training } = images;
  const shown = Array.from({ length: SHOWN }, (_, i) => canvasOf(pixelsOf(training, i), CLASSES[training.labels[i]!]!));
  element('drawn').replaceChildren(...shown);
  show({
    net: DESCRIPTION.net,
    parameters: SUMMARY.parameters.toLocaleString('en'),
    count: DESCRIPTION.images,
    memory: `about ${(SUMMARY.memory.training / 2 ** 20).toFixed(0)} MiB`,
  });
  engines = await engineChoice(element('engines'), ['webgpu', 'wasm']);
  const stored = await storedRun();
  if (stored !== undefined) history = stored.history;
  drawCurves();
  showAnswers();
  showButtons();
  const { length } = history.losses;
  if (length === 0) say('Start the training.');
  else if (length < STEPS) say(`This run stopped after step ${length}: continue, or begin again.`);
  else say('This run is complete: begin again to train another.');
}

start.addEventListener('click', onStart);
element<HTMLInputElement>('file').addEventListener('change', ({ target }) => {
  void onOwnImages((target as HTMLInputElement).files ?? []);
});
again.addEventListener('click', () => onAgain().catch((error: unknown) => say(messageOf(error), true)));
open().catch((error: unknown) => say(messageOf(error), true));
