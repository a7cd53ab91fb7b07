/** Curves: uPlot on canvas, in the page's colours, drawn again when the colours, the width or the data change. */
import uPlot from 'uplot';
import type { Column, Curves } from '../data';
import { figure, h } from './dom';

interface Line {
  label: string;
  epoch: Column;
  values: Column;
  /** Colour of the style sheet. */
  colour: 'training' | 'validation';
  /** Marks each point, for lines with few measured points. */
  marked?: boolean;
}

export interface Chart {
  title: string;
  unit: string;
  lines: readonly Line[];
  /** True if the axis starts at zero. */
  fromZero?: boolean;
  /** True if the axis may be logarithmic: see {@link fallsBySteps}. */
  steps?: boolean;
}

function hasValues({ lines }: Chart): boolean {
  return lines.some(({ values }) => values.some((value) => value !== null));
}

/** Leaves out charts of values that the run does not measure. Before the first step all are shown. */
function measured(charts: readonly Chart[], { steps, validation }: Curves): Chart[] {
  const started = steps.epoch.length > 0 || validation.epoch.length > 0;
  return charts.filter((chart) => !started || hasValues(chart));
}

/**
 * Returns the charts of curves.
 *
 * @param classes null if not known. With five classes or fewer there is no top-5 error.
 */
export function chartsOf(curves: Curves, classes: number | null): Chart[] {
  const { steps, validation } = curves;
  const lines = (training: Column, validating: Column): Line[] => {
    const line: Line = { label: 'training (recent steps)', epoch: steps.epoch, values: training, colour: 'training' };
    if (validation.epoch.length === 0) return [line];
    return [
      line,
      {
        label: 'validation (after the epoch)',
        epoch: validation.epoch,
        values: validating,
        colour: 'validation',
        marked: true,
      },
    ];
  };
  const rate: Line = { label: 'rate', epoch: steps.epoch, values: steps.rate, colour: 'training' };
  const charts: Chart[] = [
    { title: 'Loss', unit: '', lines: lines(steps.loss, validation.loss) },
    { title: 'Top-1 error', unit: '%', fromZero: true, lines: lines(steps.top1, validation.top1) },
    { title: 'Top-5 error', unit: '%', fromZero: true, lines: lines(steps.top5, validation.top5) },
    { title: 'Learning rate', unit: '', steps: true, lines: [rate] },
  ];
  const hidden = classes !== null && classes <= 5 ? 'Top-5 error' : undefined;
  return measured(
    charts.filter(({ title }) => title !== hidden),
    curves,
  );
}

/** Returns the chart of throughput; none if it is not measured. */
export function throughputCharts(curves: Curves): Chart[] {
  const { epoch, imagesPerSecond } = curves.steps;
  const line: Line = { label: 'images/s', epoch, values: imagesPerSecond, colour: 'training' };
  return measured([{ title: 'Images per second', unit: '', fromZero: true, lines: [line] }], curves);
}

/** Returns true for a rate that falls by large steps. On a logarithmic axis these are equal. */
function fallsBySteps(values: Column): boolean {
  const distinct = [...new Set(values.filter((value) => value !== null && value > 0))] as number[];
  const sorted = distinct.sort((a, b) => a - b);
  return sorted.length > 1 && sorted.length <= 12 && sorted.at(-1)! / sorted[0]! >= 8;
}

/** Replaces each value by the mean of its neighbours, if there are many values. */
function smoothed(values: Column): Column {
  const reach = Math.max(1, Math.round(values.length / 60));
  if (values.length < 40) return values;
  return values.map((_, i) => {
    const near = values.slice(Math.max(0, i - reach), i + reach + 1).filter((value) => value !== null);
    return near.length === 0 ? null : near.reduce((sum, value) => sum + value, 0) / near.length;
  });
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  return (name: string) => style.getPropertyValue(`--${name}`).trim();
}

const HEIGHT = 220;
/** Half of the text width of an A4 or letter page, in CSS pixels. */
const PAPER_WIDTH = 330;
/** Kinds of axes of uPlot. */
const LINEAR = 1;
const LOGARITHMIC = 3;

