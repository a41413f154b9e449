"""No typed work is lost: what was typed into any form is there again for the same person in a new session, and only
for them; a newer version of a record never swallows it."""

import ast
import re
from pathlib import Path
from time import monotonic

import pytest

from appointments import booking
from appointments.booking import Details
from billing import checkout
from records import clients
from records.clients import ClientForm
from security import break_glass, drafts, role_matrix, settings
from tests.appointments.conftest import Desk, next_monday
from tests.billing.visits import visit
from tests.conftest import PASSWORD
from tests.screen import opened, told


def captions(at):
    return " ".join(caption.value for caption in at.caption)


def test_a_half_typed_booking_is_there_again_and_only_for_who_typed_it(sqlite_clinic):
    Desk(sqlite_clinic)

    def begin(name):
        at = opened(sqlite_clinic, name, "appointments/calendar.py", day=next_monday().isoformat())
        at.button(key="cal_book").click().run()
        return at

    at = begin("sam")
    assert "Kept from" not in captions(at)
    at.button(key="book_new").click().run()
    at.text_input(key="book_last").set_value("Okafor").run()
    at.text_input(key="book_animal").set_value("Nala").run()
    at.text_input(key="book_notes").set_value("Hides under the sofa").run()
    at.date_input(key="book_day").set_value(next_monday(1)).run()

    again = begin("sam")
    assert "Kept from" in captions(again) and not again.exception
    typed = {name: again.text_input(key=f"book_{name}").value for name in ("last", "animal", "notes")}
    assert typed == {"last": "Okafor", "animal": "Nala", "notes": "Hides under the sofa"}
    assert again.date_input(key="book_day").value == next_monday(1)

    other = begin("mona")
    assert "Kept from" not in captions(other) and not [one for one in other.text_input if one.key == "book_last"]

    again.button(key="let-go-book:").click().run()
    assert "Kept from" not in captions(begin("sam"))


def test_a_saved_booking_leaves_no_draft_behind(sqlite_clinic):
    desk = Desk(sqlite_clinic)
    client_id, _ = desk.patient()
    at = opened(sqlite_clinic, "sam", "appointments/calendar.py", book=client_id)
    at.text_input(key="book_notes").set_value("Bring the papers").run()
    assert drafts.places(by=sqlite_clinic.actor("sam")) == [f"book:{client_id}"]
    at.date_input(key="book_day").set_value(next_monday()).run()
    at.button(key="book_save").click().run()
    assert not at.error and not at.exception
    assert drafts.places(by=sqlite_clinic.actor("sam")) == []


def test_a_stale_tab_keeps_what_was_typed_over_the_newer_appointment(sqlite_clinic):
    desk = Desk(sqlite_clinic)
    one = desk.book()
    at = opened(sqlite_clinic, "sam", "appointments/calendar.py", appointment=one)
    at.text_input(key="visit_notes").set_value("Muzzle").run()
    version = desk.row(one).version
    details = Details([], "", "", "Bites", None)
    booking.change(one, details, version=version, by=sqlite_clinic.actor("mona"))
    at.button(key="visit_save").click().run()
    assert (desk.row(one).caution, desk.row(one).notes) == ("Bites", ""), "nothing was written over"
    assert "saved a newer version" in at.warning[-1].value
    assert at.text_input(key="visit_notes").value == "Muzzle" and at.text_input(key="visit_caution").value == "Bites"
    at.button(key="visit_save").click().run()
    assert not at.error
    assert (desk.row(one).caution, desk.row(one).notes) == ("Bites", "Muzzle")


def test_a_stale_tab_keeps_what_was_typed_over_the_newer_client(sqlite_clinic):
    sam, mona = sqlite_clinic.actor("sam"), sqlite_clinic.actor("mona")
    one = clients.add(ClientForm("Lee", first_name="Ann"), by=mona)
    at = opened(sqlite_clinic, "sam", "clients/client.py", id=one)
    at.button(key=f"to_edit_client:{one}").click().run()
    at.text_input(key=f"client:{one}:city").set_value("Salem").run()
    held = clients.open_client(one, by=mona).client
    clients.change(one, ClientForm("Lee", first_name="Ann", phone="555-0101"), version=held.version, by=mona)
    at.button(key="save_changes").click().run()
    now = clients.open_client(one, by=sam).client
    assert (now.phone, now.city) == ("555-0101", "")
    assert any("saved a newer version" in warning.value for warning in at.warning)
    assert at.text_input(key=f"client:{one}:city").value == "Salem"
    at.button(key="save_changes").click().run()
    now = clients.open_client(one, by=sam).client
    assert (now.phone, now.city) == ("555-0101", "Salem")


