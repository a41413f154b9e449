"""How well and how fast scanned pages are read: prints forms, fills them in, spoils them, and reads them back.

    uv run python -m benchmarks.scanning [--pages 6] [--seed 1001] [--kinds clean,fold] | --speed 60

Seeds below 1000 are for trying things; ``--seed`` from 1000 on is for figures. Reports, per way of spoiling:
identification, misfiled pages, registration error, boxes read wrongly without a word, boxes sent to a person.
"""

from __future__ import annotations

import argparse
import collections
import io
import time
from dataclasses import dataclass, field

import cv2
import numpy as np
import pypdfium2
from PIL import Image

from forms.layout import lay_out
from forms.press import Plate, Press, Sheet
from forms.reading.page import Target, read_page
from forms.settings import shipped
from forms.token import PageCode, claimed, token
from outage.printing import print_blank
from outage.rehearsal.mishaps import FLAT, HARD, PHONE, SPOILERS, spoil
from outage.rehearsal.pens import PENS, fill_in
from outage.scanning import scan_file

KEY = b"benchmark" * 4


@dataclass
class Paper:
    """One printed page as a picture, with its truth."""

    gray: np.ndarray
    dpi: int
    size: tuple[float, float]
    code: PageCode
    boxes: list[tuple[float, float]]
    marked: list[bool]
    dense: list[bool]


class Stock:
    """Printed forms of one paper, rendered once for each resolution."""

    def __init__(self, paper: str) -> None:
        self.sheets: dict[tuple[int, int], tuple] = {}
        self.pdfs = {}
        self.plates = []
        for number, slug in enumerate(("consent", "travel-sheet", "walk-in", "roster", "drug-log"), 1):
            form = shipped()[slug]
            layout = lay_out(form, paper)
            edition = number + (10 if paper == "a4" else 0)
            for serial in range(1, 4):
                press = Press("Harbor Spay & Neuter", "Printed")
                serial_number = edition * 1000 + serial

                def code(page: int, of: int, serial: int, edition: int = edition) -> str:
                    return token(PageCode(edition, page, of, serial), KEY)

                lines = [{"owner": "Maria Chen", "animal": "Luna", "time": "7:30"}] * 5 if form.repeats else ()
                heading = "" if form.subject == "nothing" else "Luna · Maria Chen"
                press.add(Plate(slug, 1, form.title, layout, code), Sheet(serial_number, {}, heading, lines))
                document = pypdfium2.PdfDocument(press.pdf())
                for page in press.pages:
                    self.plates.append((document, page, edition))

    def page(self, rng: np.random.Generator, dpi: int) -> Paper:
        """A page of the stock, filled in by a hand."""
        number = int(rng.integers(len(self.plates)))
        document, page, edition = self.plates[number]
        if (number, dpi) not in self.sheets:
            bitmap = document[int(page["page"]) - 1].render(scale=dpi / 72, grayscale=True)
            self.sheets[number, dpi] = bitmap.to_numpy().reshape(bitmap.height, bitmap.width).copy()
        gray = self.sheets[number, dpi].copy()
        code = PageCode(edition, page["page"], page["of"], page["serial"])
        boxes, marked, dense = fill_in(rng, gray, dpi, page["zones"])
        return Paper(gray, dpi, tuple(page["size"]), code, boxes, marked, dense)


@dataclass
class Tally:
    """What one way of spoiling did."""

    pages: int = 0
    identified: int = 0
    misfiled: int = 0
    placed: int = 0
    boxes: int = 0
    wrong: int = 0
    asked: int = 0
    seconds: float = 0.0
    errors: list[float] = field(default_factory=list)
    slips: list[str] = field(default_factory=list)

    def words(self, name: str) -> str:
        """One line of the report."""
        share = 100 * self.identified / max(self.pages, 1)
        wrong, asked = 100 * self.wrong / max(self.boxes, 1), 100 * self.asked / max(self.boxes, 1)
        worst = max(self.errors, default=0)
        return (
            f"{name:16} {self.pages:4} pages  identified {share:5.1f} %  misfiled {self.misfiled}  placed {self.placed}"
            f"  error {np.median(self.errors or [0]):.2f}/{worst:.2f} mm  wrong {wrong:5.2f} % ({self.wrong})"
            f"  asked {asked:5.2f} %  {1000 * self.seconds / max(self.pages, 1):4.0f} ms"
        )


