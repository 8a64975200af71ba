"""A submission as a stranger opens it: decode_submission.py ZIP IDS.json

Decodes every run-length code with pycocotools. Ends with 1 where an image is not listed, a mask has not its image's size,
is empty, leaves its box, or differs from what pycocotools itself would write.
"""
import collections
import json
import sys
import zipfile

import numpy as np
from pycocotools import mask as coco

with zipfile.ZipFile(sys.argv[1]) as archive:
    names = archive.namelist()
    results = json.loads(archive.read("test-results.json"))
sizes = {image["id"]: (image["height"], image["width"]) for image in json.load(open(sys.argv[2]))}
faults = collections.Counter()
for result in results:
    size = sizes.get(result["image_id"])
    if size is None:
        faults["image not listed"] += 1
        continue
    mask = coco.decode(result["segmentation"])
    rows, columns = np.nonzero(mask)
    if mask.shape != size:
        faults["size"] += 1
    elif rows.size == 0:
        faults["empty"] += 1
    elif coco.encode(np.asfortranarray(mask))["counts"].decode() != result["segmentation"]["counts"]:
        faults["code"] += 1
    x, y, w, h = result["bbox"]
    if rows.size and (
        columns.min() < x - 2 or columns.max() + 1 > x + w + 2 or rows.min() < y - 2 or rows.max() + 1 > y + h + 2
    ):
        faults["outside its box"] += 1
per_class = collections.Counter((result["image_id"], result["category_id"]) for result in results)
print(json.dumps({
    "files": names,
    "images": len({result["image_id"] for result in results}),
    "listed": len(sizes),
    "results": len(results),
    "most of one class in one image": max(per_class.values(), default=0),
    "faults": dict(faults),
}))
sys.exit(1 if faults or names != ["test-results.json"] else 0)
