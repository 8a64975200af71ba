"""Builds the torchvision model that a portable model file of ours describes, and loads its weights strictly.

The light model's definition is read from the reference folder named by CYTOBENCH_REFERENCE.
"""
import json
import os
import sys

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


def load(path):
    """The model with its weights, and what the file says of it."""
    with safe_open(path, "pt") as f:
        about = json.loads(f.metadata()["cytobench"])
        state = {name: f.get_tensor(name) for name in f.keys()}
    model = build(about)
    model.load_state_dict(state, strict=True)
    return model, about
