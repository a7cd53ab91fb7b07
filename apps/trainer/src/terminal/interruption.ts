/** Ctrl-C, SIGTERM and a closed terminal: the first signal asks the program to save and stop, a second one ends it at once. */

/** A listener for signals that end the program. */
export interface Interruption {
  readonly signal: AbortSignal;
  /** Exit code for the received signal (128 + its number); undefined before one. */
  readonly exitCode: number | undefined;
  /** Stops listening. */
  end(): void;
}

/** SIGUSR2 comes from `train --ranks`, which knows the signal that it stands for and its exit code. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGUSR2: 0 } as const;

/**
 * Listens for signals until `end` is called.
 * @param onFirst called for the first signal, to print what happens next.
 */
export function listenForInterruption(onFirst: () => void): Interruption {
  const controller = new AbortController();
  let exitCode: number | undefined;
  const onSignal = (name: keyof typeof EXIT_CODES) => {
    if (controller.signal.aborted) process.exit(EXIT_CODES[name]);
    exitCode = EXIT_CODES[name];
    onFirst();
    controller.abort();
  };
  const names = Object.keys(EXIT_CODES) as (keyof typeof EXIT_CODES)[];
  for (const name of names) process.on(name, onSignal);
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    end: () => {
      for (const name of names) process.off(name, onSignal);
    },
  };
}
