/**
 * A run's scalars as TensorBoard reads them: one event file for each session of the run. The fields are those of
 * tensorflow's event.proto and summary.proto.
 */
import { closeSync, fdatasyncSync, openSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { fileError } from '@vgg/core/node';
import type { TrainingState } from '../checkpoint';
import type { TrainEvent } from '../events';
import { appendWhole } from './append';
import { frameRecord, wholeRecords } from './tfrecord';

const NAME = /^events\.out\.tfevents\.(\d{10})\.vgg$/;
/** Field numbers of event.proto. */
const [WALL_TIME, STEP, FILE_VERSION, SUMMARY, SESSION_LOG] = [1, 2, 3, 5, 7];
const START = 1;
/** Tags of what is told once an epoch. */
const EPOCH = 'epoch/';

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

/** The step of an event, and whether it tells of an epoch. */
function readEvent(data: Uint8Array): { step: number; ofEpoch: boolean } {
  const reader = new BinaryReader(data);
  let [step, ofEpoch] = [0, false];
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === STEP) step = Number(reader.int64());
    // Of a summary only the first value's tag: its field, its length, the tag's field and length, the tag.
    else if (number === SUMMARY)
      ofEpoch = new TextDecoder().decode(reader.bytes().subarray(4, 4 + EPOCH.length)) === EPOCH;
    else reader.skip(type, number);
  }
  return { step, ofEpoch };
}

/** The scalars of an event, by tag; none for an event that is not plotted. */
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

/** Where an event file must end so that it tells nothing that the checkpoint does not know, and nothing half. */
function knownLength(file: Uint8Array, { step, batch }: Pick<TrainingState, 'step' | 'batch'>): number {
  let length = 0;
  for (const { data, end } of wholeRecords(file)) {
    const event = readEvent(data);
    // At the checkpoint's own step the epoch's event is known only if the checkpoint stands behind the epoch's end.
    if (event.step > step || (event.step === step && event.ofEpoch && batch > 0)) return length;
    length = end;
  }
  return length;
}

export class EventFile {
  readonly path: string;
  readonly #file: number;
  readonly #now: () => number;

  /**
   * Opens a new file in the run's folder. Older ones are first cut back to what the checkpoint knows, so that a step stands
   * in one place only; the new one tells a TensorBoard that had already read further to forget it.
   *
   * @param resumed where the run goes on; `undefined` for a run without a checkpoint.
   * @throws VggError `VGG_IO` when the system refuses.
   */
  constructor(folder: string, resumed?: Pick<TrainingState, 'step' | 'batch'>, now: () => number = Date.now) {
    this.#now = now;
    const known = resumed ?? { step: 0, batch: 1 };
    let path = folder;
    try {
      const numbers = readdirSync(folder).flatMap((name) => NAME.exec(name)?.[1] ?? []);
      for (const number of numbers) {
        path = join(folder, fileName(number));
        const file = readFileSync(path);
        const length = knownLength(file, known);
        if (length < file.length) truncateSync(path, length);
      }
      const next = numbers.reduce((largest, number) => Math.max(largest, Number(number)), 0) + 1;
      path = join(folder, fileName(next));
      this.#file = openSync(path, 'wx');
      this.path = path;
      this.#append(
        field(eventOf(this.#seconds(), 0), FILE_VERSION, WireType.LengthDelimited).string('brain.Event:2').finish(),
      );
      if (next > 1) this.#append(this.#restart(known.step + 1));
    } catch (cause) {
      throw fileError('write', path, cause);
    }
  }

  /** Appends what the event tells, if it is one that is plotted. */
  append(event: TrainEvent): void {
    const scalars = scalarsIn(event);
    if (scalars === undefined || !('step' in event)) return;
    try {
      this.#append(scalarsOf(event.step, scalars, this.#seconds()));
    } catch (cause) {
      throw fileError('write', this.path, cause);
    }
  }

  /** Waits until all of it is on the disk. */
  sync(): void {
    try {
      fdatasyncSync(this.#file);
    } catch (cause) {
      throw fileError('write', this.path, cause);
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  #seconds(): number {
    return this.#now() / 1000;
  }

  /** Every scalar from this step on that was read before is void. */
  #restart(step: number): Uint8Array {
    const writer = field(eventOf(this.#seconds(), step), SESSION_LOG, WireType.LengthDelimited).fork();
    return field(writer, 1, WireType.Varint).int32(START).join().finish();
  }

  #append(data: Uint8Array): void {
    appendWhole(this.#file, frameRecord(data));
  }
}

function fileName(number: number | string): string {
  return `events.out.tfevents.${String(number).padStart(10, '0')}.vgg`;
}
