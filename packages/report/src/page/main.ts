/** Draws a report from the data in the page. A live page is updated with the events of its server. */
import 'uplot/dist/uPlot.min.css';
import './style.css';
import type { Progressing, ReportData, StudyData } from '../data';
import { barCharts } from './bars';
import { chartsOf, type Figure, figureOf, throughputCharts } from './charts';
import { h, section } from './dom';
import { crops, filters, heatMaps, mistakes } from './galleries';
import { classFigures, confusion, printedTable, results } from './results';
import * as part from './sections';

/** Explanation of the curves: why they differ from the numbers of the terminal and from each other. */
const ABOUT_CURVES =
  'Training: the mean of neighbouring steps, on augmented crops and with the weights of that step, so early in a run it lies far above the validation error. Its last value is that of the last steps, not of the whole epoch as in the terminal. Validation: one centre crop of each image, after the epoch.';

interface Page {
  data: ReportData;
  curves: readonly Figure[];
  throughput: readonly Figure[];
}

function draw(data: ReportData): Page {
  const curves = chartsOf(data.curves, data.classes).map(figureOf);
  const throughput = throughputCharts(data.curves).map(figureOf);
  const { missing } = data;
  const place = document.querySelector('#report')!;
  document.title = data.name;
  const sections = [
    part.header(data),
    part.activity(data.activity),
    part.tiles(data),
    section('curves', 'Curves', ABOUT_CURVES, h('div', { class: 'charts' }, ...elements(curves))),
    results(data),
    classFigures(data.perClass),
    confusion(data.confusion, missing.confusion),
    mistakes(data.mistakes, missing.mistakes),
    heatMaps(data.heatMaps, missing.heatMaps),
    crops(data.crops, missing.crops),
    filters(data.filters, missing.filters),
    section(
      'time',
      'Throughput and time',
      '',
      h('div', { class: 'charts' }, ...elements(throughput), part.timeSpent(data.time)),
    ),
    part.factTables(data.facts),
  ];
  place.replaceChildren(...sections.filter((element) => element !== null));
  const page = { data, curves, throughput };
  redraw(page);
  return page;
}

function elements(figures: readonly Figure[]): HTMLElement[] {
  return figures.map(({ element }) => element);
}

function redraw({ curves, throughput }: Page): void {
  for (const figure of [...curves, ...throughput]) figure.draw();
}

/** Updates the parts that change with every step. Returns the page, drawn again if it has other charts now. */
function progress(page: Page, now: Progressing): Page {
  const data = { ...page.data, ...now };
  const curves = chartsOf(now.curves, data.classes);
  const throughput = throughputCharts(now.curves);
  if (curves.length !== page.curves.length || throughput.length !== page.throughput.length) return draw(data);
  document.querySelector('#activity')!.replaceWith(part.activity(now.activity));
  document.querySelector('#tiles')!.replaceWith(part.tiles(data));
  document.querySelector('#spent')!.replaceWith(part.timeSpent(now.time));
  for (const [i, chart] of curves.entries()) page.curves[i]!.update(chart);
  for (const [i, chart] of throughput.entries()) page.throughput[i]!.update(chart);
  return { ...page, data };
}

/** Draws the report of several runs. It has no curves of its own. */
function drawStudy(data: StudyData): void {
  document.title = data.name;
  const parts = [
    part.studyHeader(data),
    barCharts(data.charts),
    ...data.tables.map(printedTable),
    part.factTables(data.facts),
  ];
  document.querySelector('#report')!.replaceChildren(...parts.filter((element) => element !== null));
}

/** Draws a live page before the first report of its run. */
function preparing(): void {
  const about = h('p', { class: 'about', id: 'made' }, 'The run is being prepared: its images are being opened.');
  document.querySelector('#report')!.replaceChildren(h('header', {}, h('h1', {}, 'Training'), about));
}

/** Takes the events of the server until the run has ended. */
function follow(): void {
  const source = new EventSource('events');
  const show = (text: string) => {
    document.querySelector('#made')!.textContent = text;
  };
  const on = (name: string, take: (data: unknown) => void) =>
    source.addEventListener(name, (event) => take(JSON.parse((event as MessageEvent<string>).data)));
  on('progress', (now) => {
    if (page === undefined) return;
    page = progress(page, now as Progressing);
    show('Live');
  });
  on('report', (data) => {
    const at = scrollY;
    page = draw(data as ReportData);
    scrollTo(0, at);
  });
  on('end', (message) => {
    source.close();
    document.querySelector('#activity')?.replaceWith(part.activity(null));
    show(String(message));
  });
  source.addEventListener('error', () => {
    // The browser would try to connect again for ever, with an error in the console each time.
    source.close();
    show('The training program has ended or does not answer. Reload this page to check.');
  });
}

const first = JSON.parse(document.querySelector('#data')!.textContent!) as ReportData | StudyData | null;
let page = first?.kind === 'run' ? draw(first) : undefined;
if (first === null) preparing();
if (first?.kind === 'study') drawStudy(first);
const redrawPage = () => page !== undefined && redraw(page);
/** Prepares the page for print or for the screen. Paper is always light and has its own width. */
const setPaper = (isPaper: boolean) => {
  document.documentElement.classList.toggle('paper', isPaper);
  redrawPage();
};
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawPage);
addEventListener('beforeprint', () => setPaper(true));
addEventListener('afterprint', () => setPaper(false));
if (document.documentElement.hasAttribute('data-live')) follow();
