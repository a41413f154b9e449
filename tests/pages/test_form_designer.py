"""The form designer: what is done is kept, what is wrong is said at its place, a publishing is checked first."""

import pytest

from forms import designs
from forms.settings import shipped
from security import drafts
from tests.screen import opened


def body(clinic, slug="consent"):
    kept = drafts.load(f"form:{slug}", by=clinic.actor("adam"))
    return kept["typed"] if kept else None


def press(at, opener, *keys):
    """Press something in a dialog: AppTest draws a dialog only in the run of the button that opens it."""
    at.button(key=opener).click()
    for key in keys:
        at.button(key=key).click()
    return at.run()


def wish(at, slug, *wishes):
    """What the list of pieces sends when somebody works in it."""
    told = [{"born": "page", "n": n, **one} for n, one in enumerate(wishes, 1)]
    at.session_state[f"outline-{slug}"] = {"wishes": told}
    return at.run()


def test_the_list_tells_versions_drafts_and_sheets_and_a_copy_opens_as_a_draft(sqlite_clinic):
    at = opened(sqlite_clinic, "adam", "settings/forms.py")
    assert not at.error and len([one for one in at.button if str(one.key).startswith("copy-")]) == len(shipped())
    at.button(key="new_form").click().run()
    press(at, "new_form", "new-open")
    assert at.error[0].value == "Give the form a title first."
    at.text_input(key="new-title").set_value("Dental consent")
    press(at, "new_form", "new-open")
    assert body(sqlite_clinic, "dental-consent")["title"] == "Dental consent"
    at = opened(sqlite_clinic, "adam", "settings/forms.py")
    assert any("Dental consent" in one.proto.label for one in at.get("page_link"))
    at.button(key="archive-consent").click().run()
    by = sqlite_clinic.actor("adam")
    assert next(card for card in designs.forms(by=by) if card.slug == "consent").archived


def test_what_is_typed_is_kept_at_once_and_is_there_after_a_reload(sqlite_clinic):
    at = opened(sqlite_clinic, "adam", "settings/form_designer.py", form="consent")
    at = wish(at, "consent", {"do": "choose", "id": "f:eating"})
    at.text_input(key="design-consent-f:eating-0-label").set_value("Eats and drinks?").run()
    assert body(sqlite_clinic)["sections"][1]["fields"][0]["label"] == "Eats and drinks?"
    at.toggle(key="design-consent-f:eating-0-critical").set_value(True).run()
    again = opened(sqlite_clinic, "adam", "settings/form_designer.py", form="consent")
    assert any(one.value.startswith("Kept from") for one in again.caption)
    again.button(key="let-go-form:consent").click().run()
    assert body(sqlite_clinic) is None and not again.exception


def test_pieces_are_moved_copied_and_taken_out_with_every_step_to_take_back(sqlite_clinic):
    at = opened(sqlite_clinic, "adam", "settings/form_designer.py", form="consent")
    steps = [
        {"do": "down", "id": "f:owner"}, {"do": "copy", "id": "f:owner"}, {"do": "remove", "id": "s:2"},
        {"do": "drop", "id": "f:eating", "before": "f:phone"},
    ]  # fmt: skip
    wish(at, "consent", *steps)
    sections = body(sqlite_clinic)["sections"]
    assert [field["key"] for field in sections[0]["fields"][:4]] == ["eating", "phone", "owner", "fresh__field"]
    assert [section["title"] for section in sections][:3] == [
        "Owner and animal", "Health today", "Please read, then sign below"
    ]  # fmt: skip
    wish(at, "consent", *steps, *[{"do": "undo"}] * 4)
    assert body(sqlite_clinic) is None and not at.exception


@pytest.mark.parametrize("paper", ["letter", "a4"])
def test_what_is_wrong_is_said_at_its_piece_and_nothing_is_published(sqlite_clinic, paper):
    at = opened(sqlite_clinic, "adam", "settings/form_designer.py", form="travel-sheet")
    at.segmented_control(key="paper-travel-sheet").set_value(paper).run()
    at = wish(at, "travel-sheet", {"do": "choose", "id": "f:weight"})
    at.number_input(key="design-travel-sheet-f:weight-0-least").set_value(500.0).run()
    assert [one.value for one in at.error] == ["Weight\\: the least is more than the most\\."]
    at.button(key="publish").click().run()
    assert any("mended before it can be published" in one.value for one in at.error)
    assert designs.design("travel-sheet", by=sqlite_clinic.actor("adam")).number == 0


def test_publishing_says_what_was_checked_and_makes_a_version(sqlite_clinic):
    at = opened(sqlite_clinic, "adam", "settings/form_designer.py", form="consent")
    at = wish(at, "consent", {"do": "remove", "id": "f:photo"})
    at.button(key="publish").click().run()
    said = " ".join(one.value for one in at.markdown)
    assert "2 pages on Letter paper, printed blank and read back" in said and "mm from its place" in said
    at.text_input(key="why-consent").set_value("No photos")
    press(at, "publish", "publish_now")
    assert not at.exception and not at.error
    by = sqlite_clinic.actor("adam")
    (version,) = designs.form_history("consent", by=by)
    assert (version.number, version.comment) == (1, "No photos")
    assert body(sqlite_clinic) is None
    assert all(field["key"] != "photo" for section in version.body["sections"] for field in section["fields"])


def test_only_who_may_change_settings_sees_it(sqlite_clinic):
    at = opened(sqlite_clinic, "sam", "settings/index.py")
    assert not any("form-designer" in str(one) for one in at.get("page_link"))
