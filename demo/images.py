"""Bytes <-> PIL <-> array, with every limit on pictures that strangers made."""

import base64
import io
import struct
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ExifTags, ImageCms, ImageOps, PngImagePlugin
from PIL.Image import Image, Resampling

from demo.errors import PictureError

WEB_FORMATS = ("PNG", "JPEG", "WEBP")
ALL_FORMATS = (*WEB_FORMATS, "BMP", "TIFF", "GIF", "PPM")
MAX_PIXELS = 16_000_000
MAX_LARGE_PIXELS = 50_000_000
"""What is taken where a picture is worked on piece by piece."""

EXAMPLES = tuple(sorted((Path(__file__).parent / "assets" / "photographs").glob("*.jpg")))
"""Photographs that ship with the page."""

DAMAGE = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, struct.error, zlib.error, OverflowError)
BOMB = (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning)
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")

# Pillow warns of a bomb and goes on; here a bomb ends the reading. Of damaged tags it warns and does what it can.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.filterwarnings("error", category=PIL.Image.DecompressionBombWarning)


def read_picture(
    source: bytes | Path,
    *,
    formats: tuple[str, ...] = ALL_FORMATS,
    max_pixels: int = MAX_PIXELS,
    shrink_to: int = 0,
    halve: bool = False,
    keep_alpha: bool = False,
    name: str = "",
) -> Image:
    """Return a picture in mode `L` or `RGB`: upright, in sRGB, on white where it was transparent, first frame only.

    With `keep_alpha`, it is in mode `RGBA` and in the colours of its file instead: layers that were painted here.

    With `shrink_to`, a JPEG larger than needed is decoded at a half, a quarter or an eighth of its size, never with a
    shorter side below `shrink_to`; `max_pixels` then limits the decoded size, and the stored one may be four times it.
    With `halve`, a JPEG of more pixels than `max_pixels`, and up to four times as many, is decoded at half its sides.
    `name` is what errors call the picture; by default the file's name.

    Raises:
        PictureError: the file is missing, empty, damaged, too large, or of a format that is not taken.

    """
    name = name or (source.name if isinstance(source, Path) else "the picture")
    content = _read(source, name)
    try:
        image: Image = PIL.Image.open(io.BytesIO(content), formats=formats)
    except PIL.UnidentifiedImageError as error:
        raise PictureError(
            f"{name} is not a readable {_listed(formats)} picture; open it in an image editor and save it anew"
        ) from error
    except BOMB as error:
        raise PictureError(_too_large(name, None, max_pixels)) from error
    except DAMAGE as error:
        raise PictureError(_damaged(name)) from error
    stored = image.width * image.height
    if shrink_to and stored <= 4 * max_pixels:
        image.draft(None, (shrink_to, shrink_to))
    elif halve and max_pixels < stored <= 4 * max_pixels:
        image.draft(None, (image.width // 2, image.height // 2))
    if image.width * image.height > max_pixels:
        raise PictureError(_too_large(name, image.size, max_pixels))
    try:
        image.seek(0)
        image.load()
        return ImageOps.exif_transpose(image).convert("RGBA") if keep_alpha else _normalised(image, name)
    except BOMB as error:
        raise PictureError(_too_large(name, None, max_pixels)) from error
    except DAMAGE as error:
        raise PictureError(_damaged(name)) from error


def upright_size(content: bytes) -> tuple[int, int]:
    """Return width and height of a picture that `read_picture` has taken: upright, before any shrinking."""
    with PIL.Image.open(io.BytesIO(content)) as image:
        turned = image.getexif().get(ExifTags.Base.Orientation) in {5, 6, 7, 8}  # a file may say anything there
        return (image.height, image.width) if turned else image.size


def alpha_of(content: bytes) -> Image | None:
    """Return how opaque a picture is that `read_picture` has taken, upright and in mode `L`; None where it all is."""
    with PIL.Image.open(io.BytesIO(content)) as image:
        if image.mode in _SIXTEEN_BIT or not image.has_transparency_data:
            return None
        alpha = ImageOps.exif_transpose(image).convert("RGBA").getchannel("A")
    return alpha if alpha.getextrema() != (255, 255) else None


def on_white(image: Image) -> Image:
    """Return a picture, perhaps transparent, on white paper, mode `RGB`."""
    paper = PIL.Image.new("RGBA", image.size, "white")
    paper.alpha_composite(image.convert("RGBA"))
    return paper.convert("RGB")


def fit_within(image: Image, side: int) -> Image:
    """Return the picture, scaled down with antialiasing if its longer side exceeds `side`; never scaled up."""
    if max(image.size) <= side:
        return image
    scale = side / max(image.size)
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), Resampling.LANCZOS)


