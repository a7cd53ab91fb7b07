/** Makes elements. Text only ever becomes text nodes and attributes: nothing that a run holds is read as HTML. */

type Child = Node | string | null | undefined | false;

/** An element with attributes and children; `class`, `style` and the like by their names in HTML. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number | undefined>> = {},
  ...children: readonly (Child | readonly Child[])[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    // The page's policy forbids style attributes; properties set by script are allowed.
    if (name === 'style') element.style.cssText = String(value);
    else element.setAttribute(name, String(value));
  }
  for (const child of children.flat() as readonly Child[]) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

/** A section with a heading; what explains it stands below the heading. */
export function section(id: string, title: string, about: string, ...children: readonly (Child | readonly Child[])[]) {
  return h('section', { id }, h('h2', {}, title), about !== '' && h('p', { class: 'about' }, about), ...children);
}

export function empty(why: string): HTMLElement {
  return h('p', { class: 'empty' }, why);
}

/** `1:05` or `2:03:09`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

export function percent(part: number, digits = 0): string {
  return `${(100 * part).toFixed(digits)}\u00a0%`;
}

/** Three significant digits at least, without exponent where that reads well. */
export function figure(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e6) return value.toExponential(1).replace('e+', 'e');
  return size >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
