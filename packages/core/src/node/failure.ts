/** What goes wrong in a download, each as one line. */
import { VggError } from '../errors';
import { systemCode } from './system';

/** A failure that may pass: the transfer is tried again where it stopped. */
export class Transient extends Error {
  constructor(
    readonly reason: string,
    /** Seconds that the server asked to wait. */
    readonly wait = 0,
    options: { cause?: unknown } = {},
  ) {
    super(reason, options);
  }
}

/** Codes by which the system says that there is no way to the server. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name is not found: is this machine online?',
  EAI_AGAIN: 'its name cannot be looked up: is this machine online?',
  ENETUNREACH: 'no network leads there: is this machine online?',
  EHOSTUNREACH: 'no network leads there: is this machine online?',
  ECONNREFUSED: 'it refuses connections',
};

/** Why the server cannot be reached at all, or undefined for a failure that may pass. */
export function unreachable(error: unknown): string | undefined {
  const code = systemCode(error);
  if (code === undefined) return undefined;
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code)) return `its certificate is not accepted (${code})`;
  return UNREACHABLE[code];
}

const STATUSES: Readonly<Record<number, string>> = {
  401: 'it asks for a login (401)',
  403: 'it forbids it (403)',
  404: 'it has no such file (404)',
  410: 'the file is gone (410)',
};

/** What a status of HTTP means to the one who asked. */
export function statusReason(status: number): string {
  return STATUSES[status] ?? `it answers with status ${status}`;
}

/** An address without what may be secret in it: user, password, query. */
export function shown(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

export function downloadError(url: URL, path: string, why: string, cause?: unknown): VggError {
  return new VggError('io', `cannot download ${shown(url)}: ${why}`, {
    ...(cause !== undefined && { cause }),
    details: { url: shown(url), path },
  });
}
