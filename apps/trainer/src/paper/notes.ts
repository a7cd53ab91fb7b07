/** Notes on the tables of a study: its settings, its accuracy, and the parts that were left out. */
import { formatDuration } from '@vgg/core';
import { deepest, isLater } from './plan';
import { isTrained } from './run';
import type { Study } from './study';

/** Returns one standard error, in %, of an error of `percent` that was measured on a number of images. */
function standardError(percent: number, images: number): string {
  const p = percent / 100;
  return (100 * Math.sqrt((p * (1 - p)) / images)).toFixed(1);
}

function settingsNote({ settings, classes, images, plan }: Study): string {
  const used = plan.trainImages < images.train ? `${plan.trainImages} of ${images.train}` : `${images.train}`;
  return (
    `${classes} classes, ${used} images for training, ${images.validation} for validation; input ${settings.input}, width ` +
    `${settings.width}${settings.batchNorm ? ', with batch normalisation (the paper has none)' : ''}. S and Q are those of the ` +
    `paper times ${settings.input}/224.`
  );
}

function chainNote(study: Study): string {
  const started = study.nets.filter((net) => isTrained(study, net) && net.from !== undefined);
  const from = (key: 'preInit' | 'weights') => started.filter((net) => net.from!.key === key).map(({ name }) => name);
  const preInit = from('preInit');
  const later = from('weights');
  const parts: string[] = [];
  const start = (nets: readonly string[]) => `${nets.join(', ')} ${nets.length === 1 ? 'starts' : 'start'}`;
  if (preInit.length > 0) parts.push(`${start(preInit)} from A's first four convolutions and head`);
  if (later.length > 0) parts.push(`${start(later)} from the scale before, at a tenth of the rate`);
  return parts.length === 0 ? 'Every net starts from random weights.' : `As in section 3.1, ${parts.join('; ')}.`;
}

function accuracyNote({ dense, plan }: Study): string[] {
  const errors = Object.values(dense).flatMap((rows) => rows.map(({ top1Error }) => top1Error ?? 0));
  if (errors.length === 0) return [];
  const middle = errors.sort((a, b) => a - b)[Math.floor(errors.length / 2)]!;
  return [
    `Tables 3 and 4 are measured on ${plan.denseImages} validation images: one standard error of a top-1 error of ` +
      `${middle.toFixed(0)} % is ${standardError(middle, plan.denseImages)}. The weights are those of the best epoch on the ` +
      'validation images, as in the paper.',
  ];
}

/** Epochs of the paper. */
const PAPER_EPOCHS = 74;

/** Lists what the paper did and this study did not. */
function omissions(study: Study): string[] {
  const { nets, plan, images, trained, settings } = study;
  const without = nets.filter((net) => trained[net.name] !== undefined && !isTrained(study, net));
  const short = nets.filter((net) => isTrained(study, net) && trained[net.name]!.epochs < plan.epochs[net.name]!);
  const tested = deepest(nets.filter((net) => isTrained(study, net))).map(({ name }) => name);
  const first = nets.filter((net) => !isLater(net)).map(({ name }) => trained[name]?.epochs ?? 0);
  const most = first.reduce((largest, epochs) => Math.max(largest, epochs), 0);
  const others = nets.filter((net) => isTrained(study, net)).length > tested.length;
  return [
    ...(most < PAPER_EPOCHS
      ? [
          `Left out: the paper's ${PAPER_EPOCHS} epochs, here ${most} at the first scale${first.length < nets.length ? ', half of that at later scales' : ''}.`,
        ]
      : []),
    ...(plan.trainImages < images.train
      ? [
          `Left out: ${images.train - plan.trainImages} training images, so that every net sees the others often enough.`,
        ]
      : []),
    ...(plan.denseImages < images.validation
      ? [`Left out: ${images.validation - plan.denseImages} validation images in Tables 3 and 4.`]
      : []),
    ...(without.length > 0
      ? [`Left out because the time ran out: ${without.map(({ name }) => name).join(', ')}.`]
      : []),
    ...(short.length > 0
      ? [`Fewer epochs than planned, because training became slower: ${short.map(({ name }) => name).join(', ')}.`]
      : []),
    study.protocols?.length
      ? `Tables 5 and 6: ${tested.join(' and ')} on ${plan.cropImages} of ${images.validation} validation images.` +
        (others ? ' The other nets are not evaluated multi-crop, and nets of different test scales are not fused.' : '')
      : `Left out because the time ran out: Tables 5 and 6${settings.configs.length < 2 ? '' : ' (multi-crop and fusion)'}.`,
  ];
}

export function notesOn(study: Study): string[] {
  const { settings, spent, environment } = study;
  const machine = `${environment.processor}, ${environment.cores} cores, engine ${environment.engine}`;
  return [
    settingsNote(study),
    `${formatDuration(spent)} of a budget of ${formatDuration(settings.budget)}, on ${machine}.`,
    chainNote(study),
    ...accuracyNote(study),
    ...omissions(study),
    "ImageNet columns: the paper's errors in % on the 1000 classes of ILSVRC-2012 after 74 epochs. Compare the order of nets and scales, not the level.",
  ];
}
