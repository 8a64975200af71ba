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
from safetensors import safe_open
from torchvision.models.detection import MaskRCNN, maskrcnn_resnet50_fpn_v2
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone


def build(about):
    config = about["config"]
    rpn, box, anchors = config["rpn"], config["box"], config["anchors"]
    if about["architecture"] == "efficientnet_lite0_fpn":
        sys.path.insert(0, os.environ["CYTOBENCH_REFERENCE"])
        from light_model import light

        return light(config["numClasses"], False, box["detectionsPerImage"], box["scoreThreshold"])
    generator = AnchorGenerator(tuple(map(tuple, anchors["sizes"])), (tuple(anchors["aspectRatios"]),) * len(anchors["sizes"]))
    options = dict(
        rpn_pre_nms_top_n_test=rpn["preNmsTopNTest"],
        rpn_post_nms_top_n_test=rpn["postNmsTopNTest"],
        rpn_nms_thresh=rpn["nmsThreshold"],
        box_score_thresh=box["scoreThreshold"],
        box_nms_thresh=box["nmsThreshold"],
        box_detections_per_img=box["detectionsPerImage"],
    )
    if about["architecture"] == "resnet50_fpn_v2":
        model = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None, num_classes=config["numClasses"], **options)
        model.rpn.anchor_generator = generator
        return model
    backbone = resnet_fpn_backbone(backbone_name=about["architecture"][:-4], weights=None, trainable_layers=5)
    return MaskRCNN(backbone, config["numClasses"], rpn_anchor_generator=generator, **options)


def main():
    path, data, out = sys.argv[1:4]
    with safe_open(path, "pt") as f:
        about = json.loads(f.metadata()["cytobench"])
        state = {name: f.get_tensor(name) for name in f.keys()}
    model = build(about)
    model.load_state_dict(state, strict=True)
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
