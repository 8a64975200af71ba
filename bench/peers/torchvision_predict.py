"""Loads an exported model into torchvision, strictly, and predicts: COCO results, image ids 1..n in the order of the folders.

usage: torchvision_predict.py MODEL.safetensors DATA_DIR OUT.json [IDS_JSON]
The light model's definition is read from the reference folder named by CYTOBENCH_REFERENCE.
"""
import json
import os
import sys

import numpy as np
import torch
from PIL import Image
from pycocotools import mask as coco_mask
from torchvision_model import load


def main():
    path, data, out = sys.argv[1:4]
    model, about = load(path)
    model.eval()
    ids = sorted(name for name in os.listdir(data) if os.path.isdir(os.path.join(data, name)))
    wanted = set(json.load(open(sys.argv[4]))) if len(sys.argv) > 4 else set(ids)
    results = []
    for number, name in enumerate(ids, 1):
        if name not in wanted:
            continue
        pixels = np.asarray(Image.open(os.path.join(data, name, "image.tif")).convert("RGB"))
        image = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255
        sizes = about["config"]["image"]
        own = sizes["resize"] != "never"
        model.transform.min_size = (sizes["minSize"] if own else round(min(image.shape[1:]) * about["enlarge"]),)
        model.transform.max_size = sizes["maxSize"] if own else 100000
        with torch.no_grad():
            found = model([image])[0]
        for box, label, score, mask in zip(found["boxes"], found["labels"], found["scores"], found["masks"]):
            code = coco_mask.encode(np.asfortranarray((mask[0] > 0.5).numpy().astype(np.uint8)))
            x1, y1, x2, y2 = box.tolist()
            results.append(
                dict(
                    image_id=number,
                    category_id=int(label),
                    score=float(score),
                    bbox=[x1, y1, x2 - x1, y2 - y1],
                    segmentation=dict(size=code["size"], counts=code["counts"].decode()),
                )
            )
    json.dump(results, open(out, "w"))


main()
