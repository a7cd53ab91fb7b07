/**
 * Resolves after the event loop has run timers, input and output. Loops over synchronous work await it, so that signals
 * and messages of workers are handled in between.
 */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
