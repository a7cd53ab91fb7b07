/** Lets the event loop turn: signals, timers, messages of workers. A backend that computes synchronously would starve them. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
