/** Ctrl-C, SIGTERM and a terminal that closes: the first asks the work to stop where nothing is lost, a second one leaves at once. */

export interface Interruption {
  readonly signal: AbortSignal;
  /** The exit code that the system expects of a program ended by this signal, once it was raised. */
  readonly exitCode: number | undefined;
  /** Stops listening. */
  end(): void;
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** @param onFirst tells the person what happens now. */
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