def read_one(tally: Tally, paper: Paper, gray, stock_boxes) -> None:
    """Read a spoiled page and compare it with the truth."""

    def ask(texts):
        codes = [claimed(text) for text in texts]
        if len(set(codes)) > 1:
            return "codes_differ"
        return Target(*stock_boxes[codes[0]]) if codes[0] in stock_boxes else "refused"

    began = time.process_time()
    done = read_page(0, gray, ask)
    tally.seconds += time.process_time() - began
    tally.pages += 1
    if done.codes:
        texts = {claimed(text) for text in done.codes}
        tally.identified += paper.code in texts
        tally.misfiled += bool(texts - {paper.code})
    if not done.how:
        return
    tally.placed += 1
    tally.errors.append(done.error or 0.0)
    for mark, truth, dense in zip(done.marks, paper.marked, paper.dense, strict=True):
        tally.boxes += 1
        if mark.state in ("unclear", "stained", "dense", "unseen"):
            tally.asked += not dense
        elif (mark.state == "marked") != truth or dense:
            tally.wrong += 1
            tally.slips.append(f"{mark.state} fill {mark.fill} truth {'dense' if dense else truth}")


def speed(pages: int) -> None:
    """Pages a second through the whole product: child process, database, encrypted store; and its memory."""
    import os
    import resource
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as place:
        os.environ["BALLAST_KEY_FILE"] = f"{place}/key"
        os.environ["BALLAST_HOME"] = f"{place}/home"
        os.environ.pop("BALLAST_DATABASE_URL", None)
        by = _clinic(Path(place))
        for dpi, pack in ((200, "gray"), (300, "gray"), (300, "one_bit"), (200, "mixed")):
            for processes in (1, 2):
                content, count = _stack(by, pages, dpi, pack)
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                began, own = time.perf_counter(), time.process_time()
                lines = scan_file("stack", content, by=by, processes=processes)
                took, own = time.perf_counter() - began, time.process_time() - own
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                cpu = own + after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                good = sum(line.state in ("attached", "review") and bool(line.serial) for line in lines)
                print(
                    f"{dpi} dpi {pack:8} {processes} process{'es' if processes > 1 else '  '} {count} pages: "
                    f"{count / took:5.1f} pages/s, {1000 * cpu / count:4.0f} ms CPU a page in all, {good} identified, "
                    f"child at most {after.ru_maxrss // 1024} MB"
                )


def _clinic(place):
    from data.engine import Database, use
    from data.home import Home
    from data.schema import upgrade
    from opening.start import furnish
    from security.actor import Actor
    from security.clinics import NewClinic, create_clinic

    home = Home(place / "home")
    home.create()
    database = Database(home)
    use(database)
    upgrade(database)
    new = NewClinic("bench", "Bench", zone="America/New_York")
    clinic_id = create_clinic(new)
    furnish(clinic_id, new)
    return Actor.operator(clinic_id)


def _stack(by, pages: int, dpi: int, pack: str) -> tuple[bytes, int]:
    """Freshly printed consents, filled in, as the PDF a document feeder makes."""
    import pikepdf

    printed = print_blank("consent", max(1, pages // 2), by=by)
    rng = np.random.default_rng(printed.serials[0])
    document, out = pikepdf.new(), io.BytesIO()
    for number, leaf in enumerate(pypdfium2.PdfDocument(printed.pdf)):
        bitmap = leaf.render(scale=dpi / 72, grayscale=True)
        gray = np.ascontiguousarray(bitmap.to_numpy().reshape(bitmap.height, bitmap.width)).copy()
        fill_in(rng, gray, dpi, printed.pages[number]["zones"])
        kind = (
            ("clean", "skewed", "upside_down", "noise", "jpeg", "one_bit")[number % 6] if pack == "mixed" else "clean"
        )
        gray = SPOILERS[kind](rng, gray, dpi / 25.4) if kind in SPOILERS else gray
        one_bit = pack == "one_bit" or kind == "one_bit"
        data = io.BytesIO()
        if one_bit:
            Image.fromarray(gray > 140).save(data, "TIFF", compression="group4", tiffinfo={278: gray.shape[0]})
            document.pages.extend(
                pikepdf.open(io.BytesIO(_tiff_pdf(data.getvalue(), gray.shape, leaf.get_size()))).pages
            )
            continue
        picture = pikepdf.Stream(document, cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes())
        picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
        picture.Height, picture.Width = gray.shape
        picture.ColorSpace, picture.BitsPerComponent = pikepdf.Name.DeviceGray, 8
        picture.Filter = pikepdf.Name.DCTDecode
        width, height = leaf.get_size()
        page = document.add_blank_page(page_size=(width, height))
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=picture))
        page.Contents = pikepdf.Stream(document, f"q {width} 0 0 {height} 0 0 cm /Im0 Do Q".encode())
    document.save(out)
    return out.getvalue(), len(printed.pages)


