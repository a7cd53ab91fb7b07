/**
 * Everything to measure on a GPU, in one command and under ten minutes: each layer, training and inference of net D, in float32
 * and with float16, on tensor cores and without, next to PyTorch on the same card.
 *
 *   node bench/webgpu/gpu.mjs [--peak TFLOPS] [--tensor-peak TFLOPS] [--python PYTHON] [--batch N] [--side N] [--width W]
 *
 * --peak    the card's peak of float32 in TFLOP/s (H200: 67, RTX 4090: 83).
 * --tensor-peak  its peak of float16 on tensor cores, added up in float32 (H200: 989, RTX 4090: 165).
 * --python  a Python with PyTorch. Default: python3; without PyTorch that part is left out.
 * --batch   images per step. Default: 32.
 * --side, --width  smaller images and nets, for a trial on a slow device. Default: 224, 1.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    peak: { type: 'string', default: '0' },
    'tensor-peak': { type: 'string', default: '0' },
    python: { type: 'string', default: 'python3' },
    batch: { type: 'string', default: '32' },
    side: { type: 'string', default: '224' },
    width: { type: 'string', default: '1' },
  },
});

const { batch, peak, side, width } = values;

/** Each with the seconds that it may take, and whether products use tensor cores. */
const PARTS = [
  ['layers in float32', 80, false, 'layers.mjs', batch, 'float32', peak, side, width],
  ['layers in float16 without tensor cores', 80, false, 'layers.mjs', batch, 'float16', peak, side, width],
  ['layers on tensor cores', 80, true, 'layers.mjs', batch, 'float16', values['tensor-peak'], side, width],
  ['net D in float32', 70, false, 'step.mjs', 'ours', batch, side, width, '5', 'float32'],
  ['net D in float16 without tensor cores', 70, false, 'step.mjs', 'ours', batch, side, width, '5', 'float16'],
  ['net D on tensor cores', 70, true, 'step.mjs', 'ours', batch, side, width, '5', 'float16'],
  ['net D on the stock backend, batch 2', 50, false, 'step.mjs', 'stock', '2', side, width, '1'],
];

const TORCH = `
import time, torch, torch.nn as nn
if not torch.cuda.is_available(): raise SystemExit('PyTorch sees no GPU')
layers, c = [], 3
for out in [64, 64, 'M', 128, 128, 'M', 256, 256, 256, 'M', 512, 512, 512, 'M', 512, 512, 512, 'M']:
    if out == 'M': layers += [nn.MaxPool2d(2, 2)]
    else: layers += [nn.Conv2d(c, out, 3, padding=1), nn.ReLU()]; c = out
head = [nn.Flatten(), nn.Linear(25088, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 1000)]
batch = ${Number(batch)}
for name in ['float32', 'tf32', 'float16']:
    tf32 = name != 'float32'
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True
    net = nn.Sequential(*layers, *head).cuda().to(memory_format=torch.channels_last)
    x = torch.randn(batch, 3, 224, 224, device='cuda').to(memory_format=torch.channels_last)
    y = torch.arange(batch, device='cuda')
    sgd = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4)
    def loss(x, y):
        with torch.autocast('cuda', dtype=torch.float16, enabled=name == 'float16'):
            return nn.functional.cross_entropy(net(x), y)
    def train():
        sgd.zero_grad(); loss(x, y).backward(); sgd.step()
    def infer():
        with torch.no_grad(), torch.autocast('cuda', dtype=torch.float16, enabled=name == 'float16'): net(x)
    for label, step in [('train', train), ('infer', infer)]:
        for _ in range(3): step()
        torch.cuda.synchronize(); start = time.time()
        for _ in range(10): step()
        torch.cuda.synchronize()
        print('PyTorch', torch.__version__, name, label, round(10 * batch / (time.time() - start), 1), 'images/s')
`;

/** The line of JSON of step.mjs in words. */
function inWords({ train, trainCpu, infer, trainImagesPerSecond, inferImagesPerSecond }) {
  const of = (what, ms, perSecond) => `${what} ${perSecond.toFixed(1)} images/s (${ms.toFixed(1)} ms)`;
  return `${of('training', train, trainImagesPerSecond)}, ${of('inference', infer, inferImagesPerSecond)}, processor ${trainCpu.toFixed(1)} ms per training step`;
}

for (const [title, seconds, tensorCores, script, ...args] of PARTS) {
  console.log(`\n${title}`);
  const file = fileURLToPath(new URL(script, import.meta.url));
  const isStep = script === 'step.mjs';
  // The stock backend reports an invalid operation of each of its training steps, and computes on without it.
  const stdio = ['ignore', isStep ? 'pipe' : 'inherit', args[0] === 'stock' ? 'ignore' : 'inherit'];
  const env = { ...process.env, VGG_WEBGPU_TENSOR_CORES: tensorCores ? '1' : '0' };
  const { status, stdout } = spawnSync(process.execPath, [file, ...args], { stdio, timeout: seconds * 1000, env });
  if (status !== 0) console.log(`ended with ${status ?? `no result in its ${seconds} s`}`);
  else if (isStep) console.log(inWords(JSON.parse(String(stdout).trim().split('\n').at(-1))));
}
console.log('\nPyTorch on the same card, net D at 224² and full width');
const torch = spawnSync(values.python, ['-'], { input: TORCH, stdio: ['pipe', 'inherit', 'ignore'], timeout: 80_000 });
if (torch.status !== 0) console.log('not measured: no PyTorch with a GPU here');
