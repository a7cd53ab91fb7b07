/** The command line: parses and checks options. `commands/` holds the code that the commands run. */

import { Command, type Option } from 'commander';
import { version } from '../../package.json';
import { PROGRAM } from '../terminal/command';
import type { Commands } from './commands';
import { convertCommand, inspectCommand } from './files';
import { paperCommand } from './paper';
import { runsCommand } from './runs';
import { trainCommand } from './train';
import { transferCommand } from './transfer';
import { evaluateCommand, predictCommand, reportCommand } from './use';

/** Returns the help of an option, with its default in the same form for all. */
export function describeOption(option: Option): string {
  const { description, defaultValue, defaultValueDescription, mandatory, long } = option;
  if (mandatory) return `${description} (required)`;
  if (description.includes('(default') || long === '--help' || long === '--version') return description;
  const held = option.negate ? false : defaultValue;
  const words = held === undefined ? 'none' : typeof held === 'boolean' ? (held ? 'on' : 'off') : String(held);
  return `${description} (default: ${defaultValueDescription ?? words})`;
}

/** Refuses a second `--data`, which would replace the first one without a word. */
function withOneDataSet(command: Command): void {
  let count = 0;
  command.on('option:data', () => {
    count += 1;
    if (count > 1) {
      command.error(
        'error: --data is given twice: expected one folder; to use several, put them, or links to them, into one folder',
      );
    }
  });
}

/** Creates the command line. It never exits: wrong use throws a CommanderError. */
export function createProgram(commands: Commands): Command {
  const program = new Command(PROGRAM)
    .description('VGG for TypeScript: train, evaluate and use the nets of arXiv:1409.1556 on TF.js.')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText(
      'after',
      `\nTo start, see ${PROGRAM} train --help. Without a command, train is run; without images, train runs its demo.`,
    )
    .addCommand(trainCommand(commands.train), { isDefault: true })
    .addCommand(evaluateCommand(commands.evaluate))
    .addCommand(predictCommand(commands.predict))
    .addCommand(reportCommand(commands.report))
    .addCommand(inspectCommand(commands.inspect))
    .addCommand(convertCommand(commands.convert))
    .addCommand(paperCommand(commands.paper))
    .addCommand(transferCommand(commands.transfer))
    .addCommand(runsCommand(commands.runs))
    .helpCommand(false);
  for (const command of [program, ...program.commands]) {
    command.exitOverride().showSuggestionAfterError(true);
    withOneDataSet(command);
    command.configureHelp({ helpWidth: 110, optionDescription: describeOption });
    command.configureOutput({ outputError: () => {} });
  }
  return program;
}
