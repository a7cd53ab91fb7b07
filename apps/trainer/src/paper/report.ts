/** Report of the paper's study: its tables as they are printed, with the paper's own figures next to them. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { StudyData } from '@vgg/report';
import { environmentFacts, factRow } from '../report/describe';
import { REPORT } from '../report/run-report';
import { readStudy } from './study';

/**
 * Makes the report of a study's folder. While the study is under way it has no tables.
 *
 * @throws VggError `VGG_RUN` if the folder does not hold a study.
 */
export async function studyReportOf(folder: string): Promise<StudyData> {
  const {
    settings,
    nets,
    tables = [],
    charts = [],
    notes = [],
    environment,
    created,
    classes,
    images,
  } = await readStudy(folder);
  return {
    kind: 'study',
    name: basename(folder),
    summary: `The paper's study on ${basename(settings.data)}: ${classes} classes, ${images.train} images, ${images.validation} for validation`,
    made: new Date().toISOString(),
    tables,
    charts,
    notes: tables.length > 0 ? notes : ['The study is under way. Its tables are made at the end.'],
    runs: nets
      .filter(({ name }) => existsSync(join(folder, 'nets', name, REPORT)))
      .map(({ name }) => ({ name, href: `nets/${encodeURIComponent(name)}/${REPORT}` })),
    facts: [{ title: 'Settings', rows: Object.entries(settings).map(factRow) }, environmentFacts(environment, created)],
  };
}
