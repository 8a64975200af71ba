"""Random datasets with what pycocotools 2.0.11 makes of them, one JSON line a seed: python random_coco.py FIRST COUNT [small]

Ties, crowds, empty images, absent classes, over 100 detections of one class in an image, results with and without
boxes, polygons of 3 to 200 points, uncompressed codes, small to large areas.
"""
import contextlib
import io
import json
import sys

import numpy as np
from pycocotools import mask as M
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

SMALL = len(sys.argv) > 3


def polygon(g, h, w, shape, n):
    cy, cx, ry, rx = shape
    angle = np.sort(g.uniform(0, 2 * np.pi, n))
    rough = g.uniform(0.7, 1.2, n)
    return np.round(np.stack([cx + np.cos(angle) * rx * rough, cy + np.sin(angle) * ry * rough], 1), 2).flatten().tolist()


def uncompressed(code):
    flat = M.decode(code).flatten(order='F')
    change = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], change, [flat.size]])).tolist()
    return dict(size=[int(v) for v in code['size']], counts=([0] if flat[0] else []) + runs)


def segment(g, h, w, shape, kinds):
    """A segmentation of one of the kinds, and its code."""
    rings = [polygon(g, h, w, shape, int(g.integers(3, 40 if SMALL else 201)))]
    if g.random() < 0.1:
        rings.append(polygon(g, h, w, [shape[0] + shape[2], shape[1], shape[2] / 2, shape[3] / 2], int(g.integers(3, 12))))
    code = M.merge(M.frPyObjects(rings, h, w))
    kind = kinds[g.integers(len(kinds))]
    if kind == 'polygon':
        return rings, code
    if kind == 'uncompressed':
        return uncompressed(code), code
    return dict(size=[int(v) for v in code['size']], counts=code['counts'].decode()), code


def make(seed):
    g = np.random.default_rng(seed)
    size = 60 if SMALL else int(g.choice([50, 120, 260]))
    classes = sorted(g.choice(np.arange(1, 90), int(g.integers(1, 5)), replace=False).tolist())
    present = [c for c in classes if g.random() < 0.8] or classes[:1]
    crowds, quantise, boxes = g.random() < 0.5, g.random() < 0.4, g.random() < 0.5
    many = g.random() < 0.15 and not SMALL
    jitter, annotations, detections, images = g.uniform(0.05, 0.4), [], [], []
    for image in range(1, int(g.integers(2, 4 if SMALL else 7))):
        h, w = int(g.integers(size // 2, size + 1)), int(g.integers(size // 2, size + 1))
        images.append(dict(id=image * 7, height=h, width=w, file_name=f'{image}.tif'))
        truths = []
        for _ in range(int(g.integers(0, 9 if SMALL else 25)) if g.random() < 0.85 else 0):
            shape = [g.uniform(0, h), g.uniform(0, w), *(g.uniform(1.5, size / 5, 2) * g.choice([0.5, 1, 2]))]
            found, code = segment(g, h, w, shape, ['polygon', 'code', 'uncompressed'])
            category, crowd = int(g.choice(present)), int(crowds and g.random() < 0.2)
            truths.append((shape, category))
            annotations.append(dict(
                id=len(annotations) + 1, image_id=image * 7, category_id=category, segmentation=found, iscrowd=crowd,
                area=float(M.area(code)) * (1 if g.random() < 0.7 else float(g.uniform(0.8, 1.3))), bbox=[float(v) for v in M.toBbox(code)]))
        for _ in range(int(g.integers(100, 260)) if many else int(g.integers(0, 15 if SMALL else 60))):
            if truths and g.random() < 0.75:
                shape, category = truths[g.integers(len(truths))]
                shape = [shape[0] + g.normal(0, jitter * shape[2]), shape[1] + g.normal(0, jitter * shape[3]), *(np.array(shape[2:]) * np.exp(g.normal(0, jitter, 2)))]
                category = int(g.choice(classes)) if g.random() < 0.15 else category
            else:
                shape, category = [g.uniform(0, h), g.uniform(0, w), *g.uniform(1.5, size / 5, 2)], int(g.choice(classes))
            if many and g.random() < 0.8:
                category = classes[0]
            found, code = segment(g, h, w, shape, ['code', 'polygon'] if boxes else ['code'])
            score = float(g.random())
            result = dict(image_id=image * 7, category_id=category, segmentation=found, score=round(score, 1) if quantise else score)
            if boxes:
                result['bbox'] = [float(v) + float(g.choice([0, 0, 0.5])) for v in M.toBbox(code)]
            detections.append(result)
    if not detections:
        detections.append(dict(image_id=7, category_id=classes[0], segmentation=segment(g, images[0]['height'], images[0]['width'], [5, 5, 3, 3], ['code'])[0], score=0.5))
    return dict(info={}, images=images, annotations=annotations, categories=[dict(id=c, name=f'class{c}') for c in classes]), detections


def mean(values):
    return float(np.mean(values[values > -1])) if (values > -1).any() else -1.0


def summary(p, r):
    """p: [T, R, K, A], r: [T, K, A]"""
    return dict(
        AP=mean(p[..., 0]), AP50=mean(p[0, ..., 0]), AP75=mean(p[5, ..., 0]), AR=mean(r[..., 0]),
        **{f'AP{name}': mean(p[..., i + 1]) for i, name in enumerate(('small', 'medium', 'large'))},
        **{f'AR{name}': mean(r[..., i + 1]) for i, name in enumerate(('small', 'medium', 'large'))})


for seed in range(int(sys.argv[1]), int(sys.argv[1]) + int(sys.argv[2])):
    dataset, detections = make(seed)
    line = json.dumps(dict(pycocotools='2.0.11', seed=seed, dataset=dataset, detections=detections))
    results = {}
    with contextlib.redirect_stdout(io.StringIO()):
        copy = json.loads(line)
        gt = COCO()
        gt.dataset = copy['dataset']
        gt.createIndex()
        dt = gt.loadRes(copy['detections'])
        for kind in ('segm', 'bbox'):
            for limit in (100, 300) if len(detections) > 100 else (100,):
                e = COCOeval(gt, dt, kind)
                e.params.maxDets = [1, 10, limit]
                e.evaluate()
                e.accumulate()
                p, r = e.eval['precision'][..., -1], e.eval['recall'][..., -1]
                results[f'{kind}@{limit}'] = dict(
                    **summary(p, r),
                    perClass={str(c): dict(**summary(p[:, :, k:k + 1], r[:, k:k + 1]), precisionAt50=p[0, ::10, k, 0].tolist()) for k, c in enumerate(e.params.catIds)})
    print(json.dumps(dict(json.loads(line), eval=results)), flush=True)