def test_a_half_typed_payment_is_there_again(sqlite_clinic):
    invoice_id = checkout.open_ticket(visit(sqlite_clinic)[0], by=sqlite_clinic.operator)
    at = opened(sqlite_clinic, "sam", "today/ticket.py", id=invoice_id)
    at.text_input(key=f"pay:{invoice_id}:amount").set_value("20.00").run()
    at.text_input(key=f"pay:{invoice_id}:code").set_value("OK77").run()
    again = opened(sqlite_clinic, "sam", "today/ticket.py", id=invoice_id)
    assert again.text_input(key=f"pay:{invoice_id}:amount").value == "20.00"
    assert again.text_input(key=f"pay:{invoice_id}:code").value == "OK77"
    assert "Kept from" in captions(again)
    again.button(key=f"let-go-pay:{invoice_id}").click().run()
    assert again.text_input(key=f"pay:{invoice_id}:amount").value == "163.00"


def test_the_reason_for_closing_a_record_is_there_again(sqlite_clinic):
    client_id = clients.add(ClientForm("Lee"), by=sqlite_clinic.operator)
    place = f"restrict:{client_id}"

    def begin():
        return opened(sqlite_clinic, "olive", "clients/client.py", id=client_id)

    begin().text_input(key=f"{place}:reason").set_value("A threat was made").run()
    at = begin()
    assert at.text_input(key=f"{place}:reason").value == "A threat was made" and "Kept from" in captions(at)
    at.button(key="restrict").click().run()
    assert not at.exception and drafts.places(by=sqlite_clinic.actor("olive")) == []


KINDS = ("clinic-profile", "location", "appointment-type", "species", "drug", "custom-field", "service", "tax",
         "tax-rules", "fund")  # fmt: skip


def test_looking_at_settings_leaves_no_draft(sqlite_clinic):
    for kind in KINDS:
        opened(sqlite_clinic, "adam", "settings/editor.py", kind=kind)
    opened(sqlite_clinic, "adam", "settings/price_list.py")
    opened(sqlite_clinic, "adam", "settings/flow_stages.py")
    opened(sqlite_clinic, "adam", "staff/profile.py")
    assert drafts.places(by=sqlite_clinic.actor("adam")) == []


def test_a_half_typed_setting_is_there_again_on_top_of_a_newer_version(sqlite_clinic):
    """A number, a tick, a text and a table of a setting; the field that somebody else changed meanwhile is theirs."""

    def begin():
        return opened(sqlite_clinic, "adam", "settings/editor.py", kind="appointment-type", entry="surgery")

    at = begin()
    at.number_input(key="appointment-type-surgery-1-capacity").set_value(28).run()
    at.text_input(key="appointment-type-surgery-1-why").set_value("One vet fewer").run()
    again = begin()
    assert again.number_input(key="appointment-type-surgery-1-capacity").value == 28
    assert again.text_input(key="appointment-type-surgery-1-why").value == "One vet fewer"
    assert "Kept from" in captions(again)
    olive = sqlite_clinic.actor("olive")
    surgery = next(entry for entry in settings.entries("appointment-type", by=olive) if entry.slug == "surgery")
    settings.save_definition("appointment-type", "surgery", surgery.body | {"minutes": 25}, expected=1, by=olive)
    again = begin()
    assert "saved a newer version" in again.warning[0].value
    assert again.number_input(key="appointment-type-surgery-2-capacity").value == 28
    assert again.number_input(key="appointment-type-surgery-2-minutes").value == 25
    again.button(key="save-appointment-type-surgery").click().run()
    assert not again.error and not again.exception
    now = next(entry for entry in settings.entries("appointment-type", by=olive) if entry.slug == "surgery")
    assert (now.body["capacity"], now.body["minutes"]) == (28, 25)
    assert drafts.places(by=sqlite_clinic.actor("adam")) == []


