/** The live page's server: the report as it is now, and events as it changes. On this machine alone, to be read only. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type PageAssets, reportPage } from '../report/html';

export interface PageServerOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** Takes a free port where that one is taken, instead of failing. */
  readonly orFree: boolean;
  readonly assets: PageAssets;
  /** Told how many pages are listening, when that changes. */
  readonly onListeners?: (count: number) => void;
}

/** Events that a page takes: `page/main.ts`. */
export type PageEvent = 'report' | 'progress' | 'end';

/** More pages than this at once are turned away. */
const LISTENERS = 32;

const HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
};

/** The interface that nobody else can reach. */
const LOOPBACK = '127.0.0.1';

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, LOOPBACK, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

export class PageServer {
  readonly #options: PageServerOptions;
  readonly #server = createServer((request, response) => this.#answer(request, response));
  readonly #listeners = new Set<ServerResponse>();
  /** The last of each kind, as JSON that may stand in a page. */
  readonly #last = new Map<PageEvent, string>();

  private constructor(options: PageServerOptions) {
    this.#options = options;
  }

  /** @throws the system's error when the port is taken or not allowed. */
  static async start(options: PageServerOptions): Promise<PageServer> {
    const page = new PageServer(options);
    try {
      await listen(page.#server, options.port);
    } catch (error) {
      if (!options.orFree || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      await listen(page.#server, 0);
    }
    return page;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Tells all pages, and those that come later; the JSON is one line. */
  send(event: PageEvent, json: string): void {
    this.#last.set(event, json);
    for (const listener of this.#listeners) this.#tell(listener, event, json);
  }

  /** Ends what pages are being told, when all of it has left for them, or after a second. */
  async close(): Promise<void> {
    const ends = [...this.#listeners].map((listener) => new Promise<void>((resolve) => listener.end(resolve)));
    await Promise.race([Promise.all(ends), new Promise((resolve) => setTimeout(resolve, 1000).unref())]);
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  /** A page that does not read what it is sent is let go, lest it all pile up here. */
  #tell(listener: ServerResponse, event: PageEvent, json: string): void {
    if (listener.writableLength > 16 * 2 ** 20) listener.destroy();
    else listener.write(`event: ${event}\ndata: ${json}\n\n`);
  }

  /** A name that leads here by another site's doing (DNS rebinding) is none of ours. */
  #isOurs(host: string | undefined): boolean {
    return [LOOPBACK, 'localhost'].some((name) => host === `${name}:${this.port}`);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const refuse = (status: number, text: string) =>
      response.writeHead(status, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
    const path = (request.url ?? '').split('?', 1)[0];
    if (!this.#isOurs(request.headers.host)) refuse(421, `ask for http://${LOOPBACK}:${this.port}/`);
    else if (request.method !== 'GET' && request.method !== 'HEAD') refuse(405, 'this page is to be read only');
    else if (path === '/') this.#givePage(request, response);
    else if (path !== '/events') refuse(404, 'there is only / here');
    else if (this.#listeners.size >= LISTENERS) refuse(503, 'too many pages are open');
    else this.#giveEvents(request, response);
  }

  #givePage({ method }: IncomingMessage, response: ServerResponse): void {
    const html = reportPage('Training', this.#last.get('report') ?? 'null', this.#options.assets, { live: true });
    response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/html; charset=utf-8' });
    response.end(method === 'HEAD' ? undefined : html);
  }

  #giveEvents(request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/event-stream; charset=utf-8' });
    response.flushHeaders();
    this.#listeners.add(response);
    this.#options.onListeners?.(this.#listeners.size);
    request.on('close', () => {
      this.#listeners.delete(response);
      this.#options.onListeners?.(this.#listeners.size);
    });
    // The page has the last report, or one that is older by the moment it took to ask for this.
    for (const event of ['report', 'progress', 'end'] as const) {
      const json = this.#last.get(event);
      if (json !== undefined) this.#tell(response, event, json);
    }
  }
}
