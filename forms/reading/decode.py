"""A scanned file as gray pictures, page by page, within hard limits.

What is checked comes before what is decoded: kind by content, pages, size of the paper, pixels. A PDF page that is
nothing but one scanned picture gives that picture as it is; any other is drawn.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MOST_BYTES = 100 << 20
MOST_PIXELS = 40_000_000
MOST_PAGES = 300
MOST_POINTS = 1300.0
DRAWN_PIXELS = 12_000_000
DRAWN_DPI = 200
WORKING = 3600
"""Longest side a page is read at: A4 at 300 dpi. Larger pictures are made smaller first."""
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MOST_PIXELS)


class Unreadable(Exception):
    """Why a file or page is not read; ``why`` is a short name that forms/reading/stack.py turns into a sentence."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Source:
    """An opened file: how many pages, and how to get at one. ``drawn`` pages have a known scale."""

    kind: str
    count: int
    page: Callable[[int], Any]
    words: Callable[[int], str] = lambda _: ""
    """The text that lies in a page; nothing in pictures."""


def kind_of(content: bytes) -> str:
    """pdf, jpeg, png or tiff by the first bytes; raises Unreadable."""
    head = bytes(content[:1024])
    if b"%PDF-" in head:
        return "pdf"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis", b"avif"):
        raise Unreadable("heic")
    raise Unreadable("kind")


def open_source(content: bytes) -> Source:
    """Open a file; raises Unreadable."""
    if len(content) > MOST_BYTES:
        raise Unreadable("bytes")
    kind = kind_of(content)
    if kind == "pdf":
        return _open_pdf(content)
    if kind == "tiff":
        return _open_tiff(content)
    return Source(kind, 1, lambda _: _fit(_single(content, kind)))


