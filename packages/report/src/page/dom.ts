/** Makes elements. Text becomes text nodes and attributes only: no string of a run is parsed as HTML. */

export type Child = Node | string | null | undefined | false;

/** Makes an element with attributes, by their names in HTML, and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number | undefined>> = {},
  ...children: readonly (Child | readonly Child[])[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    // The content security policy forbids style attributes. It allows properties set by the script.
    if (name === 'style') element.style.cssText = String(value);
    else element.setAttribute(name, String(value));
  }
  for (const child of children.flat() as readonly Child[]) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

/** Makes a section with a heading and an explanation below it. */
export function section(id: string, title: string, about: string, ...children: readonly (Child | readonly Child[])[]) {
  return h('section', { id }, h('h2', {}, title), about !== '' && h('p', { class: 'about' }, about), ...children);
}

/** Makes the text of a section without content. */
export function empty(reason: string): HTMLElement {
  return h('p', { class: 'empty' }, reason);
}

/** Makes a section without content that gives the reason; null, for no section, if there is no reason. */
export function emptySection(id: string, title: string, about: string, reason: string | undefined) {
  return reason === undefined ? null : section(id, title, about, empty(reason));
}

/** Returns a part, 0 to 1, as `50 %`. */
export function percent(part: number, digits = 0): string {
  return `${(100 * part).toFixed(digits)}\u00a0%`;
}

/** Returns a number with at least three significant digits, and with an exponent only if it is very small or large. */
export function figure(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e6) return value.toExponential(1).replace('e+', 'e');
  return size >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
