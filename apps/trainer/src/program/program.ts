/**
 * The command line: its commands, whose options and help are in `program/`. It reads and checks words; what the commands do
 * is in `commands/`.
 */
import { Command, type Option } from 'commander';
import { version } from '../../package.json';
import type { Commands } from './commands';
import { convertCommand, inspectCommand } from './files';
import { paperCommand } from './paper';
import { trainCommand } from './train';
import { evaluateCommand, predictCommand, reportCommand } from './use';

/** What an option does and, in the same words for all, what holds where it is not written. */
export function describeOption(option: Option): string {
  const { description, defaultValue, defaultValueDescription, mandatory, long } = option;
  if (mandatory) return `${description} (required)`;
  if (description.includes('(default') || long === '--help' || long === '--version') return description;
  const held = option.negate ? false : defaultValue;
  const words = held === undefined ? 'none' : typeof held === 'boolean' ? (held ? 'on' : 'off') : String(held);
  return `${description} (default: ${defaultValueDescription ?? words})`;
}

/** The whole command line. Errors of use are thrown as CommanderError; nothing exits. */
export function createProgram(commands: Commands): Command {
  const program = new Command('trainer')
    .description('VGG for TypeScript: the networks of arXiv:1409.1556, trained, evaluated and used on TF.js.')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .addHelpText('after', '\nA first run: trainer train --help. Without a command, train; without images, its demo.')
    .addCommand(trainCommand(commands.train), { isDefault: true })
    .addCommand(evaluateCommand(commands.evaluate))
    .addCommand(predictCommand(commands.predict))
    .addCommand(reportCommand(commands.report))
    .addCommand(inspectCommand(commands.inspect))
    .addCommand(convertCommand(commands.convert))
    .addCommand(paperCommand(commands.paper))
    .helpCommand(false);
  for (const command of [program, ...program.commands]) {
    command.exitOverride().showSuggestionAfterError(true);
    command.configureHelp({ helpWidth: 110, optionDescription: describeOption });
    command.configureOutput({ outputError: () => {} });
  }
  return program;
}
