#!/usr/bin/env node
/** Entry point: runs the command line and turns any error into one line and an exit code. */
import { didYouMean, isInputError, VggError } from '@vgg/core';
import { CommanderError } from 'commander';
import { enterJob, failJob, leaveJob } from './job/job';
import { createProgram } from './program/program';
import type { Terminal } from './terminal/terminal';

/** Exit codes: 0 done, 1 failure, 2 bad input, 130 interrupted (128 + SIGINT). */
function exitCode(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  return error instanceof VggError && isInputError(error) ? 2 : 1;
}

function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const line = message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .trim();
  return error instanceof VggError || error instanceof CommanderError ? line : `unexpected: ${line}`;
}

/** Refuses a first word that is not a command: commander would take it as an argument of `train`. */
function checkCommand(word: string | undefined, known: readonly string[]): void {
  if (word === undefined || word.startsWith('-') || known.includes(word)) return;
  throw new VggError('argument', `unknown command "${word}"${didYouMean(word, known)}: expected ${known.join(', ')}`);
}

/** Creates the log and progress of a command. */
async function terminalOf({ quiet }: { quiet: boolean }): Promise<Terminal> {
  return (await import('./terminal/terminal')).createTerminal({ stream: process.stderr, quiet });
}

/** Commands that several processes can do together. They join the job themselves. */
const DISTRIBUTED: readonly string[] = ['train', 'evaluate', 'paper'];

async function main(words: readonly string[]): Promise<number> {
  // Commands load their libraries only when called, so that `--help` and a mistyped option answer at once.
  const program = createProgram({
    train: async (options) => (await import('./commands/train')).runTrain(options, await terminalOf(options)),
    evaluate: async (options) => (await import('./commands/evaluate')).runEvaluate(options, await terminalOf(options)),
    predict: async (images, options) =>
      (await import('./commands/predict')).runPredict(images, options, await terminalOf(options)),
    report: async (run, options) =>
      (await import('./commands/report')).runReport(run, options, await terminalOf(options)),
    inspect: async (file, options) =>
      (await import('./commands/inspect')).runInspect(file, options, await terminalOf(options)),
    convert: async (input, output, options) =>
      (await import('./commands/convert')).runConvert(input, output, options, await terminalOf(options)),
    runs: async (action, words, options) =>
      (await import('./commands/runs')).runRuns(action, words, options, await terminalOf({ quiet: false })),
    transfer: async (options) => (await import('./commands/transfer')).runTransfer(options, await terminalOf(options)),
    paper: async (options) => (await import('./commands/paper')).runPaper(options, await terminalOf(options)),
  });
  try {
    const known = program.commands.map((command) => command.name());
    checkCommand(words[0], known);
    const command = known.find((name) => name === words[0]) ?? 'train';
    if (!DISTRIBUTED.includes(command)) await enterJob(command, false);
    await program.parseAsync(words, { from: 'user' });
    await leaveJob();
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return await fail(error);
  }
}

/** Prints an error in one line, ends the job if there is one, and returns the exit code. */
async function fail(error: unknown): Promise<number> {
  const code = exitCode(error);
  if (process.env.VGG_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  const rank = error instanceof VggError ? (error.details.rank as number | undefined) : undefined;
  if (code !== 0) await failJob(oneLine(error), code, rank);
  return code;
}

/** An error that no call waits for ends the program as any other does. */
process.on('uncaughtException', async (error) => process.exit(await fail(error)));

/** A closed output pipe (`| head`) must not end a training run. */
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

/** Package managers run scripts in the package's folder, but the user's paths are relative to their own folder. */
if (process.env.npm_lifecycle_event === 'start' && process.env.INIT_CWD !== undefined)
  process.chdir(process.env.INIT_CWD);
process.exitCode = await main(process.argv.slice(2));
