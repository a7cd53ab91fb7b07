/** Errors of downloads, one line each. */
import { VggError } from '../errors';
import { systemCode } from './system';

/** Temporary failure: the transfer is tried again and continues at the byte where it stopped. */
export class Transient extends Error {
  constructor(
    readonly reason: string,
    /** Seconds to wait before the next request, as the server asked. */
    readonly wait = 0,
    options: { cause?: unknown } = {},
  ) {
    super(reason, options);
  }
}

/** Descriptions of the system's codes for a server that cannot be reached. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name is not found: is this machine online?',
  EAI_AGAIN: 'its name cannot be looked up: is this machine online?',
  ENETUNREACH: 'no network leads there: is this machine online?',
  EHOSTUNREACH: 'no network leads there: is this machine online?',
  ECONNREFUSED: 'it refuses connections',
};

/** Returns the reason why the server cannot be reached, or undefined for a temporary failure. */
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

/** Returns the meaning of an HTTP status in words. */
export function statusReason(status: number): string {
  return STATUSES[status] ?? `it answers with status ${status}`;
}

/** Returns an address without its possibly secret parts: user, password, query. */
export function withoutSecrets(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

export function downloadError(url: URL, path: string, why: string, cause?: unknown): VggError {
  return new VggError('io', `cannot download ${withoutSecrets(url)}: ${why}`, {
    cause,
    details: { url: withoutSecrets(url), path },
  });
}
