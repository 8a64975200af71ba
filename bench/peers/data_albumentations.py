"""One side of `bench data`, driven line by line: data_albumentations.py FOLDER

Albumentations 2.0.8 through the same list as `full`, every transform applied, one thread; then boxes and masks of the
cells, by scipy's find_objects, as a training sample needs them.
"""
import json
import pathlib
import resource
import sys
import time

import albumentations as A
import cv2
import numpy as np
from scipy import ndimage

cv2.setNumThreads(1)
SIDE, REPEATS, LEAST = 512, 10, 6
folder = pathlib.Path(sys.argv[1])
image = np.fromfile(folder / "image.bin", np.uint8).reshape(SIDE, SIDE, 3)
maps = [np.fromfile(folder / f"map{c}.bin", np.uint16).reshape(SIDE, SIDE).astype(np.int32) for c in range(4)]
full = A.Compose([
    A.HorizontalFlip(p=1),
    A.VerticalFlip(p=1),
    A.RandomRotate90(p=1),
    A.GridDistortion(num_steps=5, distort_limit=(-0.3, 0.3), p=1),
    A.ElasticTransform(alpha=120, sigma=6, border_mode=cv2.BORDER_REFLECT_101, p=1),
    A.RandomBrightnessContrast(brightness_limit=(-0.2, 0.2), contrast_limit=(-0.2, 0.2), p=1),
    A.ColorJitter(brightness=(0.9, 1.1), contrast=(0.9, 1.1), saturation=(0.8, 1.2), hue=(-0.04, 0.04), p=1),
    A.GaussianBlur(blur_limit=0, sigma_limit=(0.5, 1.5), p=1),
], seed=1)


def sample():
    out = full(image=image, masks=maps)
    cells = []
    for label, labels in enumerate(out["masks"]):
        for value, place in enumerate(ndimage.find_objects(labels), start=1):
            if place is None:
                continue
            mask = labels[place] == value
            if mask.sum() >= LEAST:
                rows, columns = place
                cells.append((label + 1, (columns.start, rows.start, columns.stop, rows.stop), mask))
    return out["image"], cells


print(json.dumps({"albumentations": A.__version__, "opencv": cv2.__version__}), flush=True)
for _ in sys.stdin:
    cells = 0
    started = time.perf_counter()
    for _ in range(REPEATS):
        cells += len(sample()[1])
    seconds = (time.perf_counter() - started) / REPEATS
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps({"seconds": seconds, "values": {"cells": cells / REPEATS}, "peakRssMb": peak}), flush=True)
