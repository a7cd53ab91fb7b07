/** Describes a run for its report, from its own record. */

import { basename } from 'node:path';
import { summarise } from '@vgg/models';
import type { Facts, RunDescription } from '@vgg/report';
import { architectureText, inputText } from '../nets/net-text';
import type { RunRecord } from '../run/folder';

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

/** Returns `[256, 512]` as `256 to 512`. */
function scaleText(scale: number | readonly [number, number]): string {
  return typeof scale === 'number' ? String(scale) : `${scale[0]} to ${scale[1]}, random for each image`;
}

function netName(net: RunRecord['net']): string {
  const part = net.width === 1 ? '' : `, width ${net.width}`;
  return `net ${architectureText(net)}${part}, input ${inputText(net)}`;
}

/** Longest value of a setting that is shown. */
const LONGEST = 200;

/** Returns the value of a setting as text. */
function valueText(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  let text = typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
  if (Array.isArray(value)) text = value.length === 0 ? 'none' : value.join(', ');
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`;
}

/** Returns a time as `90 s`, `15 min` or `2 h`. */
function timeText(seconds: number): string {
  if (seconds % 60 !== 0) return `${seconds} s`;
  return seconds % 3600 === 0 ? `${seconds / 3600} h` : `${seconds / 60} min`;
}

/** Units of settings and of facts of the environment. */
const UNITS: Readonly<Record<string, string>> = {
  memory: 'GiB',
  input: 'pixels',
  batch: 'images',
  microBatch: 'images',
  trainImages: 'images',
  maxSteps: 'steps',
  validateEvery: 'epochs',
  warmUp: 'epochs',
  patience: 'validations',
  earlyStop: 'validations',
};

/** Returns `weightDecay` as `weight decay`. */
function spaced(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** Returns `1 epoch`, `74 epochs`, `24 GiB`. */
function counted(number: number, unit: string): string {
  return `${grouped(number)} ${number === 1 ? unit.replace(/s$/, '') : unit}`;
}

/** Returns a setting or a fact of the environment as a row of a table: its name, and its value with its unit. */
export function factRow([name, value]: readonly [string, unknown]): readonly [string, string] {
  if (typeof value !== 'number') return [spaced(name), valueText(value)];
  if (name === 'budget') return [name, timeText(value)];
  const unit = UNITS[name];
  return [spaced(name), unit === undefined ? valueText(value) : counted(value, unit)];
}

/** Returns the environment and the start of a run or a study. */
export function environmentFacts(environment: RunRecord['environment'], created: string): Facts {
  const known = Object.entries(environment).filter(([, value]) => value !== undefined && value !== null);
  const start = created.replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
  return { title: 'Environment', rows: [['started', start], ...known.map(factRow)] };
}

/** Settings of every run; others are shown where they differ from the value that has no effect. */
const ALWAYS = [
  'batch',
  'epochs',
  'rate',
  'schedule',
  'optimiser',
  'momentum',
  'weightDecay',
  'flip',
  'colourShift',
  'seed',
  'init',
  'out',
];

/** Returns true for the value of a setting that is off: nothing, 0 or an empty list. */
function isOff(value: unknown): boolean {
  return value === undefined || value === 0 || value === false || (Array.isArray(value) && value.length === 0);
}

/** Returns true unless a setting is of another schedule than the recipe's. */
function hasEffect(name: string, { schedule }: RunRecord['recipe']): boolean {
  return name !== 'patience' || schedule === 'plateau';
}

/** Returns the settings that have an effect: first those of every run, in a fixed order, then the others. */
function effectiveSettings(recipe: RunRecord['recipe']): [string, unknown][] {
  const known = new Map<string, unknown>(Object.entries(recipe));
  const first = ALWAYS.filter((name) => known.get(name) !== undefined);
  const rest = [...known.keys()].filter(
    (name) => !first.includes(name) && !SHOWN.has(name) && !isOff(known.get(name)) && hasEffect(name, recipe),
  );
  return [...first, ...rest].map((name) => [name, known.get(name)]);
}

/** Settings that the tables of the net and of the images show. */
const SHOWN = new Set(['config', 'batchNorm', 'width', 'input', 'head', 'dropout', 'data', 'valFraction', 'scale']);

function facts({ recipe, net, classes, transform, images, environment, created }: RunRecord): Facts[] {
  const { parameters, multiplyAdds } = summarise(net, { batch: 1 });
  return [
    {
      title: 'Net',
      rows: [
        ['configuration', architectureText(net)],
        ['width', valueText(net.width)],
        ['input', inputText(net)],
        ['head', net.head],
        ['dropout', valueText(net.dropout)],
        ['parameters', grouped(parameters)],
        ['multiply-adds per image', grouped(multiplyAdds)],
      ],
    },
    {
      title: 'Images',
      rows: [
        ['folder', recipe.data],
        ['classes', grouped(classes.length)],
        ['training', grouped(images.train)],
        ['validation', grouped(images.validation)],
        ['smallest side S', scaleText(transform.scale)],
        ['mean RGB', transform.mean.map((mean) => mean.toFixed(2)).join(', ')],
      ],
    },
    { title: 'Recipe', rows: effectiveSettings(recipe).map(factRow) },
    environmentFacts(environment, created),
  ];
}

/** Describes the run in a folder for its report. */
export function describeRun(path: string, record: RunRecord): RunDescription {
  const { recipe, net, images, classes, transform } = record;
  return {
    name: basename(path),
    summary: `${netName(net)} · ${grouped(images.train)} images of ${classes.length} classes, ${grouped(images.validation)} for validation`,
    classes,
    epochs: recipe.epochs,
    batchesPerEpoch: Math.max(1, Math.floor(images.train / recipe.batch)),
    validationImages: images.validation,
    data: recipe.data,
    transform,
    seed: recipe.seed,
    evaluateCommand: 'trainer report RUN',
    facts: facts(record),
  };
}
