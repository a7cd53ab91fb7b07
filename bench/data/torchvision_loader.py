"""The reference side of the loader benchmark: torchvision's DataLoader making scale-jittered training crops (section 3.1).

Decode (PIL), isotropic rescale to a smallest side uniform in [256, 512], random 224 crop, random flip, tensor, PCA
colour shift, mean subtraction; batches of 32. Prints one line of JSON: images and seconds of each timed epoch.
Usage: torchvision_loader.py FOLDER WORKERS EPOCHS
"""

import json
import os
import random
import sys
import time

import torch
import torchvision
from torchvision import datasets, transforms
from torchvision.transforms import functional as F

MEAN = [123.68 / 255, 116.779 / 255, 103.939 / 255]
VALUES = torch.tensor([0.2175, 0.0188, 0.0045])
VECTORS = torch.tensor([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])


class RandomRescale:
    def __call__(self, image):
        return F.resize(image, random.randint(256, 512))


class ColourShift:
    def __call__(self, image):
        alpha = torch.normal(0.0, 0.1, (3,))
        return image + (VECTORS @ (alpha * VALUES)).view(3, 1, 1)


def main():
    folder, workers, epochs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    transform = transforms.Compose(
        [
            RandomRescale(),
            transforms.RandomCrop(224),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            ColourShift(),
            transforms.Normalize(MEAN, [1 / 255] * 3),
        ]
    )
    dataset = datasets.ImageFolder(folder, transform)
    torch.set_num_threads(1)
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=32, shuffle=True, num_workers=workers, drop_last=True, persistent_workers=workers > 0
    )
    timings, total, before = [], 0, os.times()
    for epoch in range(epochs + 1):
        start, images = time.perf_counter(), 0
        for batch, _ in loader:
            images += batch.shape[0]
        total += images
        if epoch > 0:
            timings.append({"images": images, "seconds": time.perf_counter() - start})
    del loader
    after = os.times()
    cpu = sum(after[:4]) - sum(before[:4])
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
    print(json.dumps({**versions, "cpuMilliseconds": 1000 * cpu / total, "epochs": timings}))


main()
