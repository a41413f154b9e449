"""The drug log and the clinical record on screen: what is typed reaches the rules, refusals read as sentences."""

from pathlib import Path

import pytest

from appointments import clinical, drug_log, flow
from appointments import drug_register as register
from appointments.drug_log import NewBottle, Use
from appointments.drug_print import sheet
from data.wording import Wording
from tests.screen import opened

ROOT = Path(__file__).parent.parent.parent


def a_bottle(clinic, day, number="B1", code="Ketamine"):
    drug = next(id for id, name in register.drugs(by=clinic.operator).items() if name.startswith(code))
    found = drug_log.receive(NewBottle(drug, number, 10_000, day), by=clinic.operator)
    drug_log.open_bottle(found, by=clinic.operator)
    return found


def test_an_empty_drug_log_teaches_the_first_step(sqlite_clinic):
    at = opened(sqlite_clinic, "clara", "today/drug_log.py")
    assert not at.exception
    assert "Receive the first one" in at.info[0].value


def test_staff_log_and_count_but_do_not_receive_or_correct(sqlite_clinic, sqlite_day):
    a_bottle(sqlite_clinic, sqlite_day.today)
    at = opened(sqlite_clinic, "sam", "today/drug_log.py")
    at.segmented_control(key="drug_view").set_value("Bottle").run()
    keys = {button.key for button in at.button}
    assert "drug_use_here" in keys
    assert not keys & {"drug_receive", "drug_settle", "drug_fix"}


def test_the_day_says_every_thousandth_that_was_given_and_its_unit(sqlite_clinic, sqlite_day):
    found, visit = a_bottle(sqlite_clinic, sqlite_day.today), sqlite_day.visit()
    drug_log.log_use(Use(found, 125, appointment_id=visit), by=sqlite_clinic.actor("clara"))
    at = opened(sqlite_clinic, "clara", "today/drug_log.py")
    table = at.dataframe[0]
    assert table.value["Given"][0] == 0.125 and "Unit" not in table.value
    assert '"%.3f"' in table.proto.columns and "All in mL" in at.caption[-1].value
    assert "1 bottle open" in at.caption[0].value


def test_the_register_and_its_print_hold_corrected_lines(sqlite_clinic, sqlite_day):
    from io import BytesIO

    from pypdf import PdfReader

    found, visit, clara = a_bottle(sqlite_clinic, sqlite_day.today), sqlite_day.visit(), sqlite_clinic.actor("clara")
    wrong = drug_log.log_use(Use(found, 2_500, appointment_id=visit), by=clara)
    drug_log.correct(wrong, "decimal <point>", by=clara, instead=Use(found, 250, appointment_id=visit))
    at = opened(sqlite_clinic, "clara", "today/drug_log.py")
    at.segmented_control(key="drug_view").set_value("Bottle").run()
    assert not at.exception
    table = next(node.body for node in at.get("html") if "drug-sheet" in node.body)
    assert "decimal &lt;point&gt;" in table and "<point>" not in table
    pdf = PdfReader(BytesIO(sheet(found, wording=Wording(zone="America/New_York"), by=clara)))
    text = " ".join(page.extract_text() for page in pdf.pages).replace("\n", " ")
    assert "STRUCK" in text and "Ada Marsh" in text and "9.75" in text


def test_the_clinical_record_saves_a_check_in_and_offers_the_move(sqlite_clinic, sqlite_day):
    visit, sam = sqlite_day.visit(stage="booked", minutes_ago=0), sqlite_clinic.actor("sam")
    at = opened(sqlite_clinic, "sam", "today/visit.py", id=visit)
    assert not at.exception
    at.selectbox(key=f"check_in:{visit}:consent").select("signed")
    at.button(key="save_check_in").click().run()
    assert not at.exception
    assert clinical.visit(visit, by=sam).check_in.consent == "signed"
    at.button(key="move_offer").click().run()
    assert sqlite_day.stage_of(visit) == "checked_in"
    assert len(flow.timeline(visit, by=sam)) == 1


@pytest.mark.parametrize(
    ("stage", "first", "then"),
    [("checked_in", "save_exam", "move_on"), ("ready", "to_checkout", "to_checkout"), ("premedicated", "move_on", "")],
)
def test_the_clinical_record_has_one_main_button_and_it_is_the_next_thing_to_do(
    sqlite_clinic, sqlite_day, stage, first, then
):
    visit = sqlite_day.visit(stage=stage)
    at = opened(sqlite_clinic, "sam", "today/visit.py", id=visit)

    def main_buttons():
        popovers = {"save_caution", "exit_save"}
        return [button.key for button in at.button if button.proto.type == "primary" and button.key not in popovers]

    assert main_buttons() == [first]
    if then:
        section = "exam" if stage == "checked_in" else "discharge"
        at.button(key=f"save_{section}").click().run()
        assert not at.exception and main_buttons() == [then]


def test_a_draft_of_an_exam_is_there_again_after_a_new_sign_in(sqlite_clinic, sqlite_day):
    visit = sqlite_day.visit()
    at = opened(sqlite_clinic, "sam", "today/visit.py", id=visit)
    at.text_input(key=f"exam:{visit}:weight").set_value("3.4").run()
    again = opened(sqlite_clinic, "sam", "today/visit.py", id=visit)
    assert again.text_input(key=f"exam:{visit}:weight").value == "3.4"
    assert clinical.visit(visit, by=sqlite_clinic.actor("sam")).exam is None


@pytest.mark.parametrize("stage", ["examined", "in_surgery", "recovering", "ready"])
def test_every_section_of_the_record_draws(sqlite_clinic, sqlite_day, stage):
    visit = sqlite_day.visit(stage=stage)
    a_bottle(sqlite_clinic, sqlite_day.today)
    at = opened(sqlite_clinic, "clara", "today/visit.py", id=visit)
    assert not at.exception and not at.error


def test_an_unknown_visit_is_a_sentence(sqlite_clinic):
    at = opened(sqlite_clinic, "sam", "today/visit.py", id="0190a000-0000-7000-8000-000000000000")
    assert not at.exception
    assert "There is no visit" in at.error[0].value


def test_a_caution_is_written_on_the_clinical_record(sqlite_clinic, sqlite_day):
    visit = sqlite_day.visit()
    at = opened(sqlite_clinic, "sam", "today/visit.py", id=visit)
    field = next(one for one in at.text_input if one.label == "Caution for this visit")
    field.set_value("Bites when picked up").run()
    at.button("save_caution").click().run()
    assert not at.exception and not at.error
    assert "Bites when picked up" in at.warning[0].value
