#!/usr/bin/env python3
"""Reads a run's event files with TensorBoard's own reader, and with an independent parser that verifies every checksum.

    python3 -m venv env && env/bin/pip install tensorboard google-crc32c
    env/bin/python tools/proofs/events.py RUN...

Compares both with metrics.jsonl: every step and epoch once, in order, with the same numbers. Prints one JSON line a run;
exits with 1 when anything differs.
"""
import json
import struct
import sys
from pathlib import Path

import google_crc32c
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event

STEP = {"step/loss": "loss", "step/top1": "top1", "step/top5": "top5"}


def masked(data):
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(path):
    """Reads the records of a TFRecord file; a wrong checksum or a half record is an error."""
    data = path.read_bytes()
    at = 0
    while at < len(data):
        (length, length_crc) = struct.unpack_from("<QI", data, at)
        assert masked(data[at : at + 8]) == length_crc, f"{path}: checksum of a length at {at}"
        body = data[at + 12 : at + 12 + length]
        (body_crc,) = struct.unpack_from("<I", data, at + 12 + length)
        assert masked(body) == body_crc, f"{path}: checksum of a record at {at}"
        yield Event.FromString(body)
        at += 12 + length + 4


def expected(run):
    points = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry["type"] == "step":
            values = {tag: entry["metrics"][name] for tag, name in STEP.items()}
            values["step/rate"] = entry["rate"]
            values["step/gradient-norm"] = entry["gradientNorm"]
        else:
            values = {
                f"epoch/{part}-{name}": entry[part][name]
                for part in ("training", "validation")
                if part in entry
                for name in ("loss", "top1", "top5")
            }
        for tag, value in values.items():
            points.setdefault(tag, []).append((entry["step"], struct.unpack("<f", struct.pack("<f", value))[0]))
    return points


def check(run):
    wanted = expected(run)
    files = sorted(run.glob("events.out.tfevents.*"))
    read, restarts, count = {}, 0, 0
    for path in files:
        for event in records(path):
            count += 1
            restarts += event.HasField("session_log")
            for value in event.summary.value:
                read.setdefault(value.tag, []).append((event.step, value.simple_value))
    accumulator = EventAccumulator(str(run), size_guidance={"scalars": 0, "tensors": 0}).Reload()
    tags = accumulator.Tags()["scalars"]
    for tag, points in wanted.items():
        assert read[tag] == points, f"{run}: {tag}: the parser reads {read[tag]}, the metrics say {points}"
        seen = [(scalar.step, scalar.value) for scalar in accumulator.Scalars(tag)]
        assert seen == points, f"{run}: {tag}: TensorBoard reads {seen}, the metrics say {points}"
    points = sum(len(points) for points in wanted.values())
    return {"run": str(run), "files": len(files), "restarts": restarts, "records": count, "tags": len(tags), "points": points}


if __name__ == "__main__":
    failed = False
    for run in map(Path, sys.argv[1:]):
        try:
            print(json.dumps(check(run)))
        except Exception as error:
            failed = True
            print(f"{run}: {error}", file=sys.stderr)
    sys.exit(1 if failed else 0)
