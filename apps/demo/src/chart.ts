/** Curves over the steps of a run. The lines are SVG, and the numbers are text of the page, so that they keep their size. */

export interface Curve {
  readonly name: string;
  /** Step and value of each point. */
  readonly points: readonly (readonly [step: number, value: number])[];
  /** Line of small weight, behind the others. */
  readonly faint?: boolean | undefined;
  /** Dots in place of a line. */
  readonly dots?: boolean | undefined;
}

export interface ChartOptions {
  readonly title: string;
  /** Last step of the axis. */
  readonly steps: number;
  /** Value at the upper end of the axis; the lower end is 0. */
  readonly top: number;
  readonly unit?: string | undefined;
}

const WIDTH = 1000;
const HEIGHT = 300;
const SVG = 'http://www.w3.org/2000/svg';

function svg(name: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function text(className: string, content: string): HTMLElement {
  return Object.assign(document.createElement('span'), { className, textContent: content });
}

/** Draws curves into a figure, in place of what it shows. */
export function drawChart(figure: HTMLElement, curves: readonly Curve[], options: ChartOptions): void {
  const { title, steps, top, unit = '' } = options;
  const place = ([step, value]: readonly [number, number]) =>
    `${((WIDTH * step) / steps).toFixed(1)},${(HEIGHT * (1 - Math.min(value, top) / top)).toFixed(1)}`;
  const image = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' });
  const last = curves.map(({ name, points }) => `${name} ${points.at(-1)?.[1].toPrecision(3) ?? 'not yet known'}`);
  image.setAttribute('aria-label', `${title}: ${last.join(', ')}`);
  for (const height of [0, HEIGHT / 2, HEIGHT])
    image.append(svg('path', { class: 'grid', d: `M0 ${height}H${WIDTH}` }));
  curves.forEach(({ points, faint, dots }, i) => {
    if (points.length === 0) return;
    const className = `curve curve-${i}${faint ? ' faint' : ''}${dots ? ' dots' : ''}`;
    // A dot is a line of length 0 with round ends.
    const d = dots ? points.map((point) => `M${place(point)}h0`).join('') : `M${points.map(place).join('L')}`;
    image.append(svg('path', { class: className, d }));
  });
  const caption = document.createElement('figcaption');
  caption.append(title, ...curves.map(({ name }, i) => text(`key key-${i}`, name)));
  const values = [top, top / 2, 0].map((value) => text('', `${Number(value.toPrecision(2))}${unit}`));
  const axis = text('axis', '');
  axis.append(...values);
  const range = text('range', '');
  range.append(text('', '0'), text('', `step ${steps}`));
  figure.replaceChildren(caption, axis, image, range);
}