def to_array(image: Image) -> NDArray[np.float32]:
    """Return the picture as (1, C, H, W) float32 in [-1, 1]; C is 1 for mode `L` and 3 for `RGB`."""
    pixels = np.asarray(image, dtype=np.float32)
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(planes[None]) / np.float32(127.5) - np.float32(1)


def from_array(picture: NDArray[np.float32]) -> Image:
    """Return a picture (C, H, W) in [-1, 1] as mode `L` or `RGB`; values outside are clipped, as a screen would."""
    levels = np.rint((picture.clip(-1, 1) + 1) * 127.5).astype(np.uint8)
    return PIL.Image.fromarray(levels[0] if levels.shape[0] == 1 else levels.transpose(1, 2, 0))


def pad_to_multiple(picture: NDArray[np.float32], multiple: int) -> NDArray[np.float32]:
    """Return (N, C, H, W) mirrored at its right and lower edge until H and W are multiples of `multiple`."""
    rest = [-side % multiple for side in picture.shape[-2:]]
    return np.pad(picture, [(0, 0), (0, 0), (0, rest[0]), (0, rest[1])], mode="symmetric")


def to_png(image: Image, texts: Mapping[str, str]) -> bytes:
    """Return the picture as PNG that carries `texts` as text chunks (UTF-8 where they need it)."""
    stream = io.BytesIO()
    write_png(image, texts, stream)
    return stream.getvalue()


def to_data_uri(image: Image) -> str:
    """Return the picture as a JPEG in a data URI, for previews."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def write_png(image: Image, texts: Mapping[str, str], target: Path | BinaryIO) -> None:
    """Write what `to_png` returns, without holding it in memory."""
    chunks = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        chunks.add_itxt(key, text)
    image.save(target, "PNG", pnginfo=chunks)


def _read(source: bytes | Path, name: str) -> bytes:
    try:
        content = source.read_bytes() if isinstance(source, Path) else source
    except OSError as error:
        raise PictureError(f"{name} cannot be read ({error.strerror}); check the file and its permissions") from error
    if not content:
        raise PictureError(f"{name} is empty; choose another file")
    return content


def _normalised(image: Image, name: str) -> Image:
    if image.mode in {"I", "F"}:
        raise PictureError(f"{name} stores 32-bit numbers without a known range; save it with 8 or 16 bits per channel")
    profile = image.info.get("icc_profile")
    grey = image.mode in {"1", "L", "LA", "La", *_SIXTEEN_BIT}
    upright = ImageOps.exif_transpose(image)
    if upright.mode in _SIXTEEN_BIT:
        levels = np.asarray(upright, dtype=np.uint32)
        upright = PIL.Image.fromarray(((levels * 255 + 32767) // 65535).astype(np.uint8))
    if upright.has_transparency_data:
        upright = on_white(upright)
    elif upright.mode not in {"L", "RGB", "CMYK"}:
        upright = upright.convert("L" if grey else "RGB")
    managed = _to_srgb(upright, profile) if profile else upright
    return managed.convert("L" if grey else "RGB")


def _to_srgb(image: Image, profile: bytes) -> Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        # Browsers, too, show a picture whose profile is damaged or of another colour space as if it had none.
        return image
    return converted if converted is not None else image


def _listed(formats: tuple[str, ...]) -> str:
    return f"{', '.join(formats[:-1])} or {formats[-1]}" if len(formats) > 1 else formats[0]


def _damaged(name: str) -> str:
    return f"{name} is damaged or cut short; get a fresh copy, or open it in an image editor and save it anew"


def _too_large(name: str, size: tuple[int, int] | None, max_pixels: int) -> str:
    measured = f"{size[0]} x {size[1]} pixels" if size else "hundreds of megapixels"
    return f"{name} has {measured}, more than the {max_pixels / 1e6:.0f} megapixels taken here; scale it down first"
