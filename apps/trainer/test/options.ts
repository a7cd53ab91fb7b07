/** The arguments of a command line of `train`, without a process, and a terminal that keeps its lines. */
import { createProgram } from '../src/program/program';
import type { TrainArguments } from '../src/run/arguments';
import type { Terminal } from '../src/terminal/terminal';

/** Lines of {@link terminal}. */
export const said: string[] = [];
const say = (line: string) => said.push(line);
export const terminal: Terminal = { say, warn: say, progress: () => ({ update: () => {}, end: () => {} }) };

export async function optionsOf(...words: string[]): Promise<TrainArguments> {
  let options: TrainArguments | undefined;
  const program = createProgram({
    train: async (given: TrainArguments) => {
      options = given;
    },
  } as never);
  await program.parseAsync(['train', ...words], { from: 'user' });
  return options!;
}
