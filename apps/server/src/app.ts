/** The HTTP server: what is accepted, how many at once, and what each error answers. */
import { isVggError, VggError } from '@vgg/core';
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import type { Classifier } from './classifier';

/** Limits of {@link createApp}. */
export interface Limits {
  /** Largest number of requests that are received, prepared or classified at once. */
  readonly queue: number;
  /** Largest number of bytes of a request. */
  readonly maxBytes: number;
  /** Time to receive a request, and again to answer it, in milliseconds. */
  readonly timeout: number;
}

/** Error of a server that has too much to do. */
class BusyError extends Error {
  readonly statusCode = 503;
}

/** Returns the status and the one line that an error answers; 500 for errors of the server itself. */
function answerOf(error: unknown, { maxBytes }: Limits): { status: number; message: string } {
  if (isVggError(error) && error.code === 'VGG_IMAGE') return { status: 400, message: error.message };
  const { statusCode = 500, message } = error as Partial<FastifyError>;
  if (statusCode === 413) return { status: 413, message: `the image has more than ${maxBytes} bytes` };
  if (statusCode === 415) return { status: 415, message: 'expected an image: send it as image/jpeg or image/png' };
  const known = error instanceof BusyError || statusCode < 500;
  return known ? { status: statusCode, message: message ?? '' } : { status: 500, message: 'internal error' };
}

/**
 * Creates the server: `POST /classify` with an image as its body, and `GET /health`. Closing it finishes the accepted requests
 * and then closes the classifier.
 * @param report receives the errors that are not the client's.
 */
export function createApp(
  classifier: Classifier,
  limits: Limits,
  report: (error: unknown) => void = console.error,
): FastifyInstance {
  const app = Fastify({
    bodyLimit: limits.maxBytes,
    requestTimeout: limits.timeout,
    http: { connectionsCheckingInterval: 1000 },
  });
  let active = 0;

  app.removeAllContentTypeParsers();
  app.addContentTypeParser(/^(image\/|application\/octet-stream)/, { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  app.setErrorHandler((error, _request, reply) => {
    const { status, message } = answerOf(error, limits);
    if (status === 500) report(error);
    if (status === 503) reply.header('Retry-After', '1');
    return reply.code(status).send({ error: message });
  });
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  // A connection that stays open after its last answer would keep the server from closing.
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('Connection', 'close');
  });
  app.addHook('onClose', () => classifier.close());

  app.get('/health', () => ({ status: 'ok', active, queue: limits.queue }));

  app.post('/classify', {
    // Before the body is read, so that waiting clients cannot fill the memory.
    onRequest: async (_request, reply) => {
      if (active >= limits.queue) throw new BusyError(`${active} images are being classified: try again later`);
      active++;
      reply.raw.once('close', () => active--);
    },
    handler: async ({ body }, reply) => {
      if (!(body instanceof Uint8Array && body.length > 0)) {
        throw new VggError('image', 'expected an image as the body of the request, got nothing');
      }
      const stop = new AbortController();
      const timer = setTimeout(
        () => stop.abort(new BusyError('the answer takes too long: try again later')),
        limits.timeout,
      );
      reply.raw.once('close', () => stop.abort(new BusyError('the client left')));
      try {
        return {
          classes: await classifier.classify(body, stop.signal),
        };
      } finally {
        clearTimeout(timer);
      }
    },
  });
  return app;
}
