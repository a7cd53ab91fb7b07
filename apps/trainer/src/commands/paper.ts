/** `paper`: repeats the paper's study on any data set within a time budget, and prints Tables 3 to 6. */
import { basename, join, resolve } from 'node:path';
import { VggError } from '@vgg/core';
import { writeFileAtomically } from '@vgg/core/node';
import { startEngine } from '@vgg/engine';
import { writeReport } from '@vgg/report';
import { findings, findingsTable, markdown, notesOn, studyCharts, tables } from '@vgg/study';
import { studyReportOf } from '../paper/report';
import { carryOut } from '../paper/run';
import { newStudy, type OpenedStudy, openImages, type StudyRequest } from '../paper/start';
import { extended, readStudy, resultsOf, type Study, saveStudy } from '../paper/study';
import { REPORT } from '../report/run-report';
import type { SessionArguments } from '../run/arguments';
import { KEEPING } from '../run/folder';
import { COMMAND } from '../terminal/command';
import { print } from '../terminal/output';
import type { Terminal } from '../terminal/terminal';

export interface PaperArguments extends Omit<StudyRequest, 'data'>, Omit<SessionArguments, 'ui' | 'uiPort'> {
  data?: string;
  out?: string;
  resume?: string;
  /** New budget of a resumed study, in seconds. */
  extendTo?: number;
}

function folderOf({ resume, out }: PaperArguments): string {
  const time = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return resolve(resume ?? out ?? `runs/paper-${time}`);
}

async function openStudy(
  folder: string,
  options: PaperArguments,
  session: SessionArguments,
  terminal: Terminal,
): Promise<OpenedStudy & { spent: () => number }> {
  const began = performance.now();
  const since = () => (performance.now() - began) / 1000;
  const { data, out: _out, resume, extendTo, ...rest } = options;
  if (resume !== undefined) {
    const kept = await readStudy(folder);
    const study = extendTo === undefined ? kept : extended(kept, extendTo);
    const before = study.spent;
    const { data: opened } = await openImages(study.settings, terminal);
    // If all nets are trained, only their evaluation is left, and it needs the engine too.
    await startEngine(study.engine, session.device);
    return { study, validation: opened.validation, spent: () => before + since() };
  }
  if (data === undefined) throw new VggError('argument', 'paper needs images: add --data DIR');
  const { engine: _e, workers: _w, strict: _s, json: _j, quiet: _q, ...request } = rest;
  return { ...(await newStudy(folder, { ...request, data }, session, terminal, since)), spent: since };
}

/** Adds the tables, the charts and the notes to the study. */
async function conclude(folder: string, study: Study): Promise<Study & Required<Pick<Study, 'tables' | 'notes'>>> {
  const { settings, trained, environment, recipe } = study;
  const results = await resultsOf(folder, study);
  const epochs = Object.fromEntries(Object.entries(trained).map(([name, net]) => [name, net.epochs]));
  const endedEarly = Object.keys(trained).filter((name) => trained[name]!.endedEarly);
  const found = findingsTable(findings(results, epochs));
  const made = tables({ results, input: settings.input, epochs });
  const machine = `${environment.processor}, ${environment.cores} cores, engine ${environment.engine}`;
  return {
    ...study,
    tables: found === undefined ? made : [found, ...made],
    charts: studyCharts(results),
    notes: notesOn({ ...study, results, epochs, endedEarly, recipe, machine }),
  };
}

export async function runPaper(options: PaperArguments, terminal: Terminal): Promise<void> {
  const { engine, workers, strict, json, quiet } = options;
  const session: SessionArguments = { engine, workers, strict, json, quiet, ui: false, ...KEEPING };
  const folder = folderOf(options);
  const { study, validation, spent } = await openStudy(folder, options, session, terminal);
  terminal.say(`the study is ${folder}: ${study.nets.map(({ name }) => name).join(', ')}`);
  const done = await carryOut({
    folder,
    study,
    validation,
    session: { ...session, engine: study.engine },
    terminal,
    spent,
  });
  if (!done) {
    terminal.say(`saved; continue with: ${COMMAND} paper --resume ${folder}`);
    return;
  }
  const concluded = await conclude(folder, study);
  await saveStudy(folder, concluded);
  const title = `The paper's study on ${basename(study.settings.data)}`;
  const text = markdown(title, concluded.tables, concluded.notes);
  await writeFileAtomically(join(folder, 'paper.md'), [Buffer.from(text)]);
  await writeReport(join(folder, REPORT), await studyReportOf(folder));
  await print(json ? JSON.stringify({ folder, ...concluded }, null, 2) : text.trimEnd());
  terminal.say(`the tables are in ${join(folder, 'paper.md')}, ${REPORT} and paper.json`);
}
