/** Puts what is known of a run into the one object that the page draws. */
import { basename } from 'node:path';
import { summarise } from '@vgg/models';
import type { EvaluationRecord } from '../evaluate/file';
import type { RunRecord } from '../run/folder';
import type { Activity, Facts, Headline, Progressing, ReportData, RunState, Section } from './data';
import { shortened } from './gather';
import { confusionMatrix } from './guesses';
import type { History } from './history';

/** The pictures, and why some are not there. */
export type Pictures = Pick<ReportData, 'mistakes' | 'heatMaps' | 'crops' | 'filters' | 'missing'>;

export interface Parts {
  readonly path: string;
  readonly record: RunRecord;
  readonly history: History;
  readonly state: RunState;
  readonly activity: Activity | null;
  readonly evaluation: EvaluationRecord;
  readonly pictures: Pictures;
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

/** `[256, 512]` as `256 to 512`. */
function scaleText(scale: number | readonly [number, number]): string {
  return typeof scale === 'number' ? String(scale) : `${scale[0]} to ${scale[1]}, drawn for each image`;
}

function netName({ configuration, batchNorm, width, inputSize }: RunRecord['net']): string {
  return [
    `net ${configuration}${batchNorm ? ' with batch norm' : ''}`,
    ...(width === 1 ? [] : [`width ${width}`]),
    `input ${inputSize}×${inputSize}`,
  ].join(', ');
}

/** A setting's value, for people. */
function shownValue(given: unknown): string {
  if (typeof given === 'boolean') return given ? 'yes' : 'no';
  if (Array.isArray(given)) return shortened(given.length === 0 ? 'none' : given.join(', '), 200);
  return shortened(typeof given === 'object' && given !== null ? JSON.stringify(given) : String(given), 200);
}

/** A span of time as one would say it: `90 s`, `15 min`, `2 h`. */
function timeText(seconds: number): string {
  if (seconds % 60 !== 0) return `${seconds} s`;
  return seconds % 3600 === 0 ? `${seconds / 3600} h` : `${seconds / 60} min`;
}

/** Of settings and facts of the environment that are numbers of something, what that is. */
const UNITS: Readonly<Record<string, string>> = {
  ...{
    memory: 'GiB',
    input: 'pixels',
    batch: 'images',
    microBatch: 'images',
    trainImages: 'images',
    maxSteps: 'steps',
  },
  ...{ epochs: 'epochs', validateEvery: 'epochs', warmUp: 'epochs', patience: 'validations', earlyStop: 'validations' },
};

/** `weightDecay` as `weight decay`. */
function spaced(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** `1 epoch`, `74 epochs`, `24 GiB`. */
function counted(number: number, unit: string): string {
  return `${grouped(number)} ${number === 1 ? unit.replace(/s$/, '') : unit}`;
}

/** A setting or a fact of the environment as a row of a table: its name, and its value with its unit. */
export function factRow([name, given]: readonly [string, unknown]): readonly [string, string] {
  if (name === 'budget' && typeof given === 'number') return [name, timeText(given)];
  const unit = typeof given === 'number' ? UNITS[name] : undefined;
  return [spaced(name), unit === undefined ? shownValue(given) : counted(given as number, unit)];
}

/** What the tables of the net and the data say already. */
const SAID = new Set(['config', 'batchNorm', 'width', 'input', 'head', 'dropout', 'data', 'valFraction', 'scale']);

/** Where a run or study was made, and when it began. */
export function environmentFacts(environment: RunRecord['environment'], created: string): Facts {
  const known = Object.entries(environment).filter(([, given]) => given !== undefined && given !== null);
  const rows = known.map(factRow);
  return { title: 'Environment', rows: [['begun', created.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')], ...rows] };
}

function facts({ recipe, net, classes, transform, images, environment, created }: RunRecord): Facts[] {
  const { parameters, multiplyAdds } = summarise(net, { batch: 1 });
  const rest = Object.entries(recipe).filter(([name, given]) => !SAID.has(name) && given !== undefined);
  return [
    {
      title: 'Net',
      rows: [
        ['configuration', `${net.configuration}${net.batchNorm ? ' with batch norm' : ''}`],
        ['width', shownValue(net.width)],
        ['input', `${net.inputSize}×${net.inputSize}`],
        ['head', net.head],
        ['dropout', shownValue(net.dropout)],
        ['parameters', grouped(parameters)],
        ['multiply-adds an image', grouped(multiplyAdds)],
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
    { title: 'Recipe', rows: rest.map(factRow) },
    environmentFacts(environment, created),
  ];
}

function headline({ record, history, state }: Pick<Parts, 'record' | 'history' | 'state'>): Headline {
  const { computing, waiting, validating, saving } = history.time;
  return {
    state,
    epoch: history.epoch,
    epochs: record.recipe.epochs,
    best: history.best,
    seconds: computing + waiting + validating + saving,
    imagesPerSecond: history.meanImagesPerSecond,
  };
}

/** The parts that change with every step. */
export function progressing(parts: Pick<Parts, 'record' | 'history' | 'state' | 'activity'>): Progressing {
  const { history, activity } = parts;
  return { headline: headline(parts), curves: history.curves, time: { ...history.time }, activity };
}

/** Why there are no results, where there are none. */
function missingOf({ evaluation, pictures, record, state }: Parts): ReportData['missing'] {
  const why: Partial<Record<Section, string>> = {};
  const under = state === 'training' || state === 'evaluating';
  if (evaluation.rows.length === 0) {
    why.results = under
      ? 'The net is evaluated when training has ended.'
      : 'The net has not been evaluated: “trainer report RUN” does it.';
  }
  if (evaluation.guesses === null) {
    const reason =
      record.images.validation === 0
        ? 'The run has no validation images.'
        : under
          ? 'Shown after the first epoch.'
          : 'The net has not been evaluated.';
    Object.assign(why, { confusion: reason, mistakes: reason });
  } else if (evaluation.guesses.mistakes.length === 0) {
    why.mistakes = `All ${evaluation.guesses.images} images were recognised.`;
  }
  if (pictures.heatMaps.length === 0 && under) why.heatMaps = 'Made when training has ended.';
  return { ...why, ...pictures.missing };
}

export function assemble(parts: Parts): ReportData {
  const { path, record, evaluation, pictures } = parts;
  const { images, classes } = record;
  const { guesses } = evaluation;
  return {
    kind: 'run',
    name: basename(path),
    summary: `${netName(record.net)} · ${grouped(images.train)} images of ${classes.length} classes, ${grouped(images.validation)} for validation`,
    made: new Date().toISOString(),
    classes: classes.length,
    k: evaluation.k,
    ...progressing(parts),
    results: evaluation.rows,
    confusion:
      guesses === null
        ? null
        : confusionMatrix(
            guesses,
            classes.map((name) => shortened(name)),
          ),
    ...pictures,
    facts: facts(record),
    missing: missingOf(parts),
  };
}
