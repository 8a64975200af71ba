"""COCOeval of two files, as its own demo calls it: python score_pycocotools.py GT.json DT.json TYPE MAXDETS"""
import contextlib
import io
import json
import resource
import sys
import time

begin = time.perf_counter()
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

imported = time.perf_counter()
with contextlib.redirect_stdout(io.StringIO()):
    gt = COCO(sys.argv[1])
    evaluation = COCOeval(gt, gt.loadRes(sys.argv[2]), sys.argv[3])
    evaluation.params.maxDets = [1, 10, int(sys.argv[4])]
    evaluation.evaluate()
    evaluation.accumulate()
precision = evaluation.eval['precision']
mean = lambda a: float(a[a > -1].mean()) if (a > -1).any() else -1.0
print(json.dumps(dict(
    seconds=time.perf_counter() - imported, importSeconds=imported - begin, peakRssMb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    AP=mean(precision[:, :, :, 0, -1]), AP50=mean(precision[0, :, :, 0, -1]), AP75=mean(precision[5, :, :, 0, -1]))))
