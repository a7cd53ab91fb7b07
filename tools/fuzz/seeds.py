"""Regenerates tools/fuzz/seeds: small undamaged files of PyTorch, NumPy, Keras and Caffe that contain everything that a reader must know.

/usr/bin/python3 tools/fuzz/seeds.py    (torch 1.13, NumPy 1.24, h5py 3.7)
"""

import zipfile
from collections import OrderedDict
from pathlib import Path

import h5py
import numpy as np
import torch

SEEDS = Path(__file__).parent / "seeds"
torch.manual_seed(0)

base = torch.arange(24.0).reshape(4, 6)
weights = OrderedDict(
    [
        ("features.0.weight", torch.randn(2, 3, 3, 3)),
        ("features.0.bias", torch.nn.Parameter(torch.randn(2))),
        ("half", torch.randn(3).half()),
        ("bfloat16", torch.randn(3).bfloat16()),
        ("double", torch.randn(2, 2).double()),
        ("transposed", base.t()),
        ("sliced", base[1:3, ::2]),
        ("counter", torch.tensor(7)),
        ("empty", torch.zeros(0, 3)),
        ("flags", torch.tensor([True, False])),
    ]
)
module = torch.nn.Linear(2, 3)
optimiser = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
module(torch.ones(1, 2)).sum().backward()
optimiser.step()
training = {
    "epoch": 3,
    "best": 0.125,
    "name": "größe",
    "state_dict": OrderedDict((f"module.{key}", value) for key, value in module.state_dict().items()),
    "optimizer": optimiser.state_dict(),
    "history": [1.5, None, True, (2, 3), 2**40, -1],
}

for name, content in {"weights": weights, "module": module.state_dict(), "training": training}.items():
    torch.save(content, SEEDS / f"{name}.pth")
    torch.save(content, SEEDS / f"{name}.legacy.pth", _use_new_zipfile_serialization=False)
torch.save(module.state_dict(), SEEDS / "protocol4.pth", pickle_protocol=4)

arrays = {
    "conv1_1.weight": np.arange(54, dtype=np.float32).reshape(3, 3, 3, 2),
    "conv1_1.bias": np.ones(2, np.float16),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "scalar": np.array(3, np.int64),
    "empty": np.zeros((0, 4), np.float32),
}
np.savez(SEEDS / "stored.npz", **arrays)
np.savez_compressed(SEEDS / "deflated.npz", **arrays)

# HDF5 of both generations, with Keras's attributes and a filter.
for name, libver in (("old.h5", "earliest"), ("new.h5", "latest")):
    with h5py.File(SEEDS / name, "w", libver=libver) as file:
        layer = file.create_group("block1_conv1")
        layer.attrs["weight_names"] = np.array([b"block1_conv1/kernel:0", b"block1_conv1/bias:0"])
        layer["block1_conv1/kernel:0"] = np.arange(6, dtype="f4").reshape(1, 1, 3, 2)
        layer.create_dataset("block1_conv1/bias:0", data=np.arange(2, dtype="f2"), chunks=(1,), compression="gzip")
with zipfile.ZipFile(SEEDS / "weights.keras", "w") as archive:
    archive.writestr(zipfile.ZipInfo("config.json", (2026, 1, 1, 0, 0, 0)), "{}")
    archive.writestr(zipfile.ZipInfo("model.weights.h5", (2026, 1, 1, 0, 0, 0)), (SEEDS / "old.h5").read_bytes())


# Caffe's messages, byte for byte: a tag, then a length or a number.
def field(number, value):
    key = (number << 3) | (0 if isinstance(value, int) else 2)
    data = value if isinstance(value, bytes) else b""
    length = value if isinstance(value, int) else len(data)
    return bytes(varint(key)) + bytes(varint(length)) + data


def varint(value):
    while value > 127:
        yield value & 127 | 128
        value >>= 7
    yield value


numbers = np.arange(6, dtype="<f4").tobytes()
shape = field(7, field(1, bytes([2, 3])))
old = b"".join(field(i, side) for i, side in enumerate((1, 1, 2, 3), 1)) + field(5, numbers)
today = field(1, b"conv1_1") + field(2, b"Convolution") + field(7, shape + field(5, numbers)) + field(7, field(8, bytes(8)))
(SEEDS / "today.caffemodel").write_bytes(field(1, b"net") + field(100, today) + field(100, field(1, b"relu1_1")))
before = field(2, b"data") + field(4, b"fc6") + field(5, 14) + field(6, old)
(SEEDS / "2014.caffemodel").write_bytes(field(1, b"net") + field(2, before))
