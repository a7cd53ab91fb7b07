/** Radio buttons of the engines: those that this browser lacks are disabled and say why. */
import { ENGINES, type EngineName } from './engines';

export interface EngineChoice {
  readonly name: EngineName;
  select(name: EngineName): void;
  disable(disabled: boolean): void;
}

/** Fills a fieldset with engines. The first one that this browser has is chosen. */
export async function engineChoice(
  fieldset: HTMLElement,
  names: readonly EngineName[],
  onChange: (name: EngineName) => void = () => {},
): Promise<EngineChoice> {
  const shown = names.map((name) => ENGINES.find((known) => known.name === name)!);
  const missing = await Promise.all(shown.map((engine) => engine.missing()));
  const first = missing.indexOf(undefined);
  const inputs = shown.map(({ name, label }, i) => {
    const input = Object.assign(document.createElement('input'), { type: 'radio', name: 'engine', value: name });
    input.disabled = missing[i] !== undefined;
    input.checked = i === first;
    input.addEventListener('change', () => onChange(name));
    const line = document.createElement('label');
    line.append(input, ` ${label}${missing[i] === undefined ? '' : ` (${missing[i]})`}`);
    fieldset.append(line);
    return input;
  });
  return {
    get name() {
      return inputs.find(({ checked }) => checked)!.value as EngineName;
    },
    select(name) {
      for (const input of inputs) input.checked = input.value === name;
    },
    disable(disabled) {
      inputs.forEach((input, i) => {
        input.disabled = disabled || missing[i] !== undefined;
      });
    },
  };
}
