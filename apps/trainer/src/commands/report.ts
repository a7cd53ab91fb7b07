/** `report`: writes `report.html` of a run from its folder, its images and its weights. */
import { join, resolve } from 'node:path';
import { VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import { describeEngine, type EngineName, startEngine } from '@vgg/engine';
import { PROTOCOLS, type Protocol } from '@vgg/eval';
import { type ReportData, readEvaluation, type StudyData, writeReport } from '@vgg/report';
import { evaluateRuns } from '../evaluate/evaluate';
import { studyReportOf } from '../paper/report';
import { studyExists } from '../paper/study';
import { REPORT, reportOf } from '../report/run-report';
import { readRecord } from '../run/folder';
import { print } from '../terminal/output';
import type { Terminal } from '../terminal/terminal';

export interface ReportArguments {
  out?: string;
  evaluate: Protocol | 'all' | 'none';
  scales?: readonly number[];
  limit?: number;
  engine: EngineName | 'auto';
  json: boolean;
  quiet: boolean;
}

export async function runReport(run: string, options: ReportArguments, terminal: Terminal): Promise<void> {
  const path = resolve(run);
  const out = resolve(options.out ?? join(path, REPORT));
  const write = async (data: ReportData | StudyData) => {
    await writeReport(out, data).catch((error: unknown) => {
      throw new VggError('io', `cannot write ${out}: ${systemReason(error)}; choose another --out`, { cause: error });
    });
  };
  if (studyExists(path)) {
    await write(await studyReportOf(path));
    return print(options.json ? JSON.stringify({ report: out }, null, 2) : out);
  }
  await readRecord(path);
  terminal.say(describeEngine(await startEngine(options.engine)));
  if (options.evaluate !== 'none') {
    const { scales, limit } = options;
    const protocols = options.evaluate === 'all' ? PROTOCOLS : [options.evaluate];
    await evaluateRuns([path], { split: 'val', protocols, strict: false, scales, limit }, terminal);
  }
  await write(await reportOf(path));
  if (options.json) return print(JSON.stringify({ report: out, ...(await readEvaluation(path)) }, null, 2));
  await print(out);
}
