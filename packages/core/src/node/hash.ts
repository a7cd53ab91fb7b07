/** Hashes of files. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/**
 * Returns the hash of a file's content in hexadecimal digits. Throws the system's error, or the signal's reason when
 * aborted.
 */
export async function hashFile(path: string, algorithm: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20, signal })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Returns the SHA-256 of a file's content: 64 hexadecimal digits. Throws the system's error when it cannot be read. */
export function sha256File(path: string): Promise<string> {
  return hashFile(path, 'sha256');
}
