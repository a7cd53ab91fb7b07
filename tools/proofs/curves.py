#!/usr/bin/env python3
"""Draws the learning curves of the runs of findings.mjs as one image, with matplotlib.

    python3 tools/proofs/curves.py RUNS [RUNS...] --out curves.png

One panel for each folder RUNS and each group of its nets (depth, training scales): mean of the seeds, and the range of the seeds
as a band. Dashed: top-1 error in training, over an epoch. Solid: top-1 error on the held-out images.
"""
import argparse
import json
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt

PANELS = {
    "depth, S 36": ["A", "A-LRN", "B", "C", "D", "E"],
    "training scales of D": ["D", "D-at-S-48", "D-at-S-36-to-48"],
}
LABELS = {"D-at-S-48": "D, S 48", "D-at-S-36-to-48": "D, S 36 to 48"}


def epochs_of(run: Path):
    """Returns the top-1 error in training and on the held-out images of each epoch of a run, by epoch."""
    events = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    ended = [event for event in events if event["type"] == "epoch"]
    training = {event["epoch"] + 1: event["training"]["top1"] for event in ended}
    held_out = {event["epoch"] + 1: event["validation"]["top1"] for event in ended if event.get("validation")}
    return training, held_out


def draw(axes, runs, colour, label):
    for index, style in ((0, "--"), (1, "o-")):
        values = defaultdict(list)
        for run in runs:
            for epoch, error in epochs_of(run)[index].items():
                values[epoch].append(error)
        epochs = sorted(values)
        means = [sum(values[epoch]) / len(values[epoch]) for epoch in epochs]
        axes.plot(epochs, means, style, color=colour, label=label if index else None, linewidth=1, markersize=3)
        lows, highs = [min(values[e]) for e in epochs], [max(values[e]) for e in epochs]
        axes.fill_between(epochs, lows, highs, color=colour, alpha=0.15, linewidth=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    panels = []
    for folder in options.folders:
        for title, nets in PANELS.items():
            runs = {net: sorted(folder.glob(f"{net}-[0-9]*")) for net in nets}
            found = {net: [run for run in some if (run / "metrics.jsonl").exists()] for net, some in runs.items()}
            found = {net: some for net, some in found.items() if some}
            if len(found) > 1:
                panels.append((title, found))
    if not panels:
        parser.error("expected folders of findings.mjs with the runs of two nets or more, got none")
    plt.rcParams.update({"font.size": 8})
    figure, all_axes = plt.subplots(1, len(panels), figsize=(4.2 * len(panels), 3.2), squeeze=False)
    for axes, (title, found) in zip(all_axes[0], panels):
        for index, (net, runs) in enumerate(found.items()):
            draw(axes, runs, f"C{index}", LABELS.get(net, net))
        most = max(max(epochs_of(run)[0]) for runs in found.values() for run in runs)
        axes.set(title=f"{title}, {most} epochs", xlabel="epoch", ylabel="top-1 error, %", ylim=(15, 65))
        axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(options.out, dpi=110)


main()
