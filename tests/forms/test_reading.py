"""Pages are read whichever way they come, and no file, however wicked, stops or harms the reader."""

import io
import struct
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pikepdf
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from forms.definition import BOXED
from forms.layout import lay_out
from forms.press import Plate, Press, Sheet
from forms.reading import stack
from forms.reading.page import Target, crop, read_page
from forms.reading.stack import SENTENCES, FileNotRead, Known, read_stack
from forms.settings import shipped
from forms.token import CodeRefused, PageCode, is_slip, slip_token, token, verified

KEY = b"k" * 32
LAYOUT = lay_out(shipped()["travel-sheet"])


def printed(serials, dpi=150):
    """Gray pages of travel sheets."""
    press = Press("Harbor", "")

    def code(page, of, serial):
        return token(PageCode(7, page, of, serial), KEY)

    for serial in serials:
        press.add(Plate("travel-sheet", 1, "Travel", LAYOUT, code), Sheet(serial))
    return drawn(press.pdf(), dpi)


def drawn(pdf, dpi=150):
    pages = []
    for leaf in pypdfium2.PdfDocument(pdf):
        bitmap = leaf.render(scale=dpi / 72, grayscale=True)
        pages.append(bitmap.to_numpy().reshape(bitmap.height, bitmap.width).copy())
    return pages


@pytest.fixture(scope="module")
def pages():
    return printed([41, 42])


def identify(texts):
    if any(is_slip(text) for text in texts):
        return "slip"
    try:
        codes = {verified(text, KEY) for text in texts}
    except CodeRefused:
        return "refused"
    if len(codes) > 1:
        return "codes_differ"
    (code,) = codes
    page = LAYOUT.pages[code.page - 1]
    boxes = [(zone.x, zone.y) for zone in page.zones if zone.type in BOXED]
    return Known(f"7.{code.page}", page.size, boxes, code)


def png(gray):
    return cv2.imencode(".png", gray)[1].tobytes()


def as_pdf(pictures, filters="DCTDecode"):
    document = pikepdf.new()
    for gray in pictures:
        data = cv2.imencode(".jpg", gray)[1].tobytes()
        picture = pikepdf.Stream(document, data)
        picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
        picture.Height, picture.Width = gray.shape
        picture.ColorSpace, picture.BitsPerComponent = pikepdf.Name.DeviceGray, 8
        picture.Filter = pikepdf.Name.DCTDecode
        leaf = document.add_blank_page(page_size=(612, 792))
        leaf.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=picture))
        leaf.Contents = pikepdf.Stream(document, b"q 612 0 0 792 0 0 cm /Im0 Do Q")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def as_tiff(pictures, **options):
    first, *others = [Image.fromarray(gray) for gray in pictures]
    out = io.BytesIO()
    first.save(out, "TIFF", save_all=True, append_images=others, **options)
    return out.getvalue()


def marked(gray, page, wanted, dpi=150):
    """Crosses in the boxes named."""
    gray = gray.copy()
    for zone in LAYOUT.pages[page - 1].zones:
        if (zone.key, zone.option) in wanted:
            x, y, w = (round(value * dpi / 72) for value in (zone.x, zone.y, zone.w))
            cv2.line(gray, (x, y), (x + w, y + w), 30, 3, cv2.LINE_AA)
            cv2.line(gray, (x + w, y), (x, y + w), 30, 3, cv2.LINE_AA)
    return gray


def test_a_stack_in_any_order_and_turned_any_way_is_read_page_by_page(pages):
    wanted = {("sex_found", "female"), ("weight", "2:1"), ("approved", "yes"), ("weight_estimated", "")}
    one = marked(pages[0], 1, wanted)
    turned = [np.ascontiguousarray(np.rot90(one, turns)) for turns in range(4)]
    upside_down = np.ascontiguousarray(pages[3][::-1, ::-1])
    found = sorted(read_stack(as_pdf([*turned, upside_down, pages[2]]), identify), key=lambda page: page.index)
    assert [(page.known.serial, page.known.page) for page in found] == [(41, 1)] * 4 + [(42, 2), (42, 1)]
    zones = [zone for zone in LAYOUT.pages[0].zones if zone.type in BOXED]
    for page in found[:4]:
        got = {(zone.key, zone.option) for zone, mark in zip(zones, page.marks, strict=True) if mark.state == "marked"}
        assert got == wanted and page.error < 0.2 and page.how == "four"
    assert not any(mark.state != "empty" for page in found[4:] for mark in page.marks)
    weight = next(zone for zone in zones if (zone.key, zone.option) == ("weight", "2:1"))
    cut = cv2.imdecode(np.frombuffer(crop(found[0].upright, (weight.x, weight.y, 12, 12)), np.uint8), 0)
    empty = cv2.imdecode(np.frombuffer(crop(found[5].upright, (weight.x, weight.y, 12, 12)), np.uint8), 0)
    assert cut.mean() < empty.mean() - 15