def test_a_look_at_another_page_or_entry_takes_nothing_from_a_setting(sqlite_clinic):
    def look_elsewhere(at, script):
        at.switch_page("clients/clients.py").run()
        return at.switch_page(script)

    at = opened(sqlite_clinic, "adam", "settings/editor.py", kind="appointment-type", entry="surgery")
    at.text_input(key="appointment-type-surgery-1-why").set_value("Asked for by Dr. Novak").run()
    at.button_group(key="pick-appointment-type").set_value("recheck").run()
    at.button_group(key="pick-appointment-type").set_value("surgery").run()
    assert at.text_input(key="appointment-type-surgery-1-why").value == "Asked for by Dr. Novak"
    at = look_elsewhere(at, "settings/editor.py")
    at.query_params["kind"], at.query_params["entry"] = "appointment-type", "surgery"
    assert at.run().text_input(key="appointment-type-surgery-1-why").value == "Asked for by Dr. Novak"
    assert "Kept from" in captions(at)

    at = opened(sqlite_clinic, "adam", "settings/flow_stages.py")
    at.text_input(key="label-examined-1").set_value("Exam done").run()
    look_elsewhere(at, "settings/flow_stages.py").run()
    assert at.text_input(key="label-examined-1").value == "Exam done"
    assert {"setting:flow-stages", "setting:appointment-type-surgery"} <= set(
        drafts.places(by=sqlite_clinic.actor("adam"))
    )


def test_ticks_of_a_role_and_a_half_typed_invitation_are_there_again(sqlite_clinic):
    def roles():
        at = opened(sqlite_clinic, "adam", "settings/roles.py")
        return at.button_group(key="role").set_value("staff").run()

    at = roles()
    assert at.button(key="save-role").disabled
    at.checkbox(key="staff-1-reports.view").check().run()
    assert "may now run reports" in told(at)
    again = roles()
    assert again.checkbox(key="staff-1-reports.view").value and "Kept from" in captions(again)
    again.button(key="save-role").click().run()
    assert not again.error and not again.exception

    def inviting():
        return opened(sqlite_clinic, "adam", "settings/users.py").button(key="invite").click().run()

    inviting().text_input(key="invite-name").set_value("Nina Nash").run()
    again = inviting()
    assert again.text_input(key="invite-name").value == "Nina Nash" and "Kept from" in captions(again)
    again.button(key="invite-cancel").click().run()
    assert drafts.places(by=sqlite_clinic.actor("adam")) == []


def test_a_half_written_review_is_there_again(sqlite_clinic):
    adam, olive = sqlite_clinic.actor("adam"), sqlite_clinic.actor("olive")
    client_id = clients.add(ClientForm(last_name="Marsh"), by=adam)
    clients.restrict(client_id, True, reason="Staff", by=adam)
    break_glass.open_record(client_id, "Reaction to the anaesthetic", PASSWORD, by=adam)
    opening = break_glass.openings(by=olive)[0]
    drafts.save(f"review:{opening.id}", "It was needed: the vet", by=olive)
    at = opened(sqlite_clinic, "olive", "settings/reviews.py")
    at.button(key=f"review-{opening.id}").click().run()
    assert not at.error and not at.exception
    assert break_glass.openings(by=olive)[0].review == "It was needed: the vet"
    assert drafts.places(by=olive) == []


def test_ticks_in_the_grid_of_roles_are_there_again(sqlite_clinic):
    by = sqlite_clinic.actor("adam")
    drafts.save("roles", {"staff/reports.view": True}, by=by)
    at = opened(sqlite_clinic, "adam", "settings/roles.py")
    assert "Kept from" in captions(at) and "may now run reports" in told(at)
    at.button(key="save-roles").click().run()
    assert not at.error and not at.exception
    staff = next(row for row in role_matrix.list_roles(by=by) if row.slug == "staff")
    assert "reports.view" in staff.permissions and drafts.places(by=by) == []


def test_moved_stages_and_a_half_typed_profile_are_there_again(sqlite_clinic):
    at = opened(sqlite_clinic, "adam", "settings/flow_stages.py")
    at.text_input(key="label-induced-1").set_value("Asleep").run()
    at.button(key="icononly-later-checked_in").click().run()
    again = opened(sqlite_clinic, "adam", "settings/flow_stages.py")
    assert again.text_input(key="label-induced-1").value == "Asleep"
    order = [field.key for field in again.text_input if str(field.key).startswith("label-")]
    assert order.index("label-checked_in-1") > order.index("label-examined-1")
    again.button(key="let-go-setting:flow-stages").click().run()
    again = opened(sqlite_clinic, "adam", "settings/flow_stages.py")
    assert again.text_input(key="label-induced-1").value != "Asleep"

    sam = sqlite_clinic.users["sam"]
    at = opened(sqlite_clinic, "adam", "staff/profile.py", person=sam)
    at.text_input(key=f"profile:{sam}:licence").set_value("VT-1207").run()
    again = opened(sqlite_clinic, "adam", "staff/profile.py", person=sam)
    assert again.text_input(key=f"profile:{sam}:licence").value == "VT-1207"
    again.button(key="save-profile").click().run()
    assert not again.error and not again.exception
    assert drafts.places(by=sqlite_clinic.actor("adam")) == []


