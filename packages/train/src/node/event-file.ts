/**
 * Scalars of a run for TensorBoard: one event file per session of the run. The fields are those of tensorflow's
 * event.proto and summary.proto.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { fileError } from '@vgg/core/node';
import type { TrainingState } from '../checkpoint';
import type { TrainEvent } from '../events';
import { cutLog, LogFile } from './log-file';
import { frameRecord, wholeRecords } from './tfrecord';

const NAME = /^events\.out\.tfevents\.(\d{10})\.vgg$/;

/** Field numbers of event.proto. */
const WALL_TIME = 1;
const STEP = 2;
const FILE_VERSION = 3;
const SUMMARY = 5;
const SESSION_LOG = 7;
const START = 1;

/** Beginning of the tags that are written once per epoch. */
const EPOCH = 'epoch/';

type Known = Pick<TrainingState, 'step' | 'batch'>;

function field(writer: BinaryWriter, number: number, type: WireType): BinaryWriter {
  return writer.tag(number, type);
}

function eventOf(seconds: number, step: number): BinaryWriter {
  const writer = field(new BinaryWriter(), WALL_TIME, WireType.Bit64).double(seconds);
  return field(writer, STEP, WireType.Varint).int64(step);
}

function scalarsOf(step: number, scalars: Readonly<Record<string, number>>, seconds: number): Uint8Array {
  const writer = field(eventOf(seconds, step), SUMMARY, WireType.LengthDelimited).fork();
  for (const [tag, value] of Object.entries(scalars)) {
    field(writer, 1, WireType.LengthDelimited).fork();
    field(writer, 1, WireType.LengthDelimited).string(tag);
    field(writer, 2, WireType.Bit32).float(value).join();
  }
  return writer.join().finish();
}

/** Reads the step of an event, and whether it is one of an epoch. */
function readEvent(data: Uint8Array): { step: number; ofEpoch: boolean } {
  const reader = new BinaryReader(data);
  let step = 0;
  let ofEpoch = false;
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === STEP) step = Number(reader.int64());
    // Only the tag of a summary's first value is read: it follows the field and length of the value and of the tag.
    else if (number === SUMMARY)
      ofEpoch = new TextDecoder().decode(reader.bytes().subarray(4, 4 + EPOCH.length)) === EPOCH;
    else reader.skip(type, number);
  }
  return { step, ofEpoch };
}

/** Returns the scalars of an event by tag, or undefined for an event that is not plotted. */
function scalarsIn(event: TrainEvent): Readonly<Record<string, number>> | undefined {
  if (event.type === 'step') {
    const { metrics, rate, gradientNorm, imagesPerSecond } = event;
    return {
      'step/loss': metrics.loss,
      'step/top1': metrics.top1,
      'step/top5': metrics.top5,
      'step/rate': rate,
      'step/gradient-norm': gradientNorm,
      'step/images-per-second': imagesPerSecond,
    };
  }
  if (event.type !== 'epoch') return undefined;
  const { training, validation, seconds } = event;
  const of = (part: string, { loss, top1, top5 }: typeof training) => ({
    [`${EPOCH}${part}-loss`]: loss,
    [`${EPOCH}${part}-top1`]: top1,
    [`${EPOCH}${part}-top5`]: top5,
  });
  return { ...of('training', training), ...(validation && of('validation', validation)), [`${EPOCH}seconds`]: seconds };
}

/** Returns the length of the whole records before the state: where the file of an earlier session must end. */
function knownLength(file: Uint8Array, { step, batch }: Known): number {
  let length = 0;
  for (const { data, end } of wholeRecords(file)) {
    const event = readEvent(data);
    // At the checkpoint's own step, the event of the epoch is known only if the checkpoint is from after the epoch's
    // end.
    if (event.step > step || (event.step === step && event.ofEpoch && batch > 0)) return length;
    length = end;
  }
  return length;
}

function fileName(number: number | string): string {
  return `events.out.tfevents.${String(number).padStart(10, '0')}.vgg`;
}

/** Cuts the files of earlier sessions back to what the state knows, and returns the largest number among them. */
function cutEarlierFiles(folder: string, known: Known): number {
  let path = folder;
  try {
    const numbers = readdirSync(folder).flatMap((name) => NAME.exec(name)?.[1] ?? []);
    for (const number of numbers) {
      path = join(folder, fileName(number));
      cutLog(path, (content) => knownLength(content, known));
    }
    return numbers.reduce((largest, number) => Math.max(largest, Number(number)), 0);
  } catch (cause) {
    throw fileError('write', path, cause);
  }
}

export class EventFile {
  readonly path: string;
  readonly #log: LogFile;
  readonly #now: () => number;

  /**
   * Opens a new file in the run's folder. Older files are first cut back to what the checkpoint knows, so that each
   * step is in one file only. The new file makes a TensorBoard that has already read further forget the rest.
   *
   * @param resumed state at which the run continues; `undefined` for a run without a checkpoint.
   * @param now clock in milliseconds. Default `Date.now`.
   * @throws VggError `VGG_IO` when the system refuses.
   */
  constructor(folder: string, resumed?: Known, now: () => number = Date.now) {
    this.#now = now;
    const known = resumed ?? { step: 0, batch: 1 };
    const earlier = cutEarlierFiles(folder, known);
    this.path = join(folder, fileName(earlier + 1));
    this.#log = new LogFile(this.path, 'create');
    this.#append(
      field(eventOf(this.#seconds(), 0), FILE_VERSION, WireType.LengthDelimited).string('brain.Event:2').finish(),
    );
    if (earlier > 0) this.#append(this.#restart(known.step + 1));
  }

  /** Appends the scalars of the event, if it is one that is plotted. */
  append(event: TrainEvent): void {
    const scalars = scalarsIn(event);
    if (scalars !== undefined && 'step' in event) this.#append(scalarsOf(event.step, scalars, this.#seconds()));
  }

  /** Waits until everything is on the disk. */
  sync(): void {
    this.#log.sync();
  }

  close(): void {
    this.#log.close();
  }

  #seconds(): number {
    return this.#now() / 1000;
  }

  /** Returns the event that makes a TensorBoard forget all scalars from this step on. */
  #restart(step: number): Uint8Array {
    const writer = field(eventOf(this.#seconds(), step), SESSION_LOG, WireType.LengthDelimited).fork();
    return field(writer, 1, WireType.Varint).int32(START).join().finish();
  }

  #append(data: Uint8Array): void {
    this.#log.append(frameRecord(data));
  }
}
