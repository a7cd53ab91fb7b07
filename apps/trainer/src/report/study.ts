/** The report of the paper's study: its tables as they are printed, with the paper's own figures beside them. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readStudy } from '../paper/study';
import { environmentFacts, factRow } from './assemble';
import type { StudyData } from './data';
import { REPORT } from './make';

/**
 * The report of a study's folder; without tables while the study is under way.
 * @throws VggError `VGG_RUN` when the folder holds no study.
 */
export async function studyReportOf(folder: string): Promise<StudyData> {
  const { settings, nets, tables = [], notes = [], environment, created, classes, images } = await readStudy(folder);
  return {
    kind: 'study',
    name: basename(folder),
    summary: `The paper's study on ${basename(settings.data)}: ${classes} classes, ${images.train} images, ${images.validation} for validation`,
    made: new Date().toISOString(),
    tables,
    notes: tables.length > 0 ? notes : ['The study has not ended: its tables follow when it has.'],
    runs: nets
      .filter(({ name }) => existsSync(join(folder, 'nets', name, REPORT)))
      .map(({ name }) => ({ name, href: `nets/${encodeURIComponent(name)}/${REPORT}` })),
    facts: [{ title: 'Settings', rows: Object.entries(settings).map(factRow) }, environmentFacts(environment, created)],
  };
}
