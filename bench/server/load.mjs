/**
 * The example server under load, in turns with a server without batches on the packages of an earlier commit.
 *
 *   node bench/server/load.mjs FOLDER [--baseline CHECKOUT] [--configuration D] [--width 0.25] [--seconds 20]
 *     [--connections 20] [--rounds 1] [--batch 8] [--engine auto]
 *
 * FOLDER has photographs; they are sent as JPEGs of 500 x 375. Prints a Markdown table. A built CHECKOUT is needed for the baseline.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createRequire } from 'node:module';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));
const option = (value) => ({ type: 'string', default: value });
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    baseline: { type: 'string' },
    configuration: option('D'),
    width: option('0.25'),
    seconds: option('20'),
    connections: option('20'),
    rounds: option('1'),
    batch: option('8'),
    engine: option('auto'),
  },
});
const seconds = Number(values.seconds);
const WARM_UP = 3;
const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Reads photographs as JPEGs of 500 x 375. */
async function readPhotographs(folder, count) {
  const sharp = createRequire(`${root}packages/data/package.json`)('sharp');
  const files = readdirSync(folder).filter((file) => /\.jpe?g$/i.test(file));
  if (files.length === 0) throw new Error(`expected photographs in ${folder}, got none`);
  const resized = (file) => sharp(join(folder, file)).resize(500, 375).jpeg({ quality: 90 }).toBuffer();
  return Promise.all(files.slice(0, count).map(resized));
}

/** Writes the net, whose filters are random: they do not change the time. */
async function writeNet(path) {
  const built = (file) => createRequire(import.meta.url)(`${root}packages/${file}.cjs`);
  const tf = createRequire(`${root}packages/models/package.json`)('@tensorflow/tfjs-core');
  built('backend-onednn/dist/index');
  await tf.setBackend('onednn');
  const { createVgg, heInitialiser } = built('models/dist/index');
  const options = { configuration: values.configuration, width: Number(values.width) };
  const model = createVgg(options, heInitialiser({ seed: 1 }));
  // torchvision's, as in unbatched.mjs.
  const interpolation = 'pillow-bilinear';
  const preprocessing = {
    range: 1,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    scale: 256,
    interpolation,
  };
  await built('weights/dist/node').saveModel(path, model, {
    classes: Array.from({ length: 1000 }, (_, i) => String(i)),
    preprocessing,
  });
  model.dispose();
}

/** Starts a server and returns its process and its port. */
async function startServer(words) {
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  const port = await new Promise((done, failed) => {
    child.once('exit', () => failed(new Error(`the server ended: ${log}`)));
    child.stderr.on('data', (text) => {
      log += text;
      const [, found] = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(log) ?? [];
      if (found !== undefined) done(Number(found));
    });
  });
  return { child, port };
}

/** Sends one request and returns its status and its time in milliseconds. */
function send(agent, port, path, body) {
  const start = performance.now();
  const options = { agent, port, host: '127.0.0.1', path, method: body ? 'POST' : 'GET' };
  return new Promise((done) => {
    const sent = request({ ...options, headers: body ? { 'content-type': 'image/jpeg' } : {} }, (response) => {
      response.resume().on('end', () => done({ status: response.statusCode, time: performance.now() - start }));
    });
    sent.on('error', (error) => done({ status: error.code, time: performance.now() - start })).end(body);
  });
}

/** Resident memory in MB. */
const residentMemory = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1000;
/** Processor time in seconds; Linux counts hundredths. */
function processorTime(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
const quantile = (numbers, q) =>
  numbers.toSorted((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(q * numbers.length))];
const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/** Returns the median and the 99th percentile of the times. */
function times(answers, digits) {
  const all = answers.map(({ time }) => time);
  return `${quantile(all, 0.5).toFixed(digits)}, ${quantile(all, 0.99).toFixed(digits)}`;
}

/** Loads a server and returns a row of the table. */
async function measure(name, words, photographs) {
  const { child, port } = await startServer(words);
  const agent = new Agent({ keepAlive: true });
  const answers = [];
  const health = [];
  const idle = [];
  const memory = [];
  let counting = false;
  let over = false;
  const connection = async (first) => {
    for (let i = first; !over; i++) {
      const answer = await send(agent, port, '/classify', photographs[i % photographs.length]);
      if (counting) answers.push(answer);
    }
  };
  const every = async (milliseconds, measurement) => {
    while (!over) {
      if (counting) await measurement();
      await wait(milliseconds);
    }
  };
  for (const start = performance.now(); performance.now() - start < WARM_UP * 1000; await wait(50)) {
    idle.push(await send(agent, port, '/health'));
  }
  const all = [
    ...Array.from({ length: Number(values.connections) }, (_, i) => connection(i * 7)),
    every(50, async () => health.push(await send(agent, port, '/health'))),
    every(200, async () => memory.push(residentMemory(child.pid))),
  ];
  await wait(WARM_UP * 1000);
  counting = true;
  const before = processorTime(child.pid);
  await wait(seconds * 1000);
  const processor = processorTime(child.pid) - before;
  const served = answers.filter(({ status }) => status === 200);
  over = true;
  await Promise.all(all);
  agent.destroy();
  child.removeAllListeners('exit');
  const ended = new Promise((done) => child.once('exit', done));
  child.kill('SIGTERM');
  await ended;
  const quarter = Math.floor(memory.length / 4);
  const failed = answers.filter(({ status }) => status !== 200).length;
  return [
    name,
    (served.length / seconds).toFixed(1),
    (served.length / processor).toFixed(1),
    `${answers.length}, ${failed} failed`,
    times(served, 0),
    times(health, 1),
    times(idle, 1),
    `${mean(memory.slice(0, quarter)).toFixed(0)}, ${mean(memory.slice(-quarter)).toFixed(0)}`,
    loadavg()[0].toFixed(1),
  ];
}

const [folder] = positionals;
if (folder === undefined) throw new Error('expected a folder of photographs: see the first lines of this file');
const temporary = mkdtempSync(join(tmpdir(), 'vgg-server-'));
try {
  const photographs = await readPhotographs(folder, 64);
  const weights = join(temporary, 'net.safetensors');
  await writeNet(weights);
  const { configuration, width, batch, engine, baseline } = values;
  const servers = {
    batched: [
      `${root}apps/server/dist/cli.js`,
      '--weights',
      weights,
      '--port',
      '0',
      '--batch',
      batch,
      '--engine',
      engine,
    ],
    unbatched: [`${root}bench/server/unbatched.mjs`, baseline, configuration, width],
  };
  if (baseline === undefined) delete servers.unbatched;
  const bytes = Math.round(mean(photographs.map(({ length }) => length)) / 1000);
  console.log(
    `${cpus().length} x ${cpus()[0].model}, Node ${process.version}, net ${configuration} at width ${width},`,
  );
  console.log(`${values.connections} connections, ${seconds} s, JPEGs of 500 x 375, ${bytes} kB each\n`);
  console.log(
    '| server | requests/s | requests per CPU second | requests | ms p50, p99 | /health ms p50, p99 | the same without load | MB first, last quarter | load of the machine |',
  );
  console.log('| --- | --: | --: | --: | --: | --: | --: | --: | --: |');
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, words] of Object.entries(servers)) {
      console.log(`| ${(await measure(name, words, photographs)).join(' | ')} |`);
    }
  }
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
