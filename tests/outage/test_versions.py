"""Paper lives in drawers: a sheet of an earlier version is read as it was printed, whatever the form is by then."""

import numpy as np
import pytest

from data.models import FormEdition
from data.session import read
from forms import designs, editing
from forms.editing import At
from forms.editions import publish
from forms.settings import shipped
from outage.printing import print_for_appointment
from outage.rehearsal.pens import write_page
from outage.scanning import scan_file
from outage.sheets import pages_of
from tests.outage.test_scanning import DPI, drawn, tiff


@pytest.mark.slow
def test_a_sheet_from_a_drawer_is_read_with_the_places_it_was_printed_with(clinic, visits):
    adam, sam = clinic.actor("adam"), clinic.actor("sam")
    _, found = visits
    body = shipped()["travel-sheet"].model_dump(mode="json")
    assert publish("travel-sheet", body, expected=0, by=adam).version == 1
    old = print_for_appointment("travel-sheet", found[0], by=sam)
    findings = editing.place_of(body, "abnormalities")
    moved, _ = editing.moved(body, findings, At(0, 0))
    moved, _ = editing.removed(moved, editing.place_of(moved, "approved"))
    moved = editing.changed(moved, editing.place_of(moved, "weight"), {"digits": 3})
    assert publish("travel-sheet", moved, expected=1, by=adam).version == 2
    new = print_for_appointment("travel-sheet", found[1], by=sam)
    values = {"abnormalities": ["ear_mites"], "approved": "yes", "weight": "112.5", "sex_found": "female"}
    told = {}
    for printed, digits in ((old, 4), (new, 3)):
        (gray, *_), zones = drawn(printed.pdf), printed.pages[0]["zones"]
        shape = {"weight": {"digits": digits, "decimals": 1}}
        write_page(np.random.default_rng(3), gray, DPI, zones, values | {"weight": "112.5"[4 - digits :]}, shape)
        (line,) = scan_file("drawer.tif", tiff([gray]), by=sam)
        told[line.version] = line
        assert line.state == "attached"
    assert {key: told[1].fields[key]["value"] for key in values} == values
    assert "approved" not in told[2].fields and told[2].fields["weight"]["value"] == "12.5"
    assert told[2].fields["abnormalities"]["value"] == ["ear_mites"]
    assert told[1].note == "Printed as version 1; version 2 is printed now. It is read as it was printed."
    assert [[one.is_older for one in pages_of(visit, by=sam).sheets] for visit in found[:2]] == [[True], [False]]
    assert told[2].note == "" and told[1].document()["note"] == told[1].note
    with read(clinic.id) as session:
        assert sorted(row.form_version for row in session.query(FormEdition)) == [1, 2]
    designs.archive_form("travel-sheet", by=adam)
    (again,) = scan_file("archived.tif", tiff([drawn(old.pdf)[1]]), by=sam)
    assert (again.state, again.version) == ("attached", 1), "paper of an archived form is still read"


@pytest.mark.parametrize("paper", ["letter", "a4"])
def test_a_form_with_every_kind_of_field_comes_back_as_it_was_written(sqlite_clinic, visits_of, paper):
    """Designed, published, printed, written on, scanned and read: each kind at least once."""
    adam, sam = sqlite_clinic.actor("adam"), sqlite_clinic.actor("sam")
    visits_of(sqlite_clinic, paper)
    body = designs.blank_form("Everything")
    for kind in editing.KINDS:
        body, at = editing.added_field(body, kind, At(1, len(body["sections"][1]["fields"]) - 1))
        if kind == "multi":
            body = editing.changed(body, at, {"options": [{"value": one, "label": one.upper()} for one in "abcd"]})
    body = editing.named(body)
    keys = {kind: next(f["key"] for f in body["sections"][1]["fields"][3:] if f["type"] == kind)
            for kind in editing.KINDS}  # fmt: skip
    done = publish("everything", body, expected=0, by=adam)
    assert done.paper == paper and done.boxes == 1 + 2 + 4 + 40
    printed = print_for_appointment("everything", visits_of.visit, by=sam)
    values = {
        keys["check"]: True, keys["single"]: "no", keys["multi"]: ["a", "d"], keys["bubble_digits"]: "104.2",
        keys["digits"]: "118", keys["text"]: "Limping, left", keys["time"]: "08:12", keys["date"]: "11/22/2026",
        f"{keys['grid']}.1.time": "09:15", f"{keys['grid']}.1.note": "Calm",
    }  # fmt: skip
    pictures = drawn(printed.pdf)
    shapes = {keys["bubble_digits"]: {"digits": 4, "decimals": 1}, keys["digits"]: {"digits": 3, "decimals": 0}}
    for gray, page in zip(pictures, printed.pages, strict=True):
        write_page(np.random.default_rng(5), gray, DPI, page["zones"], values, shapes)
    lines = scan_file("everything.tif", tiff(pictures), by=sam)
    assert {line.state for line in lines} == {"attached"}
    read_back = {key: one["value"] for line in lines for key, one in line.fields.items()}
    for kind in ("check", "single", "multi", "bubble_digits"):
        assert read_back[keys[kind]] == values[keys[kind]], kind
