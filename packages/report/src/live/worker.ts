/** Thread of the live page's server: it answers while the main thread computes. */
import { parentPort, workerData } from 'node:worker_threads';
import { type PageEvent, PageServer, type PageServerOptions } from './server';

/** Message of the main thread. */
export interface ToServer {
  readonly event: PageEvent;
  readonly json: string;
}

/** Message to the main thread. */
export type FromServer =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'failed'; readonly code: string | undefined; readonly message: string }
  | { readonly kind: 'listeners'; readonly count: number };

const post = (message: FromServer) => parentPort!.postMessage(message);

try {
  const server = await PageServer.start({
    ...(workerData as Omit<PageServerOptions, 'onListeners'>),
    onListeners: (count) => post({ kind: 'listeners', count }),
  });
  parentPort!.on('message', async ({ event, json }: ToServer) => {
    server.send(event, json);
    if (event !== 'end') return;
    await server.close();
    parentPort!.close();
  });
  post({ kind: 'listening', port: server.port });
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  post({ kind: 'failed', code, message });
  parentPort!.close();
}
