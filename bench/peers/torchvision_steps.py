"""torchvision's training steps or predictions, one for each line on standard input; a line of JSON answers each.

usage: torchvision_steps.py FOLDER train|infer PRECISION LAYOUT [DEVICE]
PRECISION float32|tf32|bfloat16, LAYOUT contiguous|channels_last|compiled, DEVICE cpu|cuda
FOLDER holds model.safetensors, image.bin (float32 [h, w, 3] in 0..1) and job.json (size, boxes, labels, masks as crops).
Sampling takes the lowest indices and the model's own resize is off, as on the other side.
"""
import json
import os
import sys
import time

import numpy as np
import torch
from torchvision_model import load


class FirstSampler:
    """The lowest indices of each kind instead of random ones."""

    def __init__(self, size, fraction):
        self.size, self.fraction = size, fraction

    def __call__(self, matched):
        positives, negatives = [], []
        for labels in matched:
            positive = torch.where(labels >= 1)[0][: int(self.size * self.fraction)]
            negative = torch.where(labels == 0)[0][: self.size - len(positive)]
            for rows, out in ((positive, positives), (negative, negatives)):
                mask = torch.zeros_like(labels, dtype=torch.uint8)
                mask[rows] = 1
                out.append(mask)
        return positives, negatives


def prepare(folder, layout, device):
    job = json.load(open(os.path.join(folder, "job.json")))
    model, about = load(os.path.join(folder, "model.safetensors"))
    config = about["config"]
    model.rpn.fg_bg_sampler = FirstSampler(config["rpn"]["batchSizePerImage"], config["rpn"]["positiveFraction"])
    model.roi_heads.fg_bg_sampler = FirstSampler(config["box"]["batchSizePerImage"], config["box"]["positiveFraction"])
    model.transform.resize = lambda image, target=None: (image, target)
    size = job["size"]
    pixels = np.fromfile(os.path.join(folder, "image.bin"), np.float32).reshape(size, size, 3)
    image = torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
    masks = np.zeros((len(job["labels"]), size, size), np.uint8)
    for mask, crop in zip(masks, job["masks"]):
        y, x, h, w = crop["y"], crop["x"], crop["height"], crop["width"]
        mask[y : y + h, x : x + w] = np.asarray(crop["data"], np.uint8).reshape(h, w)
    target = dict(
        boxes=torch.tensor(job["boxes"], dtype=torch.float32).reshape(-1, 4),
        labels=torch.tensor(job["labels"], dtype=torch.int64),
        masks=torch.from_numpy(masks),
    )
    model, image = model.to(device), image.to(device)
    target = {name: value.to(device) for name, value in target.items()}
    if layout == "compiled":
        model.backbone = torch.compile(model.backbone)
    if layout == "channels_last":
        model = model.to(memory_format=torch.channels_last)
        batch = model.transform.batch_images
        model.transform.batch_images = lambda *a, **k: batch(*a, **k).contiguous(memory_format=torch.channels_last)
    return model, image, target


def peak_mb():
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) * 1024 / 1e6


def main():
    folder, task, precision, layout = sys.argv[1:5]
    device = sys.argv[5] if len(sys.argv) > 5 else "cpu"
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    model, image, target = prepare(folder, layout, device)
    reduced = torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16")
    rois = []
    model.roi_heads.box_roi_pool.register_forward_hook(lambda module, inputs, out: rois.append(len(out)))
    if task == "train":
        model.train()
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-5, momentum=0.9, weight_decay=5e-4, fused=True)
    else:
        model.eval()

    def train():
        optimizer.zero_grad(set_to_none=True)
        with reduced:
            losses = model([image], [target])
            total = sum(losses.values())
        total.backward()
        optimizer.step()
        return {name: float(value) for name, value in losses.items()}

    def infer():
        with torch.inference_mode(), reduced:
            found = model([image])[0]
        return {"detections": len(found["scores"]), "best": float(found["scores"][:1].sum())}

    work = train if task == "train" else infer
    print(json.dumps(dict(ready=True)), flush=True)
    for _ in sys.stdin:
        rois.clear()
        started = time.perf_counter()
        values = work()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started
        print(json.dumps(dict(seconds=seconds, rois=sum(rois), values=values, peakRssMb=peak_mb())), flush=True)


main()
