"""Files that nobody means well with, made anew each time: bombs, stumps, disguises, nonsense."""

import functools
import io
import random
import struct
import zipfile
import zlib

import numpy as np
import PIL.Image

SIDE = 48
HTML = b"<!doctype html><script>document.title = 'mine'</script>"
SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>"""
ENTITIES = b"""<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg"><text>&b;&c;</text></svg>"""


@functools.cache
def hostile_files() -> dict[str, bytes]:
    """Return 200 files by name; the same ones at every call."""
    sound = {kind: picture(kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")}
    files = {**_bombs(), **_texts(), **_extras(sound), **_disguises(sound)}
    for kind, content in sound.items():
        for share in (0.05, 0.3, 0.5, 0.8, 0.97):
            files[f"cut-{share}.{kind.lower()}"] = content[: int(len(content) * share)]
    chance = random.Random(7)
    while len(files) < 200:
        kind = chance.choice(list(sound))
        content = bytearray(sound[kind])
        for _ in range(chance.randint(1, 20)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        files[f"bent-{len(files)}.{kind.lower()}"] = bytes(content)
    return files


def picture(kind: str, **options: object) -> bytes:
    """Return a sound picture of noise."""
    noise = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    stream = io.BytesIO()
    PIL.Image.fromarray(noise).save(stream, kind, **options)
    return stream.getvalue()


def png(width: int, height: int, *, depth: int = 8, colour: int = 2, data: bytes = b"", extra: bytes = b"") -> bytes:
    """Return a PNG that says it is so large, whatever its data hold."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _bombs() -> dict[str, bytes]:
    """Return a few kilobytes each that become megabytes or gigabytes for who unpacks them."""
    files = {
        f"bomb-{width}x{height}.png": png(width, height, data=zlib.compress(bytes(2**22), 1))
        for width, height in (
            *[(9000, 9000), (30_000, 30_000), (2**31 - 1, 2**31 - 1), (1, 2**31 - 1), (2**31 - 1, 1), (4096, 4096)],
            *[(0, 0), (0, 5), (65_535, 1000)],
        )
    }
    for depth, colour in ((16, 6), (1, 0), (16, 2), (3, 2), (8, 9), (8, 3)):
        files[f"depth-{depth}-{colour}.png"] = png(5000, 5000, depth=depth, colour=colour, data=zlib.compress(b"\0"))
    for key in (b"zTXt", b"iTXt", b"iCCP"):
        packed = zlib.compress(bytes(2**25), 1)
        middle = {b"zTXt": b"a\0\0", b"iTXt": b"a\0\x01\0\0\0", b"iCCP": b"a\0\0"}[key]
        files[f"text-{key.decode()}.png"] = png(4, 4, data=zlib.compress(bytes(52)), extra=chunk(key, middle + packed))
    gif = bytearray(picture("GIF"))
    for width, height in ((65_535, 65_535), (0, 0), (65_535, 1)):
        gif[6:10] = struct.pack("<HH", width, height)
        files[f"bomb-{width}x{height}.gif"] = bytes(gif)
    jpeg = picture("JPEG")
    place = jpeg.index(b"\xff\xc0") + 5
    for width, height in ((65_535, 65_535), (0, 0), (65_500, 1), (1, 65_500)):
        files[f"bomb-{width}x{height}.jpg"] = jpeg[:place] + struct.pack(">HH", height, width) + jpeg[place + 4 :]
    webp = picture("WEBP", lossless=True)
    for number in (0xFFFFFFFF, 0x0FFFFFFF, 0):
        files[f"bomb-{number:x}.webp"] = webp[:21] + struct.pack("<I", number) + webp[25:]
    frames = [PIL.Image.new("L", (SIDE, SIDE), level) for level in range(0, 256, 4)] * 4
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], duration=1)
    return files | {"frames.gif": stream.getvalue()}


def _texts() -> dict[str, bytes]:
    """Return what is no picture at all, under the names of pictures."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("../../escape.png", bytes(2**24))
    texts = {
        "empty": b"",
        "zero": b"\0" * 4096,
        "one": b"\xff" * 4096,
        "html": HTML,
        "svg": SVG,
        "entities": ENTITIES,
        "zip": archive.getvalue(),
        "elf": b"\x7fELF" + bytes(200),
        "pdf": b"%PDF-1.7\n%%EOF",
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run",
        "python": b"import os; os.system('true')",
        "pickle": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        "npy": b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (9,), }",
        "onnx": b"\x08\x07\x12\x04evil",
        "playlist": b"#EXTM3U\nfile:///etc/passwd",
        "wide": "図".encode("utf-16") * 999,
    }
    return {f"{name}.{kind}": content for name, content in texts.items() for kind in ("png", "jpg", "svg")}


def _extras(sound: dict[str, bytes]) -> dict[str, bytes]:
    """Return good pictures with bad words in them: EXIF, colour profiles, text, frames."""
    files = {}
    exifs = {
        "endless": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\x08",
        "huge": b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\xff\xff\xff\xff\xff\xff\xff\xff" * 9,
        "nine": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x63\0\0\0\0\0\0\0",
        "text": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x05\0\0\0\x1a\0\0\0\0\0\0\0left\0",
        "junk": b"Exif\0\0" + b"\xde\xad" * 99,
    }
    for name, exif in exifs.items():
        for kind in ("JPEG", "PNG", "WEBP"):
            files[f"exif-{name}.{kind.lower()}"] = picture(kind, exif=exif)
    profiles = {"junk": b"\xde\xad" * 99, "short": b"\0", "long": bytes(2**18), "head": b"\0\0\1\0lcms" + bytes(120)}
    for name, profile in profiles.items():
        for kind in ("JPEG", "PNG", "WEBP"):
            files[f"icc-{name}.{kind.lower()}"] = picture(kind, icc_profile=profile)
    head, data = sound["PNG"][:33], sound["PNG"][33:]
    for name, text in {
        "recipe": b"ganvas.recipe\0\0\0\0\0" + b"[" * 60_000,
        "numbers": b'ganvas.recipe\0\0\0\0\0{"model": "dabbler", "seed": 1e999, "truncation": NaN, "enlarge": -0}',
        "digits": b'ganvas.recipe\0\0\0\0\0{"model": "dabbler", "seed": ' + b"9" * 5000 + b"}",
        "path": b'ganvas.recipe\0\0\0\0\0{"model": "../../etc", "seed": 1}',
        "pins": b'ganvas.recipe\0\0\0\0\0{"model": "dabbler", "pins": [{"seed": -1}], "x": "0"}',
        "types": b'ganvas.recipe\0\0\0\0\0{"model": ["dabbler"], "seed": {"a": 1}}',
    }.items():
        files[f"told-{name}.png"] = head + chunk(b"iTXt", text) + data
    return files


def _disguises(sound: dict[str, bytes]) -> dict[str, bytes]:
    """Return files that are two things at once, or that are called what they are not."""
    files = {f"then-html.{kind.lower()}": content + HTML for kind, content in sound.items()}
    files |= {f"html-then.{kind.lower()}": HTML + content for kind, content in sound.items()}
    files |= {f"{kind.lower()}.html": content for kind, content in sound.items()}
    return files | {"gifar.gif": b"GIF89a/*" + SVG + b"*/", "jpeg-comment.jpg": b"\xff\xd8\xff\xfe\xff\xff" + HTML}
