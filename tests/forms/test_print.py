"""Prints: every row arrives, pages are numbered, letters beyond Latin-1 are drawn, and fast."""

import io
import time

import pytest
from pypdf import PdfReader

from forms.print import Column, Head, PrintTookTooLong, table_pdf, within, wrap

HEAD = Head("Harbor Spay & Neuter", ("12 Quay Street", "(555) 010-2000"))
COLUMNS = [Column("Owner", bold=True), Column("Services", width=1), Column("Owed", align="right")]


def text_of(pdf):
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


def test_every_row_and_page_number_is_there():
    rows = [[f"Owner {n}", "Spay, rabies vaccine", f"${n}.00"] for n in range(130)]
    pages = text_of(table_pdf("Roster", "130 appointments", COLUMNS, rows, clinic=HEAD, definition="Owed: all of it."))
    assert len(pages) > 1
    assert all(f"page {n} of {len(pages)}" in page for n, page in enumerate(pages, 1))
    together = "\n".join(pages)
    assert all(f"Owner {n}\n" in together for n in range(130))
    assert "Harbor Spay & Neuter" in pages[0]
    assert "Owed: all of it." in pages[-1]


def test_no_page_holds_only_the_total_or_what_the_numbers_mean():
    """However many rows there are, the last page has some of them."""
    for count in range(30, 75):
        rows = [[f"Owner {n}", "Spay", f"${n}.00"] for n in range(count)]
        pages = text_of(
            table_pdf("T", "", COLUMNS, rows, clinic=HEAD, totals=["Total", "", "$9.00"], definition="Owed: all. " * 40)
        )
        assert "Owner " in pages[-1] and "Total" in pages[-1] and "Owed: all." in pages[-1], f"{count} rows"
        assert sum(page.count("Owner ") for page in pages) == count


def test_names_of_many_alphabets_are_drawn():
    assert "Łukaszewicz Ødegård Ελένη Жанна" in text_of(
        table_pdf("T", "", COLUMNS, [["Łukaszewicz Ødegård Ελένη Жанна", "", ""]], clinic=HEAD)
    )[0].replace("\n", " ")


def test_an_empty_table_says_so():
    assert "Nobody is booked." in text_of(table_pdf("T", "", COLUMNS, [], clinic="X", empty="Nobody is booked."))[0]


def test_a_total_wider_than_every_row_stays_on_one_line():
    columns = [Column("Month"), Column("Revenue", align="right")]
    made = table_pdf("T", "", columns, [["May", "$1.00"]], clinic=HEAD, totals=["Total", "$8,765,432,100.00"])
    assert "$8,765,432,100.00" in text_of(made)[0]


@pytest.mark.parametrize("paper, size", [("letter", (612, 792)), ("a4", (595, 842))])
def test_the_paper_is_the_clinics(paper, size):
    page = PdfReader(io.BytesIO(table_pdf("T", "", COLUMNS, [], clinic="X", paper=paper))).pages[0]
    assert (round(page.mediabox.width), round(page.mediabox.height)) == size


def test_a_long_word_is_broken_and_a_long_text_ends_in_an_ellipsis():
    assert "".join(wrap("x" * 200, 8, 60, 99)) == "x" * 200
    assert wrap("one two three four five six", 8, 40, 2)[-1].endswith("…")


def test_sixty_rows_print_within_half_a_second():
    rows = [["Reyes, Ana", "Spay, rabies vaccine, microchip", "$123.00"]] * 60
    table_pdf("T", "", COLUMNS, rows, clinic=HEAD)
    began = time.process_time()
    table_pdf("T", "", COLUMNS, rows, clinic=HEAD)
    assert time.process_time() - began < 0.5


def test_a_print_that_takes_too_long_is_given_up():
    with pytest.raises(PrintTookTooLong):
        within(0.05, time.sleep, 0.3)