@pytest.mark.parametrize("kind", ["tiff-g4", "tiff-lzw", "png", "jpeg", "vector"])
def test_every_kind_of_file_is_read(pages, kind):
    if kind == "tiff-g4":
        content = as_tiff([(gray > 140) for gray in pages[:2]], compression="group4")
    elif kind == "tiff-lzw":
        content = as_tiff(pages[:2], compression="tiff_lzw")
    elif kind == "png":
        content = png(pages[0])
    elif kind == "jpeg":
        content = cv2.imencode(".jpg", pages[0])[1].tobytes()
    else:
        press = Press("Harbor", "")
        plate = Plate("t", 1, "T", LAYOUT, lambda page, of, serial: token(PageCode(7, page, of, serial), KEY))
        press.add(plate, Sheet(41))
        content = press.pdf()
    found = sorted(read_stack(content, identify, processes=2), key=lambda page: page.index)
    expected = 1 if kind in ("png", "jpeg") else 2
    assert [(page.known.serial, page.known.page) for page in found] == [(41, 1), (41, 2)][:expected]


def test_what_is_no_readable_page_says_so_and_the_rest_of_the_stack_goes_on(pages):
    white = np.full_like(pages[0], 250)
    letter = white.copy()
    cv2.putText(letter, "Dear Dr Chen, enclosed the records", (80, 300), 0, 1.4, 20, 3)
    forged = printed([43])[0]
    hidden = pages[1].copy()
    hidden[: hidden.shape[0] // 5, : hidden.shape[1] // 3] = 255
    hidden[-hidden.shape[0] // 5 :, hidden.shape[1] // 2 : -hidden.shape[1] // 8] = 128
    two = pages[0].copy()
    two[-400:, -500:] = pages[2][-400:, -500:]
    slip = pages[0].copy()
    picture = np.array([[255 - 255 * value for value in row] for row in _qr(slip_token(9, 1, KEY))], np.uint8)
    slip[500:740, 300:540] = 255
    slip[520:720, 320:520] = cv2.resize(picture, (200, 200), interpolation=cv2.INTER_NEAREST)

    def doubting(texts):
        known = identify(texts)
        return "refused" if isinstance(known, Known) and known.what.serial == 43 else known

    stacked = as_pdf([white, letter, forged, hidden, two, slip, pages[3]])
    found = {page.index: page for page in read_stack(stacked, doubting)}
    troubles = [found[number].trouble for number in range(7)]
    assert troubles == ["blank", "no_code", "refused", "code_unreadable", "codes_differ", "slip", ""]
    assert found[5].upright == b"", "nothing is kept of a slip"
    assert all(found[number].sentence and found[number].upright for number in (0, 1, 2, 3, 4))


def _qr(text):
    import segno

    return [list(row) for row in segno.make(text, error="q", boost_error=False).matrix]


def huge_png(side):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 10_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def huge_pdf(width, height, paper=(612, 792)):
    document = pikepdf.new()
    picture = pikepdf.Stream(document, zlib.compress(b"\0" * 100_000, 9))
    picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    picture.Width, picture.Height = width, height
    picture.ColorSpace, picture.BitsPerComponent = pikepdf.Name.DeviceGray, 8
    picture.Filter = pikepdf.Name.FlateDecode
    leaf = document.add_blank_page(page_size=(612, 792))
    leaf.MediaBox = [0, 0, *paper]
    leaf.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=picture))
    leaf.Contents = pikepdf.Stream(document, b"q 612 0 0 792 0 0 cm /Im0 Do Q")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def locked_pdf():
    document = pikepdf.new()
    document.add_blank_page()
    out = io.BytesIO()
    document.save(out, encryption=pikepdf.Encryption(owner="a", user="b"))
    return out.getvalue()


