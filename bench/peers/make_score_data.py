"""A COCO ground truth and results for timing: python make_score_data.py FOLDER [images truths detections size classes]"""
import json
import sys

import numpy as np
from pycocotools import mask as M


def ellipse(h, w, cy, cx, ry, rx, angle):
    y, x = np.mgrid[0:h, 0:w]
    c, s = np.cos(angle), np.sin(angle)
    u, v = (x - cx) * c + (y - cy) * s, -(x - cx) * s + (y - cy) * c
    return (u / rx) ** 2 + (v / ry) ** 2 <= 1


def region(h, w, shape):
    code = M.encode(np.asfortranarray(ellipse(h, w, *shape).astype(np.uint8)))
    box = [float(v) for v in M.toBbox(code)]
    return dict(size=code['size'], counts=code['counts'].decode()), box, float(M.area(code))


folder = sys.argv[1]
images, truths, detections, size, classes = (int(v) for v in (sys.argv[2:] + [100, 80, 120, 512, 4][len(sys.argv) - 2:]))
rng = np.random.default_rng(0)
gt, dt = [], []
for image in range(1, images + 1):
    shapes = []
    for _ in range(truths):
        shape = [*rng.uniform(10, size - 10, 2), *rng.uniform(6, 20, 2), rng.uniform(0, 3)]
        code, box, area = region(size, size, shape)
        category = int(rng.integers(1, classes + 1))
        shapes.append((shape, category))
        gt.append(dict(id=len(gt) + 1, image_id=image, category_id=category, segmentation=code, bbox=box, area=area, iscrowd=0))
    for i in range(detections):
        shape, category = shapes[i % truths]
        shape = [shape[0] + rng.normal(0, 3), shape[1] + rng.normal(0, 3), *(np.array(shape[2:4]) * np.exp(rng.normal(0, 0.15, 2))), shape[4]]
        code, box, _ = region(size, size, shape)
        dt.append(dict(image_id=image, category_id=category, segmentation=code, bbox=box, score=float(rng.random())))
names = [dict(id=c, name=f'class{c}') for c in range(1, classes + 1)]
pictures = [dict(id=i, height=size, width=size, file_name=f'{i}.tif') for i in range(1, images + 1)]
json.dump(dict(images=pictures, annotations=gt, categories=names), open(f'{folder}/gt.json', 'w'))
json.dump(dt, open(f'{folder}/dt.json', 'w'))
