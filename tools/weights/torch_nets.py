"""Saves a VGG of torchvision with random weights in every format, with its outputs for photographs. Called by torch-nets.mjs:

/usr/bin/python3 tools/weights/torch_nets.py NET FOLDER PHOTOGRAPH...

Writes FOLDER/zip.pth, legacy.pth, weights.safetensors and expected.safetensors: the logits, and the outputs of layers for the
first photograph, NHWC. The safetensors files are written here from the description of the format, without our code or any
library.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision import models
from torchvision.transforms._presets import ImageClassification

KINDS = {"float32": "F32", "int64": "I64"}


def write_safetensors(path, tensors):
    header, offset = {}, 0
    for name, array in tensors.items():
        header[name] = {"dtype": KINDS[str(array.dtype)], "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            file.write(np.ascontiguousarray(array).tobytes())


def make(name):
    torch.manual_seed(len(name) * 100 + int(name[3:5]))
    net = getattr(models, name)(weights=None).eval()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.5)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.3)
            elif isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)
    return net


def compared_layers(net):
    """Returns the layers to compare: the first ReLU and the pool of each stage, relu6 and relu7."""
    layers, stage, fresh = {}, 1, True
    for module in net.features:
        if isinstance(module, nn.ReLU) and fresh:
            layers[f"relu{stage}_1"], fresh = module, False
        elif isinstance(module, nn.MaxPool2d):
            layers[f"pool{stage}"], stage, fresh = module, stage + 1, True
    return {**layers, "relu6": net.classifier[1], "relu7": net.classifier[4]}


name, folder, *photographs = sys.argv[1:]
folder = Path(folder)
net = make(name)
state = net.state_dict()
torch.save(state, folder / "zip.pth")
torch.save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)
write_safetensors(folder / "weights.safetensors", {key: value.numpy() for key, value in state.items()})

taps = {}
for layer, module in compared_layers(net).items():
    # ReLU works in place, so the output must be copied. A value returned by a hook would replace the output.
    module.register_forward_hook(lambda _m, _i, out, layer=layer: taps.update({layer: out[:1].clone()}))
images = torch.stack([ImageClassification(crop_size=224)(Image.open(path).convert("RGB")) for path in photographs])
with torch.no_grad():
    logits = net(images)
outputs = {layer: (out.permute(0, 2, 3, 1) if out.dim() == 4 else out).numpy() for layer, out in taps.items()}
write_safetensors(folder / "expected.safetensors", {"logits": logits.numpy(), **outputs})
