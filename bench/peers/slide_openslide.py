"""A slide as OpenSlide reads it: slide_openslide.py FILE OUT

Writes level 0 as RGB bytes, row by row, to OUT; prints its size.
"""
import json
import sys

import numpy as np
import openslide

with openslide.OpenSlide(sys.argv[1]) as slide:
    width, height = slide.dimensions
    pixels = np.asarray(slide.read_region((0, 0), 0, (width, height)))
# Where a slide has no pixel OpenSlide is transparent: that would be a difference, not a colour.
assert (pixels[..., 3] == 255).all()
pixels[..., :3].tofile(sys.argv[2])
print(json.dumps({"width": width, "height": height, "openslide": openslide.__library_version__}))
