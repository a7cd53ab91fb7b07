"""Regenerates tools/fuzz/seeds: small sound files of PyTorch and NumPy with everything in them that a reader must know.

/usr/bin/python3 tools/fuzz/seeds.py    (torch 1.13, NumPy 1.24)
"""

from collections import OrderedDict
from pathlib import Path

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
