/** The options of `runs`, which manages run folders. */
import { existsSync } from 'node:fs';
import { didYouMean } from '@vgg/core';
import { Command } from 'commander';
import type { RunsAction, RunsArguments } from '../commands/runs';
import { COMMAND } from '../terminal/command';
import type { Commands } from './commands';

const ACTIONS = ['list', 'compare', 'rename', 'copy', 'prune'] as const satisfies readonly RunsAction[];

function isAction(word: string): word is RunsAction {
  return (ACTIONS as readonly string[]).includes(word);
}

export function runsCommand(run: Commands['runs']): Command {
  const command = new Command('runs')
    .summary('list, compare, rename, copy and clean up runs')
    .description(
      'Lists the runs in a folder with state, net, data, best error and time; compares runs setting by setting; renames or ' +
        'copies a run; prune lists empty folders, runs that failed before their first checkpoint and the checkpoints of ' +
        'complete runs, and removes them with --yes.',
    )
    .argument('[action]', 'list, compare, rename, copy or prune; a folder is listed', 'list')
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
    .action((word: string, words: readonly string[]) => {
      const options = command.opts<RunsArguments>();
      if (isAction(word)) return run(word, words, options);
      if (words.length === 0 && existsSync(word)) return run('list', [word], options);
      return command.error(
        `error: "${word}" is neither a folder nor an action${didYouMean(word, ACTIONS)}: expected ${ACTIONS.join(', ')}`,
      );
    });
}
