/** The thread of the live page's server: it answers while the main thread computes. */
import { parentPort, workerData } from 'node:worker_threads';
import { type PageEvent, PageServer, type PageServerOptions } from './server';

/** What the main thread sends. */
export interface ToServer {
  readonly event: PageEvent;
  readonly json: string;
}

/** What it is told. */
export type FromServer =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'failed'; readonly code: string | undefined; readonly message: string }
  | { readonly kind: 'listeners'; readonly count: number };

const tell = (message: FromServer) => parentPort!.postMessage(message);

try {
  const server = await PageServer.start({
    ...(workerData as Omit<PageServerOptions, 'onListeners'>),
    onListeners: (count) => tell({ kind: 'listeners', count }),
  });
  parentPort!.on('message', async ({ event, json }: ToServer) => {
    server.send(event, json);
    if (event !== 'end') return;
    await server.close();
    parentPort!.close();
  });
  tell({ kind: 'listening', port: server.port });
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  tell({ kind: 'failed', code, message });
  parentPort!.close();
}
