/** What the command line calls: the commands, by what they take. */
import type { ConvertArguments } from '../commands/convert';
import type { EvaluateArguments } from '../commands/evaluate';
import type { InspectArguments } from '../commands/inspect';
import type { PaperArguments } from '../commands/paper';
import type { PredictArguments } from '../commands/predict';
import type { ReportArguments } from '../commands/report';
import type { TrainArguments } from '../run/prepare';

/** What the commands do, injected so that the words can be tested without them. */
export interface Commands {
  train(options: TrainArguments): Promise<void>;
  evaluate(options: EvaluateArguments): Promise<void>;
  predict(images: readonly string[], options: PredictArguments): Promise<void>;
  inspect(file: string | undefined, options: InspectArguments): Promise<void>;
  convert(input: string, output: string, options: ConvertArguments): Promise<void>;
  report(run: string, options: ReportArguments): Promise<void>;
  paper(options: PaperArguments): Promise<void>;
}
