"""Loads weights.safetensors of a folder into torchvision's VGG by load_state_dict and evaluates images.f32; or saves a VGG-16.

load_exported.py FOLDER CONFIGURATION BATCH_NORM DIVISOR SIDE CLASSES HEIGHT WIDTH    writes torch.f32: the logits, or the
    map of class scores of the dense view if HEIGHT or WIDTH is not SIDE
load_exported.py FOLDER save    writes vgg16.pth, images.f32 and torch.f32, the logits
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torchvision.models import vgg


def load_safetensors(path):
    """Returns the tensors of a safetensors file: 8 bytes of length, JSON, data."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    dtypes = {"F32": "<f4", "F16": "<f2", "I64": "<i8"}
    return {
        name: torch.from_numpy(
            np.frombuffer(data[start + e["data_offsets"][0] : start + e["data_offsets"][1]], dtypes[e["dtype"]])
            .reshape(e["shape"])
            .copy()
        )
        for name, e in header.items()
    }


def narrow(configuration, batch_norm, divisor, side, classes):
    cfg = [c if c == "M" else c // divisor for c in vgg.cfgs[configuration]]
    net = vgg.VGG(vgg.make_layers(cfg, batch_norm=batch_norm), num_classes=classes)
    hidden, inputs = 4096 // divisor, cfg[-2] * (side // 32) ** 2
    net.avgpool = nn.Identity()
    net.classifier = nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(True), nn.Dropout(),
        nn.Linear(hidden, hidden), nn.ReLU(True), nn.Dropout(), nn.Linear(hidden, classes),
    )  # fmt: skip
    return net


def dense(net, side):
    """Returns a net with the same parameters whose fully-connected layers are convolutions."""
    layers = [net.features]
    kernel = side // 32
    for layer in net.classifier:
        if isinstance(layer, nn.Linear):
            weight = layer.weight.reshape(layer.out_features, -1, kernel, kernel)
            convolution = nn.Conv2d(weight.shape[1], weight.shape[0], kernel)
            convolution.weight, convolution.bias = nn.Parameter(weight), layer.bias
            layer, kernel = convolution, 1
        layers.append(layer)
    return nn.Sequential(*layers)


def run(folder, net, side, height, width):
    images = np.fromfile(folder / "images.f32", "<f4").reshape(-1, height, width, 3)
    view = net if (height, width) == (side, side) else dense(net, side)
    with torch.no_grad():
        logits = view.eval()(torch.from_numpy(images).permute(0, 3, 1, 2))
    logits.numpy().astype("<f4").tofile(folder / "torch.f32")


def main(folder, *words):
    folder = Path(folder)
    if words == ("save",):
        torch.manual_seed(1)
        net = vgg.vgg16(weights=None)
        i = np.arange(1, 2 * 224 * 224 * 3 + 1, dtype=np.uint64)
        mixed = ((i * np.uint64(2654435761)) % 2**32) ^ np.uint64(78 * 2246822519 % 2**32)
        mixed = (mixed * np.uint64(3266489917)) % 2**32
        images = ((mixed >> np.uint64(8)).astype(np.float64) * 2.0**-23 - 1).astype(np.float32) * np.float32(100)
        images.astype("<f4").tofile(folder / "images.f32")
        torch.save(net.state_dict(), folder / "vgg16.pth")
        return run(folder, net, 224, 224, 224)
    configuration, batch_norm, *sizes = words
    divisor, side, classes, height, width = map(int, sizes)
    if divisor == 1:
        net = vgg.vgg16(weights=None)
    else:
        net = narrow(configuration, batch_norm == "true", divisor, side, classes)
    print(net.load_state_dict(load_safetensors(folder / "weights.safetensors"), strict=True))
    run(folder, net, side, height, width)


main(*sys.argv[1:])
