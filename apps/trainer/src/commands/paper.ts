/** `paper`: repeats the paper's study on any data set within a time budget, and prints Tables 3 to 6. */
import { basename, join, resolve } from 'node:path';
import { type Communicator, VggError } from '@vgg/core';
import { writeFileAtomically } from '@vgg/core/node';
import { startEngine } from '@vgg/engine';
import { writeReport } from '@vgg/report';
import { findings, findingsTable, markdown, notesOn, studyCharts, tables } from '@vgg/study';
import { requireSameSettings } from '@vgg/train';
import { enterJob, startRanks } from '../job/job';
import { joinStudy } from '../paper/ranks';
import { studyReportOf } from '../paper/report';
import { carryOut } from '../paper/run';
import { newStudy, type OpenedStudy, openImages, type StudyRequest } from '../paper/start';
import { announceStep, shareStudy } from '../paper/step';
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
  const {
    engine: _e,
    workers: _w,
    strict: _s,
    json: _j,
    quiet: _q,
    ranks: _ranks,
    hosts: _hosts,
    mpirun: _mpirun,
    ...request
  } = rest;
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

/** Checks that all ranks were started with the same options, which are rank 0's in the end. */
async function requireSameOptions(job: Communicator, options: PaperArguments): Promise<void> {
  const { workers, ranks, hosts, mpirun, json, quiet, ...compared } = options;
  await requireSameSettings(job, { ...compared });
}

export async function runPaper(options: PaperArguments, terminal: Terminal): Promise<void> {
  const { engine, device, workers, strict, json, quiet, ranks, hosts, mpirun } = options;
  if (await startRanks({ ranks, hosts, mpirun })) return;
  const job = await enterJob('paper', true);
  await requireSameOptions(job, options);
  const session: SessionArguments = { engine, device, workers, strict, json, quiet, ui: false, ...KEEPING };
  if (job.rank > 0) return joinStudy(session);
  const folder = folderOf(options);
  const { study, validation, spent } = await openStudy(folder, options, session, terminal);
  await shareStudy({ images: study.settings, engine: study.engine }, validation);
  terminal.say(`the study is ${folder}: ${study.nets.map(({ name }) => name).join(', ')}`);
  if (job.size > 1) terminal.say(`it is carried out by ${job.size} ranks, ${job.localSize} of them on this machine`);
  const done = await carryOut({
    folder,
    study,
    validation,
    session: { ...session, engine: study.engine },
    terminal,
    spent,
  });
  await announceStep({ kind: 'end' });
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
