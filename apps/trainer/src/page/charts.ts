/** The curves: uPlot on canvas, in the page's colours, drawn anew when these, the width or the data change. */
import uPlot from 'uplot';
import type { Column, Curves } from '../report/data';
import { figure, h } from './dom';

interface Line {
  label: string;
  epoch: Column;
  values: Column;
  /** A colour of the style sheet. */
  colour: 'training' | 'validation';
  dashed?: boolean;
  /** Few points, each true by itself: marked. */
  marked?: boolean;
}

interface Chart {
  title: string;
  unit: string;
  lines: readonly Line[];
  /** Lowest value of the axis, where zero must show. */
  fromZero?: boolean;
  /** Whether the axis may be logarithmic. */
  steps?: boolean;
}

/** The charts of curves. Among five classes or fewer there is no top-5 error. */
export function chartsOf({ steps, validation }: Curves, classes: number): Chart[] {
  const training = (label: string, values: Column, dashed = false): Line => ({
    ...{ label, values, dashed, epoch: steps.epoch, colour: 'training' },
  });
  const validating = (label: string, values: Column, dashed = false): Line => ({
    ...{ label, values, dashed, epoch: validation.epoch, colour: 'validation', marked: true },
  });
  const checked = validation.epoch.length > 0;
  return [
    {
      title: 'Loss',
      unit: '',
      lines: [training('training', steps.loss), ...(checked ? [validating('validation', validation.loss)] : [])],
    },
    {
      title: 'Top-1 error',
      unit: '%',
      fromZero: true,
      lines: [training('training', steps.top1), ...(checked ? [validating('validation', validation.top1)] : [])],
    },
    ...(classes > 5
      ? [
          {
            title: 'Top-5 error',
            unit: '%',
            fromZero: true,
            lines: [training('training', steps.top5), ...(checked ? [validating('validation', validation.top5)] : [])],
          },
        ]
      : []),
    { title: 'Learning rate', unit: '', steps: true, lines: [training('rate', steps.rate)] },
  ];
}

export function throughputChart({ steps }: Curves): Chart {
  return {
    title: 'Images a second',
    unit: '',
    fromZero: true,
    lines: [training('images/s', steps.imagesPerSecond, steps.epoch)],
  };
}

function training(label: string, values: Column, epoch: Column): Line {
  return { label, values, epoch, colour: 'training' };
}

/** Whether a rate falls by steps, which a logarithmic axis shows as equal ones. */
function fallsBySteps(values: Column): boolean {
  const distinct = [...new Set(values.filter((value) => value !== null && value > 0))] as number[];
  const sorted = distinct.sort((a, b) => a - b);
  return sorted.length > 1 && sorted.length <= 12 && sorted.at(-1)! / sorted[0]! >= 8;
}

/** Each value as the mean of its neighbours, where there are many: what they say together. */
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
/** Half of an A4 or letter page between its margins, in CSS pixels. */
const PAPER_WIDTH = 330;

function options(chart: Chart, width: number, paper: boolean): uPlot.Options {
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
    ...(paper && { pxRatio: 3 }),
    scales: {
      x: { time: false },
      y: {
        ...(log && { distr: 3 as const }),
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
        ({ label, colour: name, dashed, marked }): uPlot.Series => ({
          label,
          stroke: colour(name),
          width: marked ? 2 : 1.5,
          spanGaps: true,
          ...(dashed && { dash: [5, 4] }),
          points: marked ? { show: true, size: 5, fill: colour(name) } : { show: false },
          value: (_, value) => (value == null ? '–' : `${figure(value)}${chart.unit && ` ${chart.unit}`}`),
        }),
      ),
    ],
    // With no cursor on the chart the legend gives the last values.
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

/** A figure that draws itself once it is on the page, and again when its width changes. */
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
    const drawn = chart.lines.some(({ values }) => values.some((value) => value !== null));
    place.replaceChildren(drawn ? '' : 'no step yet');
    if (!drawn) return;
    plot = new uPlot(options(chart, width, paper), dataOf(chart), place);
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