def _tiff_pdf(content: bytes, shape, size) -> bytes:
    """A fax picture as a page of a PDF."""
    import pikepdf

    with Image.open(io.BytesIO(content)) as tiff:
        start, count = tiff.tag_v2[273][0], sum(tiff.tag_v2[279])
        black_is_zero = tiff.tag_v2[262] == 1
    document, out = pikepdf.new(), io.BytesIO()
    picture = pikepdf.Stream(document, content[start : start + count])
    picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    picture.Height, picture.Width = shape
    picture.ColorSpace, picture.BitsPerComponent = pikepdf.Name.DeviceGray, 1
    picture.Filter = pikepdf.Name.CCITTFaxDecode
    picture.DecodeParms = pikepdf.Dictionary(K=-1, Columns=shape[1], Rows=shape[0], BlackIs1=black_is_zero)
    page = document.add_blank_page(page_size=size)
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=picture))
    page.Contents = pikepdf.Stream(document, f"q {size[0]} 0 0 {size[1]} 0 0 cm /Im0 Do Q".encode())
    document.save(out)
    return out.getvalue()


def main() -> None:
    """The figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=6, help="pages of each way of spoiling")
    parser.add_argument("--seed", type=int, default=1001)
    parser.add_argument("--kinds", default="")
    parser.add_argument("--slips", action="store_true", help="also tell the boxes that were read wrongly")
    parser.add_argument("--speed", type=int, default=0, help="instead: so many pages through the whole product")
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    if chosen.speed:
        speed(chosen.speed)
        return
    stocks = [Stock("letter"), Stock("a4")]
    tallies: dict[str, Tally] = collections.defaultdict(Tally)
    for kind in chosen.kinds.split(",") if chosen.kinds else FLAT + PHONE + HARD:
        for number in range(chosen.pages):
            rng = np.random.default_rng([chosen.seed, number, sum(kind.encode())])
            dpi = (150, 200, 300)[number % 3]
            paper = stocks[number % 2].page(rng, dpi)
            if kind in PENS:
                paper = written_with(kind, rng, stocks[number % 2], dpi)
            gray = spoil(kind, rng, paper.gray, paper.dpi)
            read_one(tallies[kind], paper, gray, {paper.code: (paper.size, paper.boxes)})
        print(tallies[kind].words(kind), flush=True)
        if chosen.slips:
            print("   ", tallies[kind].slips[:12])
    for name, kinds in (
        ("flat", FLAT),
        ("phone", PHONE),
        ("hard", HARD),
        ("clean", ("clean", "rotated", "skewed", "shifted")),
    ):
        whole = Tally()
        for kind in kinds:
            one = tallies[kind]
            for part in ("pages", "identified", "misfiled", "placed", "boxes", "wrong", "asked", "seconds"):
                setattr(whole, part, getattr(whole, part) + getattr(one, part))
            whole.errors += one.errors
        print(whole.words(name.upper()))


def written_with(pen: str, rng, stock: Stock, dpi: int) -> Paper:
    """A page filled in with another pen."""
    number = int(rng.integers(len(stock.plates)))
    document, page, edition = stock.plates[number]
    bitmap = document[int(page["page"]) - 1].render(scale=dpi / 72, grayscale=True)
    gray = bitmap.to_numpy().reshape(bitmap.height, bitmap.width).copy()
    boxes, marked, dense = fill_in(rng, gray, dpi, page["zones"], pen=pen)
    code = PageCode(edition, page["page"], page["of"], page["serial"])
    return Paper(gray, dpi, tuple(page["size"]), code, boxes, marked, dense)


if __name__ == "__main__":
    main()
