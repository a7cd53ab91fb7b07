"""The PyTorch side of compare.mjs: the fastest set-up for a CPU, doing the same work as step.mjs.

    LD_PRELOAD=.../libjemalloc.so.2 MALLOC_CONF=... python3 torch_step.py train|infer bf16|f32 BATCH CONFIGURATION SIDE STEPS

channels_last, autocast to bfloat16 in training and a bfloat16 net in inference. VGG as torchvision builds it (dropout 0.5;
with batch norm for `D-bn`); a net for 32 x 32 pixels has no adaptive pooling. The environment
variables VGG_WIDTH and VGG_HEAD=small set the width and the small head, as in step.mjs. Prints one JSON line.
"""
import json
import os
import resource
import statistics
import sys
import time

import torch
from torch import nn

STAGES = {
    "A": (1, 1, 2, 2, 2), "B": (2, 2, 2, 2, 2), "D": (2, 2, 3, 3, 3), "E": (2, 2, 4, 4, 4),
}

job, precision, batch, configuration, side, steps = sys.argv[1], sys.argv[2], *sys.argv[3:4], *sys.argv[4:5], *sys.argv[5:7]
batch, side, steps = int(batch), int(side), int(steps)
name, _, norm = configuration.partition("-")
width = float(os.environ.get("VGG_WIDTH", "1"))
small = os.environ.get("VGG_HEAD") == "small"
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
torch.manual_seed(0)
classes = 10 if side < 64 else 1000


def vgg():
    layers, channels = [], 3
    for stage, count in enumerate(STAGES[name]):
        out = round((64, 128, 256, 512, 512)[stage] * width)
        for _ in range(count):
            layers.append(nn.Conv2d(channels, out, 3, padding=1))
            if norm:
                layers.append(nn.BatchNorm2d(out))
            layers.append(nn.ReLU(True))
            channels = out
        layers.append(nn.MaxPool2d(2, 2))
    flat = channels * (side // 32) ** 2
    layers.append(nn.Flatten())
    if small:
        layers += [nn.Linear(flat, channels), nn.ReLU(True), nn.Dropout(), nn.Linear(channels, classes)]
    else:
        hidden = round(4096 * width)
        layers += [nn.Linear(flat, hidden), nn.ReLU(True), nn.Dropout()]
        layers += [nn.Linear(hidden, hidden), nn.ReLU(True), nn.Dropout(), nn.Linear(hidden, classes)]
    return nn.Sequential(*layers)


net = vgg().to(memory_format=torch.channels_last)
x = torch.randn(batch, 3, side, side).to(memory_format=torch.channels_last)
y = torch.randint(0, classes, (batch,))
amp = precision == "bf16"

if job == "train":
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9, weight_decay=5e-4)
    loss = nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=amp):
            value = loss(net(x), y)
        value.backward()
        optimizer.step()
        return value.item()
else:
    net.eval()
    if amp:
        net, x = net.bfloat16(), x.bfloat16()

    def step():
        with torch.inference_mode():
            return net(x).float().sum().item()

# As in step.mjs: three steps and two seconds that are not counted, then at least `steps` steps and two seconds.
begin, warm = time.perf_counter(), 0
while warm < 3 or time.perf_counter() - begin < 2:
    step()
    warm += 1
seconds, processor = [], []
begin = time.perf_counter()
while len(seconds) < steps or time.perf_counter() - begin < 2:
    start, used = time.perf_counter(), time.process_time()
    step()
    seconds.append(time.perf_counter() - start)
    processor.append(time.process_time() - used)
median = statistics.median(seconds)
print(json.dumps({
    "peer": "torch " + torch.__version__, "job": job, "precision": precision, "batch": batch, "side": side,
    "configuration": configuration, "seconds": round(median, 4),
    "processor_seconds": round(statistics.median(processor), 4),
    "images_per_second": round(batch / median, 2),
    "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
}))
