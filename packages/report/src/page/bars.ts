/** Charts of a study: errors as bars, next to those of the paper. */
import type { BarChart } from '../data';
import { h, section } from './dom';

/** Draws bars of errors, each with its reference under it. */
function barChart({ title, bars }: BarChart): HTMLElement {
  const most = bars.reduce((high, { value, reference = 0 }) => Math.max(high, value, reference), 0);
  const bar = (label: string, value: number, text: string, kind: string) =>
    h(
      'div',
      { class: `bar ${kind}` },
      h('span', {}, label),
      h('i', { style: `--share: ${(100 * value) / Math.max(most, 1e-9)}%` }),
      h('span', {}, text),
    );
  const rows = bars.flatMap(({ label, value, error, reference }) => [
    bar(label, value, `${value.toFixed(1)} ± ${error.toFixed(1)}\u00a0%`, 'fused'),
    reference !== undefined && bar('', reference, `${reference.toFixed(1)}\u00a0%`, 'reference'),
  ]);
  return h('figure', { class: 'bars wide', 'aria-label': `Chart: ${title}` }, h('figcaption', {}, title), ...rows);
}

/** Draws the charts of a study; null if it has none. */
export function barCharts(charts: readonly BarChart[]): HTMLElement | null {
  if (charts.length === 0) return null;
  const about =
    "Top-1 error, ± one standard error. Under each bar, in grey: the paper's on ImageNet. Compare the order, not the level.";
  return section('charts', 'Charts', about, ...charts.map(barChart));
}