def many_pages():
    document = pikepdf.new()
    for _ in range(301):
        document.add_blank_page()
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def looping_tiff():
    content = bytearray(as_tiff([np.full((200, 200), 255, np.uint8)]))
    (start,) = struct.unpack("<I", content[4:8])
    (entries,) = struct.unpack("<H", content[start : start + 2])
    content[start + 2 + 12 * entries : start + 6 + 12 * entries] = struct.pack("<I", start)
    return bytes(content)


ATTACKS = {
    "password": locked_pdf, "pages": many_pages, "kind": lambda: b"GIF89a" + b"\0" * 500,
    "heic": lambda: b"\0\0\0\x18ftypheic" + b"\0" * 400, "empty file": lambda: b"",
    "damaged": lambda: b"%PDF-1.7\n" + b"junk" * 300, "cut png": lambda: png(np.full((900, 700), 255, np.uint8))[:300],
    "pixels": lambda: huge_pdf(30_000, 30_000), "huge png": lambda: huge_png(40_000),
    "paper": lambda: huge_pdf(100, 100, (200_000, 200_000)), "small": lambda: png(np.zeros((8, 8), np.uint8)),
    "looping tiff": looping_tiff, "cut tiff": lambda: as_tiff([np.full((900, 700), 9, np.uint8)])[:5_000],
    "svg": lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "eps": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_a_wicked_or_broken_file_gets_its_sentence_within_seconds(name):
    began = time.monotonic()
    try:
        whys = {page.trouble for page in read_stack(ATTACKS[name](), identify)}
    except FileNotRead as refused:
        whys = {refused.why}
    assert time.monotonic() - began < 40
    assert whys and whys <= set(SENTENCES), whys
    if name in SENTENCES:
        assert whys == {name}


def test_a_page_that_kills_the_child_is_reported_once_and_the_others_are_read(pages, monkeypatch):
    real = stack._Reader._answer
    killed = []

    def deadly(self, codes, sent):
        if len(killed) < 1 and any("00000015" in code[6:14] or code[6:14].endswith("15") for code in codes):
            killed.append(codes)
            self.child.kill()
        return real(self, codes, sent)

    monkeypatch.setattr(stack._Reader, "_answer", deadly)  # serial 41 is 15 in base 36
    found = sorted(read_stack(as_pdf([pages[2], pages[0], pages[3], pages[1]]), identify), key=lambda page: page.index)
    assert killed and [page.index for page in found] == [0, 1, 2, 3]
    assert [page.trouble for page in found] == ["", "time", "", ""]
    assert found[3].known.page == 2


def test_the_child_knows_no_secret(monkeypatch):
    monkeypatch.setenv("BALLAST_KEY_FILE", "/secret/key")
    monkeypatch.setenv("BALLAST_DATABASE_URL", "postgresql://secret")
    child = stack._start(0)
    environment = Path(f"/proc/{child.pid}/environ").read_bytes()
    child.kill()
    child.wait()
    assert b"secret" not in environment and b"BALLAST" not in environment


ONE = printed([41])[0]
BOXES = [zone for zone in LAYOUT.pages[0].zones if zone.type in BOXED]


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(
    st.sets(st.integers(0, len(BOXES) - 1), max_size=20), st.floats(-6, 6), st.integers(0, 3), st.floats(0.9, 1.4),
)  # fmt: skip
def test_whatever_is_marked_comes_back_however_the_page_lies(wanted, degrees, turns, scale):
    gray = marked(ONE, 1, {(BOXES[number].key, BOXES[number].option) for number in wanted})
    height, width = gray.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    matrix[:, 2] += (0.3 * width, 0.3 * height)
    size = (round(1.6 * width), round(1.6 * height))
    gray = cv2.warpAffine(gray, matrix, size, flags=cv2.INTER_AREA, borderValue=255)
    gray = np.ascontiguousarray(np.rot90(np.minimum(gray, 20 + (gray.astype(np.int32) * 0.85)).astype(np.uint8), turns))
    done = read_page(0, gray, lambda texts: Target((612.0, 792.0), [(zone.x, zone.y) for zone in BOXES]))
    assert done.codes and verified(done.codes[0], KEY) == PageCode(7, 1, 2, 41)
    assert {number for number, mark in enumerate(done.marks) if mark.state == "marked"} == wanted
    assert {mark.state for mark in done.marks} <= {"empty", "marked"}
