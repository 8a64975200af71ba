"""Training steps of torchvision's two ResNet-50 detectors on a GPU: medians in seconds, for bench/README.md.

usage: torchvision_gpu.py     needs a PyTorch with CUDA; one image of 512 px with 100 cells, random weights
"""

import time

import torch
from torchvision.models.detection import maskrcnn_resnet50_fpn, maskrcnn_resnet50_fpn_v2

SIZE, CELLS, STEPS, WARM_UP = 512, 100, 25, 8


def target():
    corners = torch.rand(CELLS, 2, device="cuda") * (SIZE - 30)
    boxes = torch.cat([corners, corners + 25], 1)
    masks = torch.zeros(CELLS, SIZE, SIZE, dtype=torch.uint8, device="cuda")
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.int().tolist()):
        mask[y1:y2, x1:x2] = 1
    return {"boxes": boxes, "labels": torch.randint(1, 5, (CELLS,), device="cuda"), "masks": masks}


def seconds_per_step(make):
    torch.manual_seed(0)
    model = make(weights=None, weights_backbone=None, num_classes=5, min_size=SIZE, max_size=SIZE).cuda().train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=1e-4, momentum=0.9, weight_decay=5e-4)
    image, truth = torch.rand(3, SIZE, SIZE, device="cuda"), target()
    times = []
    for _ in range(STEPS):
        started = time.perf_counter()
        loss = sum(model([image], [truth]).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return sorted(times[WARM_UP:])[(STEPS - WARM_UP) // 2]


for tf32 in (False, True):
    torch.backends.cudnn.allow_tf32 = tf32
    for make in (maskrcnn_resnet50_fpn, maskrcnn_resnet50_fpn_v2):
        print(f"{make.__name__}, {'TF32' if tf32 else 'float32'}: {seconds_per_step(make):.3f} s")