def _fit(gray: Any) -> Any:
    import cv2

    longest = max(gray.shape)
    if longest <= WORKING:
        return gray
    if longest >= 1.8 * WORKING:
        height, width = gray.shape
        even = gray[: height // 2 * 2, : width // 2 * 2]
        return _fit(cv2.resize(even, (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    scale = WORKING / longest
    return cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _check(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise Unreadable("pixels")
    if min(width, height) < 40:
        raise Unreadable("small")


def _pillow(content: bytes, kind: str) -> Any:
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        return Image.open(io.BytesIO(content), formats=[kind.upper()])
    except Image.DecompressionBombError:
        raise Unreadable("pixels") from None
    except Exception:
        raise Unreadable("damaged") from None


def _gray(picture: Any) -> Any:
    """A Pillow picture as a gray array; what is transparent is paper."""
    import numpy as np
    from PIL import Image

    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture)
    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture, dtype=np.float32)
        top = 65535.0 if values.max() > 255 else 255.0
        return np.clip(values * (255.0 / top), 0, 255).astype(np.uint8)
    return np.asarray(picture.convert("L"))


def _single(content: bytes, kind: str) -> Any:
    import cv2
    import numpy as np

    picture = _pillow(content, kind)
    _check(*picture.size)
    if kind == "png":
        try:
            return _gray(picture)
        except Exception:
            raise Unreadable("damaged") from None
    gray = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)  # turns it as EXIF says
    if gray is None:
        raise Unreadable("damaged")
    return gray


def _open_tiff(content: bytes) -> Source:
    picture = _pillow(content, "tiff")
    count = 0
    seen = set()
    try:
        while count <= MOST_PAGES:
            picture.seek(count)
            offset = getattr(picture, "_TiffImageFile__frame", count), picture.tell()
            if offset in seen:
                break
            seen.add(offset)
            count += 1
    except EOFError:
        pass
    except Exception:
        if not count:
            raise Unreadable("damaged") from None
    if count > MOST_PAGES:
        raise Unreadable("pages")

    def page(number: int) -> Any:
        try:
            picture.seek(number)
            size = picture.size
        except Exception:
            raise Unreadable("damaged") from None
        _check(*size)
        try:
            return _fit(_gray(picture))
        except Exception:
            raise Unreadable("damaged") from None

    return Source("tiff", count, page)


def _open_pdf(content: bytes) -> Source:
    import pikepdf

    try:
        document = pikepdf.open(io.BytesIO(content), suppress_warnings=True)
        count = len(document.pages)
    except pikepdf.PasswordError:
        raise Unreadable("password") from None
    except Exception:
        raise Unreadable("damaged") from None
    if count > MOST_PAGES:
        raise Unreadable("pages")
    if not count:
        raise Unreadable("empty")
    drawing: list[Any] = []
    drawn: set[int] = set()

    def page(number: int) -> Any:
        leaf = document.pages[number]
        _check_leaf(leaf)
        gray = _picture_of(leaf)
        if gray is None:
            drawn.add(number)
            gray = _drawn(drawing, content, number)
        return _fit(gray)

    def words(number: int) -> str:
        return _words(drawing[0], number) if number in drawn else ""  # a page that is one picture holds no text

    return Source("pdf", count, page, words)


def _box(leaf: Any) -> tuple[float, float]:
    left, bottom, right, top = (float(value) for value in leaf.mediabox)
    return abs(right - left), abs(top - bottom)


def _check_leaf(leaf: Any) -> None:
    try:
        width, height = _box(leaf)
        if not (36 <= width <= MOST_POINTS and 36 <= height <= MOST_POINTS):
            raise Unreadable("paper")
        for picture in leaf.images.values():
            if int(picture.Width) * int(picture.Height) > MOST_PIXELS:
                raise Unreadable("pixels")
    except Unreadable:
        raise
    except Exception:
        raise Unreadable("damaged") from None


def _picture_of(leaf: Any) -> Any | None:
    """The one picture that a scanner put on the page, as it is; None where the page holds anything else."""
    import cv2
    import numpy as np

    try:
        pictures = leaf.images
        if len(pictures) != 1 or not _fills(leaf):
            return None
        (picture,) = pictures.values()
        width, height = int(picture.Width), int(picture.Height)
        _check(width, height)
        if picture.get("/SMask") is not None or picture.get("/Decode") is not None or picture.get("/ImageMask"):
            return None
        if picture.get("/Filter") == "/DCTDecode" and picture.get("/ColorSpace") in ("/DeviceGray", "/DeviceRGB"):
            gray = cv2.imdecode(np.frombuffer(picture.read_raw_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
        else:
            gray = _other_picture(picture)
        if gray is None or gray.shape != (height, width):
            return None
    except Unreadable:
        raise
    except Exception:
        return None
    turns = int(leaf.get("/Rotate", 0)) // 90 % 4
    return np.ascontiguousarray(np.rot90(gray, -turns)) if turns else gray


def _other_picture(picture: Any) -> Any:
    import pikepdf

    return _gray(pikepdf.PdfImage(picture).as_pil_image())


def _fills(leaf: Any) -> bool:
    """Whether the page does nothing but place one upright picture over itself."""
    import pikepdf

    whole = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    drawn = 0
    steps: Any = pikepdf.parse_content_stream(leaf)
    for operands, operator in steps:
        name = str(operator)
        if name == "cm":
            a, b, c, d, e, f = (float(value) for value in operands)
            if b or c:
                return False
            whole = [whole[0] * a, 0, 0, whole[3] * d, whole[0] * e + whole[4], whole[3] * f + whole[5]]
        elif name == "Do":
            drawn += 1
        elif name not in ("q", "Q", "gs"):
            return False
    width, height = _box(leaf)
    return drawn == 1 and whole[0] >= 0.9 * width and whole[3] >= 0.9 * height


def _drawn(drawing: list[Any], content: bytes, number: int) -> Any:
    import numpy as np
    import pypdfium2

    try:
        if not drawing:
            drawing.append(pypdfium2.PdfDocument(content))
        leaf = drawing[0][number]
        width, height = leaf.get_size()
        scale = min(DRAWN_DPI / 72, (DRAWN_PIXELS / max(width * height, 1)) ** 0.5)
        bitmap = leaf.render(scale=scale, grayscale=True, may_draw_forms=True)
        return np.ascontiguousarray(bitmap.to_numpy()).reshape(bitmap.height, bitmap.width).copy()
    except Exception:
        raise Unreadable("damaged") from None


def _words(drawing: Any, number: int) -> str:
    try:
        return str(drawing[number].get_textpage().get_text_range())
    except Exception:
        return ""


def without(content: bytes, kind: str, pages: set[int]) -> bytes:
    """The file without some of its pages; nothing at all where none is left. What is cut out leaves no trace in it."""
    if kind == "pdf":
        return _pdf_without(content, pages)
    if kind == "tiff":
        return _tiff_without(content, pages)
    return b"" if 0 in pages else content


def _pdf_without(content: bytes, pages: set[int]) -> bytes:
    import pikepdf

    with pikepdf.open(io.BytesIO(content), suppress_warnings=True) as old, pikepdf.new() as kept:
        for number, leaf in enumerate(old.pages):
            if number not in pages:
                kept.pages.append(leaf)
        out = io.BytesIO()
        if len(kept.pages):
            kept.save(out)
    return out.getvalue()


def _tiff_without(content: bytes, pages: set[int]) -> bytes:
    picture = _pillow(content, "tiff")
    kept = []
    for number in range(getattr(picture, "n_frames", 1)):
        if number not in pages:
            picture.seek(number)
            _check(*picture.size)
            kept.append(picture.copy())
    if not kept:
        return b""
    out = io.BytesIO()
    packing = "group4" if all(one.mode == "1" for one in kept) else "tiff_deflate"
    kept[0].save(out, "TIFF", save_all=True, append_images=kept[1:], compression=packing)
    return out.getvalue()
