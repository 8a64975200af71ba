"""Times of pycocotools' run-length codec: python rle_pycocotools.py CODES.json (lists of codes by case); seconds a mask.

Masks come row by row, as ours do; pycocotools takes them column by column, so encoding is its usual
`encode(np.asfortranarray(mask))`.
"""
import json
import resource
import sys
import time

import numpy as np
from pycocotools import mask as M


def best(work, items, repeats=7):
    """The shortest of several passes over all items: what the machine can do, not what else it did."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        for item in items:
            work(item)
        times.append(time.perf_counter() - begin)
    return min(times) / len(items)


out = {}
for case, codes in json.load(open(sys.argv[1])).items():
    codes = [dict(size=c['size'], counts=c['counts'].encode()) for c in codes]
    masks = [np.ascontiguousarray(M.decode(c)) for c in codes]
    encode = lambda mask: M.encode(np.asfortranarray(mask))
    assert all(encode(m)['counts'] == c['counts'] for m, c in zip(masks, codes))
    out[case] = dict(encode=best(encode, masks), decode=best(M.decode, codes))
print(json.dumps(dict(cases=out, peakRssMb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)))
