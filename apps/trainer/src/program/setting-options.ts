/** Options of the command line made from the table of settings. */

import { GROUPS, type Kind, type SettingName, type SettingValue, settingOf } from '@vgg/recipes/table';
import { type Command, Option } from 'commander';

/** Kind, help and default of a setting in one command, where they differ from the table. */
export interface Differences<T> {
  readonly kind?: Kind<T>;
  readonly value?: string;
  readonly default?: T | undefined;
  readonly defaultHelp?: string;
  readonly help?: string;
}

/** Differences of several settings. */
export type DifferencesOf = { readonly [N in SettingName]?: Differences<SettingValue<N>> };

/** Returns the option's name on the command line: `--batch-norm` for `batchNorm`. */
function flagOf(name: SettingName): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Returns the options of one setting: two for one that is on or off, of which the help lists the one that changes something. */
export function settingOptions<N extends SettingName>(
  name: N,
  differences: Differences<SettingValue<N>> = {},
): Option[] {
  const { kind, value, ...described } = { ...settingOf(name), ...differences };
  const flag = flagOf(name);
  if (value === undefined) {
    const opposite = flag.replace('--', '--no-');
    const [shown, hidden] = described.default === true ? [opposite, flag] : [flag, opposite];
    const option = new Option(shown, described.help);
    return [described.default === true ? option : option.default(false), new Option(hidden).hideHelp()];
  }
  const option = new Option(`${flag} ${value}`, described.help).argParser(kind);
  return [option.default(described.default, described.defaultHelp)];
}

/** Adds the options of settings to a command. */
export function addSettings(command: Command, names: readonly SettingName[], differences: DifferencesOf = {}): Command {
  const options = names.flatMap((name) => settingOptions(name, differences[name] as Differences<never>));
  for (const option of options) command.addOption(option);
  return command;
}

/** Adds all settings to a command, group by group; `more` adds a group's other options after its settings. */
export function addAllSettings(
  command: Command,
  names: readonly SettingName[],
  more: Partial<Record<(typeof GROUPS)[number], (command: Command) => unknown>>,
  differences: DifferencesOf = {},
): void {
  for (const group of GROUPS) {
    command.optionsGroup(`${group}:`);
    addSettings(
      command,
      names.filter((name) => settingOf(name).group === group),
      differences,
    );
    more[group]?.(command);
  }
}
