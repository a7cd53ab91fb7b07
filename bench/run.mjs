/** `pnpm bench`: runs the benchmarks that need only this repository, and shows how to run the others. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Script in this folder, its arguments, the things that it compares, and `needs`, the things that this repository
 * lacks.
 */
const BENCHMARKS = [
  {
    script: 'wasm/bench.mjs',
    arguments: ['5'],
    compares: '@vgg/backend-wasm with the stock WASM backend: kernels and training steps',
  },
  {
    script: 'data/run.mjs',
    arguments: ['FOLDER'],
    compares: "@vgg/data with torchvision's DataLoader: training crops per second",
    needs: 'a folder of photographs by class; a Python with torchvision',
  },
  {
    script: 'onednn/step.mjs',
    arguments: ['onednn', 'train', '8'],
    compares: 'nothing: measures images per second of a training step of D',
    needs: 'g++ and libdnnl-dev when @vgg/backend-onednn is built, and some minutes',
  },
  {
    script: 'onednn/soak.mjs',
    arguments: ['2000'],
    compares: 'nothing: checks that memory does not grow over 2,000 training steps',
    needs: 'the same',
  },
  {
    script: 'onednn/pipeline.mjs',
    arguments: ['FOLDER'],
    compares: "training on photographs with training on noise; the event loop's lag",
    needs: 'the same, and a folder of photographs by class',
  },
  {
    script: 'onednn/compare.mjs',
    arguments: ['--python', 'python3', '--onnxruntime', 'FOLDER'],
    compares: '@vgg/backend-onednn with PyTorch, onnxruntime-node and WASM: images per second',
    needs: 'a Python with PyTorch, jemalloc, a folder with onnxruntime-node, and up to an hour',
  },
  {
    script: 'onednn/profile.mjs',
    arguments: ['train', '8'],
    compares: "the time of a step's kernels with the time inside oneDNN's own primitives",
    needs: 'the native build',
  },
  {
    script: 'onednn/determinism.mjs',
    arguments: [],
    compares: 'trainings from one seed on 1, 2, 4 and again 2 threads, bit by bit, in each precision',
    needs: 'the native build, and some minutes',
  },
  {
    script: 'wasm/threads.mjs',
    arguments: [],
    compares: 'threads of @vgg/backend-wasm with the stock threaded backend and onnxruntime-web, on a page',
    needs: 'Chromium; a folder with onnxruntime-web for its part',
  },
  {
    script: 'wasm/steps.mjs',
    arguments: ['--other', 'CHECKOUT'],
    compares:
      'training steps of A and D on @vgg/backend-wasm, on one thread and on several, with those of another checkout',
    needs: 'another checkout of this repository, built',
  },
  {
    script: 'wasm/browser.mjs',
    arguments: [],
    compares: 'nothing: checks that @vgg/backend-wasm trains in a browser',
    needs: 'Chromium',
  },
];

let failed = 0;
for (const { script, arguments: args, compares, needs } of BENCHMARKS) {
  const command = ['node', `bench/${script}`, ...args].join(' ');
  console.log(`\n${command}\n  ${compares}`);
  if (needs) {
    console.log(`  not run: needs ${needs}; see bench/README.md`);
    continue;
  }
  const file = fileURLToPath(new URL(script, import.meta.url));
  failed += spawnSync(process.execPath, [file, ...args], { stdio: 'inherit' }).status === 0 ? 0 : 1;
}
process.exit(failed > 0 ? 1 : 0);
