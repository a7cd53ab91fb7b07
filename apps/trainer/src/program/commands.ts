/** The commands that the command line calls, with their arguments. */
import type { ConvertArguments } from '../commands/convert';
import type { EvaluateArguments } from '../commands/evaluate';
import type { InspectArguments } from '../commands/inspect';
import type { PaperArguments } from '../commands/paper';
import type { PredictArguments } from '../commands/predict';
import type { ReportArguments } from '../commands/report';
import type { RunsAction, RunsArguments } from '../commands/runs';
import type { TransferArguments } from '../commands/transfer';
import type { TrainArguments } from '../run/arguments';

/** Implementations of the commands, injected so that tests of the command line can replace them. */
export interface Commands {
  train(options: TrainArguments): Promise<void>;
  evaluate(options: EvaluateArguments): Promise<void>;
  predict(images: readonly string[], options: PredictArguments): Promise<void>;
  inspect(file: string | undefined, options: InspectArguments): Promise<void>;
  convert(input: string, output: string, options: ConvertArguments): Promise<void>;
  report(run: string, options: ReportArguments): Promise<void>;
  paper(options: PaperArguments): Promise<void>;
  transfer(options: TransferArguments): Promise<void>;
  runs(action: RunsAction, words: readonly string[], options: RunsArguments): Promise<void>;
}
