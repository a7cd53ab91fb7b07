/** Server of the live page: the current report, and events as it changes. For this machine only, and read-only. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type PageAssets, reportPage } from '../html';

export interface PageServerOptions {
  /** Port. 0 uses a free one. */
  readonly port: number;
  /** Use a free port if `port` is taken, instead of failing. */
  readonly orFree: boolean;
  readonly assets: PageAssets;
  /** Called with the number of open pages when it changes. */
  readonly onListeners?: ((count: number) => void) | undefined;
}

/** Events that a page receives: see `page/main.ts`. */
export type PageEvent = 'report' | 'progress' | 'end';

const EVENTS: readonly PageEvent[] = ['report', 'progress', 'end'];

/** Largest number of open pages. */
const LISTENERS = 32;
/** Bytes that may wait for a page that does not read them. */
const UNREAD = 16 * 2 ** 20;

const HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
};

/** Interface that other machines cannot reach. */
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
  /** Last event of each kind, as JSON that is safe in a page. */
  readonly #last = new Map<PageEvent, string>();

  private constructor(options: PageServerOptions) {
    this.#options = options;
  }

  /** @throws the system's error if the port is taken or not allowed. */
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

  /** Sends an event to all open pages, and to those opened later. The JSON must be one line. */
  send(event: PageEvent, json: string): void {
    this.#last.set(event, json);
    for (const listener of this.#listeners) this.#write(listener, event, json);
  }

  /** Ends the server once all events have been sent, or after a second. */
  async close(): Promise<void> {
    const ends = [...this.#listeners].map((listener) => new Promise<void>((resolve) => listener.end(resolve)));
    await Promise.race([Promise.all(ends), new Promise((resolve) => setTimeout(resolve, 1000).unref())]);
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  /** Writes an event to one page. A page that does not read its events is disconnected, so that they do not fill memory. */
  #write(listener: ServerResponse, event: PageEvent, json: string): void {
    if (listener.writableLength > UNREAD) listener.destroy();
    else listener.write(`event: ${event}\ndata: ${json}\n\n`);
  }

  /** Returns false for a host name that another site made to point here (DNS rebinding). */
  #isOwnHost(host: string | undefined): boolean {
    return [LOOPBACK, 'localhost'].some((name) => host === `${name}:${this.port}`);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const refuse = (status: number, text: string) =>
      response.writeHead(status, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
    const path = (request.url ?? '').split('?', 1)[0];
    if (!this.#isOwnHost(request.headers.host)) refuse(421, `use http://${LOOPBACK}:${this.port}/`);
    else if (request.method !== 'GET' && request.method !== 'HEAD') refuse(405, 'this page is read-only');
    else if (path === '/') this.#sendPage(request, response);
    else if (path !== '/events') refuse(404, 'not found: the page is /');
    else if (this.#listeners.size >= LISTENERS) refuse(503, 'too many pages are open');
    else this.#sendEvents(request, response);
  }

  #sendPage({ method }: IncomingMessage, response: ServerResponse): void {
    const html = reportPage('Training', this.#last.get('report') ?? 'null', this.#options.assets, { live: true });
    response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/html; charset=utf-8' });
    response.end(method === 'HEAD' ? undefined : html);
  }

  #sendEvents(request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/event-stream; charset=utf-8' });
    response.flushHeaders();
    this.#listeners.add(response);
    this.#options.onListeners?.(this.#listeners.size);
    request.on('close', () => {
      this.#listeners.delete(response);
      this.#options.onListeners?.(this.#listeners.size);
    });
    // The report in the page may be older than the last one.
    for (const event of EVENTS) {
      const json = this.#last.get(event);
      if (json !== undefined) this.#write(response, event, json);
    }
  }
}
