/** Ctrl-C, SIGTERM and a closed terminal: the first signal asks a program to save and stop, a second one ends it at once. */

/** A listener for signals that end the program. */
export interface Interruption {
  readonly signal: AbortSignal;
  /** Exit code for the received signal (128 + its number); undefined before one. */
  readonly exitCode: number | undefined;
  /** Stops listening. */
  end(): void;
}

/** SIGUSR2 is what a user of mpirun can send to all ranks. `launch` of `@vgg/mpi` counts as it, and has an exit code of its own. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGUSR2: 0 } as const;

/**
 * Listens for SIGINT, SIGTERM, SIGHUP and SIGUSR2 until `end` is called. The first aborts `signal`, which `fit` of `@vgg/train` and
 * `evaluate` of `@vgg/eval` take; a second one ends the process. A program that `launch` of `@vgg/mpi` started hears them too.
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
  const onLine = () => onSignal('SIGUSR2');
  const launched = process.env.VGG_LAUNCHED !== undefined;
  if (launched) process.stdin.on('data', onLine).resume();
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    end: () => {
      for (const name of names) process.off(name, onSignal);
      if (!launched) return;
      process.stdin.off('data', onLine);
      // Listeners may be nested.
      if (process.stdin.listenerCount('data') === 0) process.stdin.pause();
    },
  };
}
