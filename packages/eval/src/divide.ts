/**
 * Division of an evaluation among the processes of a job: blocks of consecutive images are dealt to the ranks in turn, and the
 * posteriors of each round of blocks are gathered. No forward pass has images of two blocks, so the results have the same bits
 * for any number of ranks.
 */
import { type Communicator, outcomeOf, throwFailure, VggError } from '@vgg/core';
import type { EvaluationImage } from './load';
import { decode, encode, type Message, type Scored } from './message';
import { inputSides, type Plan, viewKinds } from './protocol';

/** Smallest and largest number of images of a block. */
const FEWEST = 4;
const MOST = 64;
/** Number of forward passes that the images of a block fill. */
const PASSES = 8;

/**
 * Returns the number of images of a block: few if an image has many views, so that small data sets are divided too. It does not
 * depend on the number of ranks.
 */
export function blockLength({ nets, protocols, scales, flips }: Plan, batchPixels: number): number {
  const { width, height } = inputSides(nets[0]!.model);
  const sides = flips ? 2 : 1;
  const pixelsOf = (scale: number) => ({
    centre: width * height,
    grid: 25 * sides * width * height,
    dense: sides * scale ** 2,
  });
  const pixels = scales
    .flatMap((scale) => viewKinds(protocols).map((kind) => pixelsOf(scale)[kind]))
    .reduce((sum, each) => sum + each, 0);
  return Math.min(MOST, Math.max(FEWEST, Math.floor((PASSES * batchPixels) / pixels)));
}

/** Results of one round. */
export interface Round {
  /** Images of all ranks, in the order of the evaluation. */
  readonly entries: readonly Scored[];
  /** Number of views that the other ranks have passed through the nets. */
  readonly views: number;
}

/** The images of one process, and the exchange of results with the others. */
export class Rounds {
  readonly #job: Communicator;
  readonly #classes: number;
  readonly #length: number;
  #entries: Scored[] = [];
  #views = 0;
  #images = 0;
  #sent = 0;
  #waiting: Promise<Message[]> | undefined;
  #failed = false;

  /**
   * @param classes number of classes of a posterior.
   * @param length number of images of a block.
   */
  constructor(job: Communicator, classes: number, length: number) {
    this.#job = job;
    this.#classes = classes;
    this.#length = length;
  }

  /** Yields the images of this process, and counts all. */
  async *own(images: Iterable<EvaluationImage> | AsyncIterable<EvaluationImage>): AsyncGenerator<EvaluationImage> {
    const { rank, size } = this.#job;
    for await (const image of images) {
      const block = Math.floor(this.#images / this.#length);
      this.#images += 1;
      if (block % size === rank) yield image;
    }
  }

  /** Takes images of this process for its next message. */
  add(entries: readonly Scored[]): void {
    this.#entries = [...this.#entries, ...entries];
  }

  /** Counts views that this process has passed through a net. */
  count(views: number): void {
    this.#views += views;
  }

  /** Sends the images that were added, and returns the results of the round before, if there was one. */
  async exchange(): Promise<Round | undefined> {
    const before = await this.#receive();
    this.#send(null);
    return before;
  }

  /** Yields the results that are left, after the last image of this process. */
  async *rest(): AsyncGenerator<Round> {
    const rounds = Math.ceil(this.#images / this.#length / this.#job.size);
    while (this.#sent < rounds) {
      const before = await this.exchange();
      if (before !== undefined) yield before;
    }
    const last = await this.#receive();
    if (last !== undefined) yield last;
    // All ranks learn of a failure after the last image too.
    this.#send(this.#images);
    await this.#receive();
  }

  /** Sends the failure of this process. It does not wait for the others, which may be busy. */
  fail(error: unknown): void {
    if (!this.#failed) this.#send(null, error);
  }

  #send(total: number | null, failure?: unknown): void {
    const message = { ...outcomeOf(this.#job, failure), entries: this.#entries, views: this.#views, total };
    this.#entries = [];
    this.#views = 0;
    this.#sent += 1;
    const all = this.#job.allGather(encode(message));
    this.#waiting = all.then((messages) => messages.map((bytes) => decode(bytes, this.#classes)));
    this.#waiting.catch(() => {}); // The error is thrown when the round is received.
  }

  async #receive(): Promise<Round | undefined> {
    if (this.#waiting === undefined) return undefined;
    try {
      const messages = await this.#waiting;
      this.#waiting = undefined;
      throwFailure(messages, undefined);
      checkTotals(messages);
      const others = messages.filter((_, rank) => rank !== this.#job.rank);
      return {
        entries: messages.flatMap(({ entries }) => entries),
        views: others.reduce((sum, { views }) => sum + views, 0),
      };
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }
}

function checkTotals(messages: readonly Message[]): void {
  const [first, ...others] = messages;
  const other = others.findIndex(({ total }) => total !== first!.total);
  if (other < 0) return;
  throw new VggError(
    'state',
    `rank ${other + 1} (${others[other]!.host}) has another number of images than rank 0 (${first!.host}): ` +
      'evaluate the same images on all ranks',
    { details: { rank: other + 1 } },
  );
}