def test_prices_typed_into_the_grid_are_there_again(sqlite_clinic):
    """The grid itself is Streamlit's; what the page makes of a draft and of the grid's rows is ours."""
    by = sqlite_clinic.actor("adam")
    first = settings.entries("service", by=by)[0]
    new = {"name": "Nail trim", "price_cents": 1_500, "category": "", "tax_code": "", "procedure": "",
           "reminder_days": None, "active": True, "prices": []}  # fmt: skip
    drafts.save("setting:price-list", {first.slug: {"price_cents": 4_321}, "nail-trim": new}, by=by)
    at = opened(sqlite_clinic, "adam", "settings/price_list.py")
    assert "Kept from" in captions(at)
    assert next(button for button in at.button if button.key == "save").label == "Save 2 changes"
    at.button(key="save").click().run()
    assert not at.error and not at.exception
    prices = {entry.slug: entry.body["price_cents"] for entry in settings.entries("service", by=by)}
    assert (prices[first.slug], prices["nail-trim"]) == (4_321, 1_500)
    assert drafts.places(by=by) == []


def test_the_matching_of_a_file_is_there_again_when_the_file_is_chosen_again(sqlite_clinic):
    content = b"Client ID,Called,Kind\nC1,Lopez,farm\n"

    def begin():
        at = opened(sqlite_clinic, "adam", "settings/imports.py")
        told = " ".join(info.value for info in at.info).replace("\\", "")
        at.file_uploader(key="upload-0").upload("old.csv", content, "text/csv").run()
        assert not at.exception, at.exception
        return at, told

    def box(at, field):
        return next(box for box in at.selectbox if str(box.key).startswith(f"from-{field}-"))

    at, told = begin()
    assert "You were matching" not in told
    at.selectbox(key="kind").set_value("clients").run()
    box(at, "last_name").set_value("Called").run()
    box(at, "address").set_value("Kind").run()
    again, told = begin()
    assert "You were matching the columns of old.csv" in told
    assert "Kept from" in captions(again)
    assert again.selectbox(key="kind").value == "clients"
    assert (box(again, "last_name").value, box(again, "address").value) == ("Called", "Kind")
    again.button(key="import").click().run()
    assert not again.exception and not again.error
    assert drafts.places(by=sqlite_clinic.actor("adam")) == []


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.browser
def test_a_reload_in_the_middle_of_a_booking_loses_nothing(browser, served):
    from playwright.sync_api import expect

    page = browser("mona", f"/appointments?day={next_monday()}")
    page.get_by_role("button", name="Book appointment").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="New client").click()
    dialog.get_by_label("Last name").fill("Quimby")
    dialog.get_by_label("Notes").press_sequentially("Arrives by bus", delay=20)
    with served.clinic() as clinic:
        mona, ends = clinic.actor("mona"), monotonic() + 20
        while (drafts.load("book:", by=mona) or {}).get("notes") != "Arrives by bus":  # without leaving the field
            assert monotonic() < ends
            page.wait_for_timeout(200)
    page.reload()
    page.get_by_role("button", name="Book appointment").click()
    page.get_by_text(re.compile("^Kept from")).wait_for()
    expect(dialog.get_by_label("Last name")).to_have_value("Quimby")
    expect(dialog.get_by_label("Notes")).to_have_value("Arrives by bus")
    dialog.get_by_role("button", name="Discard").click()
    dialog.get_by_label("Client or patient").wait_for()
    assert page.problems == []


def test_no_password_is_lost_by_leaving_its_field_with_the_tab_key():
    """Tab leads from a password to its eye, which the browser does not count as leaving the field: what was typed
    reached the page only by Enter or by a click elsewhere. Forms send all they hold; other fields say it as it is
    typed."""
    lost = []

    def look(node, file, in_form):
        if isinstance(node, ast.With):
            in_form = in_form or any(".form(" in ast.unparse(item.context_expr) for item in node.items)
        if isinstance(node, ast.Call):
            given = {one.arg: ast.unparse(one.value) for one in node.keywords}
            if given.get("type") == "'password'" and "live" not in given and not in_form:
                lost.append(f"{file}:{node.lineno}")
        for child in ast.iter_child_nodes(node):
            look(child, file, in_form)

    files = sorted(Path("pages").rglob("*.py"))
    for file in files:
        look(ast.parse(file.read_text()), file, False)
    assert files and not lost
