/** Results on stdout: Markdown tables for people, or one JSON document. */
import { markdownTable } from 'markdown-table';

/** A table whose first columns, one unless told, are text and whose other columns are figures. */
export function table(header: readonly string[], rows: readonly (readonly string[])[], textColumns = 1): string {
  const align = header.map((_, i) => (i < textColumns ? 'l' : 'r'));
  return markdownTable([[...header], ...rows.map((row) => [...row])], { align });
}

/** Writes to stdout, whole: a pipe that closes early (`| head`) is no error. */
export async function print(text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(`${text}\n`, (error) => {
      if (error && (error as NodeJS.ErrnoException).code !== 'EPIPE') reject(error);
      else resolve();
    });
  });
}
