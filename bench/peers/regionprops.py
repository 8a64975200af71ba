"""Random cells with what scikit-image's regionprops says of them, one JSON line a cell:
python regionprops.py FIRST COUNT [LARGEST]

Ellipses of every size and angle with rough borders, some with holes, some of two pieces, some cut by the image's edge;
of 20 pixels or more, LARGEST at most. A cell is its crop: rows of 0 and 1, left and top in an image of 300 x 300.
"""
import json
import sys

import numpy as np
from skimage.measure import regionprops

SIDE = 300


def cell(g):
    image = np.zeros((SIDE, SIDE), np.uint8)
    y, x = np.mgrid[:SIDE, :SIDE]
    for _ in range(2 if g.random() < 0.1 else 1):
        cx, cy = g.uniform(0, SIDE, 2)
        rx, ry = np.exp(g.uniform(np.log(2.2), np.log(45), 2))
        rx = min(rx, 4 * ry)
        ry = min(ry, 4 * rx)
        angle = g.uniform(0, np.pi)
        u = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        v = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
        turn = np.arctan2(v / ry, u / rx)
        rough = 1 + g.uniform(0, 0.25) * np.sin(g.integers(2, 9) * turn + g.uniform(0, 6))
        image[(u / rx) ** 2 + (v / ry) ** 2 <= rough] = 1
        if g.random() < 0.2:
            image[((u - rx * 0.2) / (0.3 * rx)) ** 2 + (v / (0.3 * ry)) ** 2 <= 1] = 0
    return image


def main():
    first, count = int(sys.argv[1]), int(sys.argv[2])
    largest = int(sys.argv[3]) if len(sys.argv) > 3 else SIDE * SIDE
    seed, made = first, 0
    while made < count:
        image = cell(np.random.default_rng(seed))
        seed += 1
        if not 20 <= image.sum() <= largest:
            continue
        (props,) = regionprops(image)
        top, left, bottom, right = props.bbox
        made += 1
        print(json.dumps(dict(
            seed=seed - 1, x=left, y=top,
            rows=[''.join(map(str, row)) for row in image[top:bottom, left:right].tolist()],
            area=int(props.area), cx=float(props.centroid[1]), cy=float(props.centroid[0]),
            perimeter=float(props.perimeter), eccentricity=float(props.eccentricity), solidity=float(props.solidity),
        )))


main()