function options(chart: Chart, width: number): uPlot.Options {
  const colour = colours();
  const log = chart.steps === true && fallsBySteps(chart.lines[0]!.values);
  const axis: uPlot.Axis = {
    stroke: colour('quiet'),
    font: '12px system-ui, sans-serif',
    grid: { stroke: colour('line'), width: 1 },
    ticks: { stroke: colour('line'), width: 1, size: 4 },
  };
  return {
    width,
    height: HEIGHT,
    scales: {
      // Space on the right, so that the marks of the last epoch do not lie on the frame.
      x: { time: false, range: (_, low, high) => [low, high + 0.02 * (high - low)] },
      y: {
        distr: log ? LOGARITHMIC : LINEAR,
        range: (_, low, high) => {
          if (log) return [low / 2, high * 2];
          const [bottom, top] = uPlot.rangeNum(low, high, 0.08, true) as [number, number];
          return [chart.fromZero || low >= 0 ? Math.max(0, chart.fromZero ? 0 : bottom) : bottom, top];
        },
      },
    },
    axes: [
      { ...axis, label: 'epoch', labelSize: 18, labelFont: '12px system-ui, sans-serif', size: 26, space: 44 },
      {
        ...axis,
        size: 52,
        values: (_, splits) =>
          splits.map((split) => (split == null ? '' : `${figure(split)}${chart.unit && ` ${chart.unit}`}`)),
      },
    ],
    series: [
      { label: 'epoch', value: (_, epoch) => (epoch == null ? '–' : epoch.toFixed(2)) },
      ...chart.lines.map(
        ({ label, colour: name, marked }): uPlot.Series => ({
          label,
          stroke: colour(name),
          width: marked ? 2 : 1.5,
          spanGaps: true,
          points: marked ? { show: true, size: 5, fill: colour(name) } : { show: false },
          value: (_, value) => (value == null ? '–' : `${figure(value)}${chart.unit && ` ${chart.unit}`}`),
        }),
      ),
    ],
    // With no cursor on the chart the legend shows the last values.
    hooks: {
      ready: [(plot) => plot.setLegend({ idx: plot.data[0].length - 1 })],
      setData: [(plot) => plot.setLegend({ idx: plot.data[0].length - 1 })],
      setCursor: [
        (plot) => {
          if ((plot.cursor.left ?? -1) < 0) plot.setLegend({ idx: plot.data[0].length - 1 });
        },
      ],
    },
    legend: { live: true },
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
  };
}

function dataOf({ lines }: Chart): uPlot.AlignedData {
  const parts = lines.map(({ epoch, values, marked }) => [epoch, marked ? values : smoothed(values)]);
  return uPlot.join(parts as unknown as uPlot.AlignedData[]);
}

/** Figure that is drawn once it is on the page, and again when its width changes. */
export interface Figure {
  readonly element: HTMLElement;
  draw(): void;
  update(chart: Chart): void;
}

export function figureOf(first: Chart): Figure {
  let chart = first;
  let plot: uPlot | undefined;
  const place = h('div', { class: 'plot' });
  const element = h(
    'figure',
    { class: 'chart', 'aria-label': `Chart: ${chart.title}` },
    h('figcaption', {}, chart.title),
    place,
  );
  const draw = () => {
    const paper = document.documentElement.classList.contains('paper');
    plot?.destroy();
    plot = undefined;
    const width = paper ? PAPER_WIDTH : place.clientWidth;
    if (width === 0) return;
    const ready = hasValues(chart);
    place.replaceChildren(ready ? '' : 'no step yet');
    if (!ready) return;
    plot = new uPlot(options(chart, width), dataOf(chart), place);
  };
  new ResizeObserver(() => {
    if (plot?.width !== place.clientWidth && plot?.width !== PAPER_WIDTH) draw();
  }).observe(place);
  return {
    element,
    draw,
    update: (next) => {
      const same = next.lines.length === chart.lines.length && !next.steps;
      chart = next;
      if (same && plot !== undefined) plot.setData(dataOf(chart));
      else draw();
    },
  };
}
