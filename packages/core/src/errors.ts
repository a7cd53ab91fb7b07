/**
 * The one error type of every `@vgg` package.
 *
 * A program tells errors apart by `code`, never by message or by `instanceof` alone: an application may hold two copies of
 * `@vgg/core` (two versions, or ESM beside CommonJS), and an error made by one must be recognised by the other.
 */

const BRAND = Symbol.for('@vgg/core/VggError');

/** What went wrong, by kind. A code never changes its meaning; new codes may be added. */
export const ERROR_CODES = {
  /** An argument or option is unknown, of the wrong type or out of range. */
  argument: 'VGG_ARGUMENT',
  /** A tensor's shape or dtype is not the one expected. */
  shape: 'VGG_SHAPE',
  /** A data set as a whole cannot be used: folder missing, no classes, an empty class. */
  dataset: 'VGG_DATASET',
  /** One image cannot be used: truncated, not an image, too small, too large. */
  image: 'VGG_IMAGE',
  /** A weight file is corrupt, or does not fit the network. */
  weights: 'VGG_WEIGHTS',
  /** A run folder or checkpoint is missing, corrupt, in use or of another kind of run. */
  run: 'VGG_RUN',
  /** The system refused to read or write: permission, disk full, path missing. */
  io: 'VGG_IO',
  /** A backend or engine is missing, or failed. */
  backend: 'VGG_BACKEND',
  /** A loss, gradient or weight is NaN or infinite. */
  nonFinite: 'VGG_NON_FINITE',
  /** Something was used after it was disposed or closed, or in the wrong order. */
  state: 'VGG_STATE',
} as const;

export type VggErrorKind = keyof typeof ERROR_CODES;
export type VggErrorCode = (typeof ERROR_CODES)[VggErrorKind];

/** Kinds that the caller's input caused; a command line answers these with exit code 2, all others with 1. */
const INPUT_KINDS: ReadonlySet<VggErrorCode> = new Set(
  (['argument', 'shape', 'dataset', 'image', 'weights', 'run'] as const).map((kind) => ERROR_CODES[kind]),
);

export interface VggErrorOptions {
  /** The error this one explains. */
  cause?: unknown;
  /** Machine-readable particulars: a path, a step, a layer. */
  details?: Readonly<Record<string, unknown>>;
}

/** Ends of lines, and what a terminal would obey: names in files and of files may hold any of them. */
const CONTROLS = /[\p{Cc}\u2028\u2029]+/gu;

/**
 * An error with a stable code. The message is one line: what was expected, what came, what to do.
 *
 * `value instanceof VggError` is true for errors of any copy or version of this package.
 */
export class VggError extends Error {
  override readonly name = 'VggError';
  readonly code: VggErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(kind: VggErrorKind, message: string, options: VggErrorOptions = {}) {
    super(message.replace(CONTROLS, ' '), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = ERROR_CODES[kind];
    this.details = options.details ?? {};
    Object.defineProperty(this, BRAND, { value: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isVggError(value);
  }
}

/** Whether `value` is a VggError made by any copy of `@vgg/core`. */
export function isVggError(value: unknown): value is VggError {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[BRAND] === true;
}

/** Whether the caller's input caused the error (exit code 2 on a command line) rather than a failure (exit code 1). */
export function isInputError(error: VggError): boolean {
  return INPUT_KINDS.has(error.code);
}
