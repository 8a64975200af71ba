"""Golden run-length codes from pycocotools 2.0.11: python make_rle_cases.py tests/fixtures/rle_cases.json"""
import json
import sys

import numpy as np
from pycocotools import mask as M

rng = np.random.default_rng(0)


def text(rle):
    return rle['counts'].decode()


def polygon(i):
    """Random, on whole and half pixels, and round with repeated points; many leave the image."""
    n = int(rng.integers(3, 30))
    h, w = int(rng.integers(1, 60)), int(rng.integers(1, 60))
    if i % 4 == 0:
        xy = rng.uniform(-10, 70, (n, 2))
    elif i % 4 == 1:
        xy = rng.integers(-3, 63, (n, 2)).astype(float)
    elif i % 4 == 2:
        xy = np.round(rng.uniform(-5, 65, (n, 2)) * 2) / 2
    else:
        a = np.sort(rng.uniform(0, 2 * np.pi, n))
        xy = np.repeat(np.stack([w / 2 + np.cos(a) * rng.uniform(1, w), h / 2 + np.sin(a) * rng.uniform(1, h)], 1), 2, 0)
    xy = np.round(xy, 3).flatten().tolist()
    return dict(height=h, width=w, polygon=xy, counts=text(M.frPyObjects([xy], h, w)[0]))


def masks(i):
    """A random mask and two shifted copies, with everything pycocotools computes from them."""
    h, w = int(rng.integers(1, 40)), int(rng.integers(1, 40))
    if i % 3 == 0:
        m = rng.random((h, w)) < rng.random()
    else:
        y, x = np.mgrid[0:h, 0:w]
        m = ((y - rng.uniform(0, h)) / rng.uniform(1, h)) ** 2 + ((x - rng.uniform(0, w)) / rng.uniform(1, w)) ** 2 <= rng.uniform(0, 2)
    m = m.astype(np.uint8)
    a, b, c = (M.encode(np.asfortranarray(v)) for v in (m, np.roll(m, 1, 0), np.roll(m, 2, 1)))
    return dict(
        height=h, width=w, rows=[''.join(map(str, row)) for row in m.tolist()], codes=[text(a), text(b), text(c)],
        area=int(M.area(a)), box=M.toBbox(a).tolist(), iou=float(M.iou([a], [b], [0])[0][0]), crowd=float(M.iou([a], [b], [1])[0][0]),
        union=text(M.merge([a, b, c])), intersection=text(M.merge([a, b, c], True)))


json.dump(dict(polygons=[polygon(i) for i in range(120)], masks=[masks(i) for i in range(90)]), open(sys.argv[1], 'w'))
