"""Makes images.json: files that Pillow wrote with the pixels that it reads from them, and images resized by PyTorch.

    pip install pillow torch
    python images.py
"""

import base64
import io
import json
import os

import torch
from PIL import Image

WIDTH, HEIGHT = 11, 7


def pixel(x, y, c):
    """Smooth, so that JPEG keeps it."""
    return (x * 20 + y * 11 + c * 37) % 256 if c != 3 else 255 - 10 * x


def picture(mode):
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    data = bytes(pixel(x, y, c) for y in range(HEIGHT) for x in range(WIDTH) for c in range(channels))
    return Image.frombytes(mode, (WIDTH, HEIGHT), data)


def entry(image, kind, read_as=None, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    read = Image.open(io.BytesIO(file.getvalue()))
    if read_as:
        read = read.convert(read_as)
    bands = len(read.getbands())
    values = list(read.get_flattened_data())
    flat = values if bands == 1 else [v for pixel in values for v in pixel]
    return {
        "file": base64.b64encode(file.getvalue()).decode(),
        "channels": bands,
        "pixels": flat,
        "gray": list(Image.open(io.BytesIO(file.getvalue())).convert("RGB").convert("L").get_flattened_data()),
    }


gray16 = Image.frombytes(
    "I;16", (WIDTH, HEIGHT), b"".join((x * 5000 + y * 777).to_bytes(2, "little") for y in range(HEIGHT) for x in range(WIDTH))
)
bits = picture("L").point(lambda v: 255 if v > 100 else 0).convert("1", dither=0)
files = {
    **{f"png {mode}": entry(picture(mode), "PNG") for mode in ("L", "LA", "RGB", "RGBA")},
    "png palette": entry(picture("RGB").quantize(13), "PNG", "RGB", bits=4),
    "png 1 bit": entry(bits, "PNG", "L"),
    "png 16 bits": {**entry(gray16, "PNG"), "gray": None},
    "jpeg RGB": entry(picture("RGB"), "JPEG", quality=95, subsampling=0),
    "jpeg L": entry(picture("L"), "JPEG", quality=95),
}

torch.manual_seed(0)
x = torch.rand(2, 9, 7)
resized = []
for size in ((4, 5), (3, 3), (18, 10), (9, 2)):
    for antialias in (False, True):
        y = torch.nn.functional.interpolate(x[None], size=size, mode="bilinear", antialias=antialias)[0]
        resized.append({"size": size, "antialias": antialias, "values": [round(v, 7) for v in y.flatten().tolist()]})
    y = torch.nn.functional.interpolate(x[None], size=size, mode="nearest")[0]
    resized.append({"size": size, "interpolation": "nearest", "values": [round(v, 7) for v in y.flatten().tolist()]})

golden = {
    "size": [HEIGHT, WIDTH],
    "files": files,
    "resize": {"shape": list(x.shape), "values": [round(v, 7) for v in x.flatten().tolist()], "cases": resized},
}
with open(os.path.join(os.path.dirname(__file__), "images.json"), "w") as out:
    json.dump(golden, out)
    out.write("\n")
