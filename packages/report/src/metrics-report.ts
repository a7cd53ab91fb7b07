/** Report of a run of which only the metrics are known. */
import type { Facts, ReportData, RunState } from './data';
import { History, type MetricsEntry, parseEntry } from './history';

export interface MetricsReportOptions {
  /** Name of the run, the title of the page. */
  readonly name: string;
  /** Text of a `metrics.jsonl` file, or its entries. */
  readonly metrics: string | Iterable<MetricsEntry>;
  /** One line that describes the run. Default none. */
  readonly summary?: string | undefined;
  /** Default `complete`. */
  readonly state?: RunState | undefined;
  /** Number of epochs planned. Default the number of epochs finished. */
  readonly epochs?: number | undefined;
  /** Number of batches in an epoch. Default the largest that the metrics hold. */
  readonly batchesPerEpoch?: number | undefined;
  /** Number of classes: with five or fewer, top-5 errors are not drawn. Default unknown. */
  readonly classes?: number | undefined;
  /** Tables of names and values at the end of the page. Default none. */
  readonly facts?: readonly Facts[] | undefined;
}

function parseEntries(text: string): MetricsEntry[] {
  return text
    .split('\n')
    .map(parseEntry)
    .filter((entry) => entry !== undefined);
}

/** Returns the report of a run from its metrics alone: curves, best epoch, throughput and time. */
export function reportOfMetrics(options: MetricsReportOptions): ReportData {
  const { name, metrics, summary = '', state = 'complete', classes = null, facts = [] } = options;
  const entries = typeof metrics === 'string' ? parseEntries(metrics) : [...metrics];
  const batches = entries.reduce((most, entry) => (entry.type === 'step' ? Math.max(most, entry.batch + 1) : most), 1);
  const history = new History(options.batchesPerEpoch ?? batches);
  for (const entry of entries) history.add(entry);
  const { computing, waiting, validating, saving } = history.time;
  return {
    kind: 'run',
    name,
    summary,
    made: new Date().toISOString(),
    classes,
    k: 5,
    headline: {
      state,
      epoch: history.epoch,
      epochs: options.epochs ?? history.epoch,
      best: history.best,
      seconds: computing + waiting + validating + saving,
      imagesPerSecond: history.meanImagesPerSecond,
    },
    curves: history.curves,
    time: history.time,
    activity: null,
    results: [],
    confusion: null,
    perClass: null,
    mistakes: [],
    heatMaps: [],
    crops: [],
    filters: null,
    facts,
    missing: {},
  };
}
