/** Results on stdout: Markdown tables for people, or one JSON document. */
import { VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import { markdownTable } from 'markdown-table';

/** Returns a Markdown table; the first `textColumns` columns are aligned left, the numbers after them right. Default 1. */
export function table(header: readonly string[], rows: readonly (readonly string[])[], textColumns = 1): string {
  const align = header.map((_, i) => (i < textColumns ? 'l' : 'r'));
  return markdownTable([[...header], ...rows.map((row) => [...row])], { align });
}

/**
 * Writes a line to stdout and waits until it is written; a pipe that closes early (`| head`) is not an error.
 * @throws VggError `VGG_IO` if it cannot be written, such as to a full disk.
 */
export async function print(text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(`${text}\n`, (error) => {
      if (error && (error as NodeJS.ErrnoException).code !== 'EPIPE')
        reject(new VggError('io', `cannot write the results: ${systemReason(error)}`, { cause: error }));
      else resolve();
    });
  });
}

/** Returns a path as a word of a shell's command line: in quotes if it has a space or another special character. */
export function shellWord(path: string): string {
  return /^[\w./:@%+,=-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
