/**
 * The error type of every `@vgg` package.
 *
 * A program distinguishes errors by `code`, never by message. An application may hold two copies of `@vgg/core` (two
 * versions, or ESM next to CommonJS), and each must recognise the errors of the other.
 */

const BRAND = Symbol.for('@vgg/core/VggError');

/** Codes by kind of error. A code never changes its meaning; new codes may be added. */
export const ERROR_CODES = {
  /** An argument or option is unknown, of the wrong type or out of range. */
  argument: 'VGG_ARGUMENT',
  /** A tensor's shape or dtype is not the one expected. */
  shape: 'VGG_SHAPE',
  /** A data set as a whole cannot be used: folder missing, no classes, an empty class. */
  dataset: 'VGG_DATASET',
  /** One image cannot be used: truncated, not an image, too small, too large. */
  image: 'VGG_IMAGE',
  /** A weight file is corrupt, or does not fit the net. */
  weights: 'VGG_WEIGHTS',
  /** A run folder or checkpoint is missing, corrupt, in use or of another kind of run. */
  run: 'VGG_RUN',
  /** The system refused to read or write: permission, disk full, path missing. */
  io: 'VGG_IO',
  /** A backend or engine is missing, or failed. */
  backend: 'VGG_BACKEND',
  /** A loss, gradient or weight is NaN or infinite. */
  nonFinite: 'VGG_NON_FINITE',
  /** An object was used after it was disposed or closed, or in the wrong order. */
  state: 'VGG_STATE',
} as const;

export type VggErrorKind = keyof typeof ERROR_CODES;
export type VggErrorCode = (typeof ERROR_CODES)[VggErrorKind];

/** Codes of errors that the caller's input caused. A command line exits with 2 for these, with 1 for all others. */
const INPUT_KINDS: ReadonlySet<VggErrorCode> = new Set(
  (['argument', 'shape', 'dataset', 'image', 'weights', 'run'] as const).map((kind) => ERROR_CODES[kind]),
);

export interface VggErrorOptions {
  /** The error that caused this one. */
  cause?: unknown;
  /** Machine-readable details: a path, a step, a layer. */
  details?: Readonly<Record<string, unknown>> | undefined;
}

/** Line ends and control characters of terminals, which names of files and names in files may contain. */
const CONTROLS = /[\p{Cc}\u2028\u2029]+/gu;

/**
 * Error with a stable code. The message is one line: what was expected, what was found, what to do.
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

/** True if `value` is a VggError of any copy of `@vgg/core`. */
export function isVggError(value: unknown): value is VggError {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[BRAND] === true;
}

/** True if the caller's input caused the error (exit code 2 of a command line), false for a failure (exit code 1). */
export function isInputError(error: VggError): boolean {
  return INPUT_KINDS.has(error.code);
}
