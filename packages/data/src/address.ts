/** Addresses of images in error messages. */
import { VggError } from '@vgg/core';

/** Largest number of characters of a data URL that a message shows. */
const SHOWN = 80;

/** Returns an address for a message. Only the beginning of a data URL, which holds the whole image, is returned. */
export function shownAddress(address: string | URL): string {
  const text = String(address);
  return /^data:/i.test(text) && text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

/** Returns an error for a data URL that cannot be read. */
export function invalidDataUrl(address: string | URL, cause: unknown): VggError {
  const got = JSON.stringify(shownAddress(address));
  const expected = 'expected a data URL such as data:image/png;base64,iVBORw0KGgo=';
  return new VggError('argument', `${expected}, got ${got}: pass the bytes of the image`, { cause });
}
