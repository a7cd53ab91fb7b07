/** Draws a report from the data in the page and, on a live page, keeps it up to date with what its server sends. */
import 'uplot/dist/uPlot.min.css';
import './style.css';
import type { Progressing, ReportData, StudyData } from '../report/data';
import { chartsOf, type Figure, figureOf, throughputChart } from './charts';
import { h, section } from './dom';
import * as part from './sections';

interface Page {
  data: ReportData;
  curves: readonly Figure[];
  throughput: Figure;
}

function draw(data: ReportData): Page {
  const curves = chartsOf(data.curves, data.classes).map(figureOf);
  const throughput = figureOf(throughputChart(data.curves));
  const { missing } = data;
  const place = document.querySelector('#report')!;
  document.title = data.name;
  place.replaceChildren(
    part.header(data),
    part.activity(data.activity),
    part.tiles(data),
    section('curves', 'Curves', '', h('div', { class: 'charts' }, ...curves.map(({ element }) => element))),
    part.results(data),
    part.confusion(data.confusion, missing.confusion),
    part.mistakes(data.mistakes, missing.mistakes),
    part.heatMaps(data.heatMaps, missing.heatMaps),
    part.crops(data.crops, missing.crops),
    part.filters(data.filters, missing.filters),
    section(
      'time',
      'Throughput and time',
      '',
      h('div', { class: 'charts' }, throughput.element, part.timeSpent(data.time)),
    ),
    part.factTables(data.facts),
  );
  const page = { data, curves, throughput };
  redraw(page);
  return page;
}

function redraw({ curves, throughput }: Page): void {
  for (const figure of [...curves, throughput]) figure.draw();
}

/** Takes in what changes with every step, and leaves all else as it is. */
function progress(page: Page, now: Progressing): void {
  page.data = { ...page.data, ...now };
  document.querySelector('#activity')!.replaceWith(part.activity(now.activity));
  document.querySelector('#tiles')!.replaceWith(part.tiles(now));
  document.querySelector('#spent')!.replaceWith(part.timeSpent(now.time));
  for (const [i, chart] of chartsOf(now.curves, page.data.classes).entries()) page.curves[i]!.update(chart);
  page.throughput.update(throughputChart(now.curves));
}

/** The report of a study, which has no curves of its own. */
function drawStudy(data: StudyData): void {
  document.title = data.name;
  document
    .querySelector('#report')!
    .replaceChildren(part.studyHeader(data), ...data.tables.map(part.printedTable), part.factTables(data.facts));
}

/** A live page before the run has anything to show. */
function preparing(): void {
  const about = h('p', { class: 'about', id: 'made' }, 'The run is being prepared: its images are opened.');
  document.querySelector('#report')!.replaceChildren(h('header', {}, h('h1', {}, 'Training'), about));
}

/** Takes what the server sends until it says that the run has ended. */
function follow(): void {
  const source = new EventSource('events');
  const say = (text: string) => {
    document.querySelector('#made')!.textContent = text;
  };
  const on = (name: string, take: (data: unknown) => void) =>
    source.addEventListener(name, (event) => take(JSON.parse((event as MessageEvent<string>).data)));
  on('progress', (now) => {
    if (page === undefined) return;
    progress(page, now as Progressing);
    say('Live');
  });
  on('report', (data) => {
    const at = scrollY;
    page = draw(data as ReportData);
    scrollTo(0, at);
  });
  on('end', (words) => {
    source.close();
    document.querySelector('#activity')?.replaceWith(part.activity(null));
    say(String(words));
  });
  source.addEventListener('error', () => {
    // Its own attempts to connect again would go on for ever, each an error of the console.
    source.close();
    say('The run’s program has ended or does not answer: load this page again to see.');
  });
}

const first = JSON.parse(document.querySelector('#data')!.textContent!) as ReportData | StudyData | null;
let page = first?.kind === 'run' ? draw(first) : undefined;
if (first === null) preparing();
if (first?.kind === 'study') drawStudy(first);
const redrawPage = () => page !== undefined && redraw(page);
/** Paper is light and of its own width, whatever the screen is; canvases are drawn anew for it. */
const onPaper = (yes: boolean) => {
  document.documentElement.classList.toggle('paper', yes);
  redrawPage();
};
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawPage);
addEventListener('beforeprint', () => onPaper(true));
addEventListener('afterprint', () => onPaper(false));
if (document.documentElement.hasAttribute('data-live')) follow();
