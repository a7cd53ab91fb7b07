/** The options of `runs`, which manages run folders. */
import { Argument, Command } from 'commander';
import type { RunsAction, RunsArguments } from '../commands/runs';
import { COMMAND } from '../terminal/command';
import type { Commands } from './commands';

export function runsCommand(run: Commands['runs']): Command {
  const command = new Command('runs')
    .summary('list, compare, rename, copy and clean up runs')
    .description(
      'Lists the runs in a folder with state, net, data, best error and time; compares runs setting by setting; renames or ' +
        'copies a run; prune lists empty folders, runs that failed before their first checkpoint and the checkpoints of ' +
        'complete runs, and removes them with --yes.',
    )
    .addArgument(
      new Argument('[action]', 'list, compare, rename, copy or prune')
        .choices(['list', 'compare', 'rename', 'copy', 'prune'])
        .default('list'),
    )
    .argument('[what...]', 'list, prune: the folder (default: runs); compare: runs; rename, copy: a run and a name')
    .option('--yes', 'remove what prune lists', false)
    .option('--json', 'results as one JSON document on stdout', false)
    .helpOption('-h, --help', 'print this help');
  return command
    .addHelpText(
      'after',
      `
  ${COMMAND} runs
  ${COMMAND} runs compare runs/a runs/b
  ${COMMAND} runs rename runs/D-20260101-120000 birds
  ${COMMAND} runs prune --yes`,
    )
    .action((action: RunsAction, words: readonly string[]) => run(action, words, command.opts<RunsArguments>()));
}
