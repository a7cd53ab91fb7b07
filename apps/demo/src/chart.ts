/** Curves over the steps of a run: uPlot on canvas, in the page's colours. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export interface Curve {
  readonly name: string;
  /** Step and value of each point. */
  readonly points: readonly (readonly [step: number, value: number])[];
  /** Colour of the style sheet: `accent`. */
  readonly colour: string;
  /** Width of the line in pixels; 0 for dots in place of a line. */
  readonly width: number;
}

export interface ChartOptions {
  readonly title: string;
  /** Last step of the axis. */
  readonly steps: number;
  /** Value at the upper end of the axis; the lower end is 0. */
  readonly top: number;
  readonly unit?: string | undefined;
}

const HEIGHT = 220;
/** Font of the axes, that of the page in the size of its notes. */
const FONT = '13px system-ui, sans-serif';

/** Plots by their figures. */
const plots = new Map<Element, uPlot>();
const resizes = new ResizeObserver((entries) => {
  for (const { target } of entries) plots.get(target)?.setSize({ width: target.clientWidth, height: HEIGHT });
});

function optionsOf(curves: readonly Curve[], { steps, top, unit = '' }: ChartOptions, width: number): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const axis: uPlot.Axis = { stroke: colour('soft'), font: FONT, grid: { stroke: colour('line'), width: 1 } };
  return {
    width,
    height: HEIGHT,
    scales: { x: { time: false, range: [0, steps] }, y: { range: [0, top] } },
    axes: [
      { ...axis, label: 'step', labelFont: FONT, labelSize: 20, size: 28 },
      { ...axis, size: 56, values: (_, splits) => splits.map((split) => `${split}${unit}`) },
    ],
    series: [
      { label: 'step' },
      ...curves.map(
        (curve): uPlot.Series => ({
          label: curve.name,
          stroke: colour(curve.colour),
          width: curve.width,
          spanGaps: true,
          points: { show: curve.width === 0, size: 8, fill: colour(curve.colour) },
        }),
      ),
    ],
    legend: { live: false },
    cursor: { show: false },
  };
}

/** Draws curves into a figure, in place of what it shows. */
export function drawChart(figure: HTMLElement, curves: readonly Curve[], options: ChartOptions): void {
  plots.get(figure)?.destroy();
  const caption = Object.assign(document.createElement('figcaption'), { textContent: options.title });
  const parts = curves.map(({ points }): uPlot.AlignedData => [points.map(([x]) => x), points.map(([, y]) => y)]);
  figure.replaceChildren(caption);
  plots.set(figure, new uPlot(optionsOf(curves, options, figure.clientWidth), uPlot.join(parts), figure));
  const described = curves.map(
    ({ name, points }) =>
      `${name}: ${points.length} points${points.length > 0 ? `, last ${points.at(-1)![1].toPrecision(3)}` : ''}`,
  );
  resizes.observe(figure);
  figure.setAttribute('aria-label', `${options.title}. ${described.join('; ')}`);
}
