"""Client pages in a real browser: nothing typed is lost, nothing typed runs, one search finds people and pages."""

import re

import pytest

from records import clients, documents, notes, patients, search
from records.clients import ClientForm
from records.patients import PatientForm
from tests.window import settled, turn_to

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAYLOAD = (
    "<img src=x onerror=alert(1)><b>b</b> [link](javascript:alert(1)) $\\frac{a}{b}$ :red[x] :material/home: {{7*7}}"
)
BOX = "Search clients, patients and pages"


def watched(page):
    """Note every dialog a script opens."""
    page.dialogs = []
    page.on("dialog", lambda dialog: (page.dialogs.append(dialog.message), dialog.dismiss()))
    return page


@pytest.fixture
def lee(served):
    """A client with a patient."""
    with served.clinic() as clinic:
        sam = clinic.actor("sam")
        client_id = clients.add(ClientForm("Lee", "Ann", phone="212 555 0199"), by=sam)
        patients.add(client_id, PatientForm("Biscuit", species="cat"), by=sam)
    return client_id


def test_an_appointment_is_booked_from_the_page_of_its_client(browser, lee):
    page = browser("sam", f"/client?id={lee}")
    page.get_by_role("button", name="Book appointment").click()
    page.get_by_role("dialog").get_by_text("Biscuit").first.wait_for(timeout=15_000)


@pytest.mark.slow
def test_a_note_half_typed_survives_a_refresh_and_a_sign_out(browser, served, lee):
    page = browser("sam", f"/client?id={lee}&tab=Notes")
    page.get_by_role("button", name="Add note").click()
    page.get_by_text("Clinicians", exact=True).click()
    page.get_by_label("Note", exact=True).press_sequentially("He bites when", delay=10)
    page.get_by_text("Draft kept").wait_for()
    page.reload()
    field = page.get_by_label("Note", exact=True)
    field.wait_for()
    assert field.input_value() == "He bites when"
    field.press_sequentially(" frightened", delay=10)
    page.get_by_text("Draft kept").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Username").wait_for()
    again = browser("sam", f"/client?id={lee}&tab=Notes")
    field = again.get_by_label("Note", exact=True)
    field.wait_for()
    assert field.input_value() == "He bites when frightened"
    save = again.get_by_role("button", name="Save note")
    save.dblclick()
    again.locator(".note", has_text="He bites when frightened").wait_for()
    again.get_by_label("Note", exact=True).wait_for(state="detached")
    settled(again, 700)
    with served.clinic() as clinic:
        assert len(notes.of_client(lee, by=clinic.actor("clara"))) == 1
    assert again.get_by_label("Note", exact=True).count() == 0


def test_a_form_half_filled_survives_a_refresh_and_a_double_click_saves_once(browser, served):
    page = browser("sam", "/new-client")
    page.get_by_label("Last name").fill("Quillfeather")
    page.get_by_label("Phone", exact=True).fill("646 555 7171")
    settled(page, 600)
    page.reload()
    page.get_by_label("Last name").wait_for()
    assert page.get_by_label("Last name").input_value() == "Quillfeather"
    assert page.get_by_label("Phone", exact=True).input_value() == "646 555 7171"
    page.get_by_role("button", name=re.compile("^Save client")).dblclick()
    page.get_by_role("heading", name="Quillfeather").wait_for()
    assert re.search(r"/client\?id=", page.url)
    with served.clinic() as clinic:
        assert len(search.find("quillfeather", by=clinic.actor("sam"))) == 1


def test_a_wrong_field_is_named_and_what_was_typed_stays(browser):
    page = browser("clara", "/new-client")
    page.get_by_label("Last name").fill("Wren")
    page.get_by_label("E-mail").fill("wren at home")
    page.get_by_role("button", name=re.compile("^Save client")).click()
    page.get_by_text("'wren at home' is not an e-mail address").wait_for()
    assert page.get_by_label("Last name").input_value() == "Wren"
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("heading", name="Clients & patients").wait_for()


@pytest.mark.slow
def test_nothing_a_person_typed_runs_or_formats_anywhere(browser, served):
    with served.clinic() as clinic:
        olive = clinic.actor("olive")
        client_id = clients.add(
            ClientForm(PAYLOAD[:120], PAYLOAD[:120], address=PAYLOAD, city=PAYLOAD[:120], caution=PAYLOAD), by=olive
        )
        patient = patients.add(
            client_id, PatientForm(PAYLOAD[:120], species="cat", breed=PAYLOAD[:120], caution=PAYLOAD), by=olive
        )
        first = notes.write(client_id, PAYLOAD, access="everyone", by=olive)
        notes.write(client_id, PAYLOAD, access="everyone", corrects_id=first, patient_id=patient, by=olive)
        documents.attach(client_id, "x.txt", PAYLOAD.encode(), title=PAYLOAD, by=olive)
        other = clients.add(ClientForm("Plain"), by=olive)
    page = watched(browser("olive", "/clients"))
    page.get_by_placeholder("Name, phone, microchip or number").fill("img src")
    page.get_by_role("list", name="Clients").wait_for()
    settled(page)
    box = page.get_by_role("combobox", name=BOX)
    box.fill("img src")
    page.get_by_role("option").first.wait_for()
    assert page.locator("img[src='x']").count() == 0
    paths = [f"/client?id={client_id}&tab={tab}" for tab in ("Info", "Appointments", "Notes", "Documents", "Billing")]
    paths += [f"/patient?id={patient}", f"/new-patient?client={client_id}",
              f"/merge-clients?stays={other}&goes={client_id}"]  # fmt: skip
    for path in paths:
        turn_to(page, path)
        page.get_by_test_id("stMainBlockContainer").get_by_text("onerror").first.wait_for()
        settled(page, 150)
        main = page.get_by_test_id("stMainBlockContainer")
        assert main.locator("img[src='x'], .katex, a[href^='javascript']").count() == 0, path
        assert main.locator("b", has_text=re.compile("^b$")).count() == 0, path
    assert page.dialogs == []


def test_the_search_box_is_worked_by_keys_alone(browser, lee):
    page = browser("sam", "/home")
    box = page.get_by_role("combobox", name=BOX)
    box.wait_for()
    settled(page)
    page.keyboard.press("/")
    page.keyboard.type("biscuit", delay=20)
    page.get_by_role("option").first.wait_for()
    assert box.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Biscuit").wait_for()
    settled(page)
    page.keyboard.press("/")
    page.keyboard.type("clients", delay=20)
    page.get_by_role("option", name=re.compile("Clients & patients")).wait_for()
    page.keyboard.press("Enter")
    page.get_by_placeholder("Name, phone, microchip or number").wait_for()
    assert page.problems == []


def test_two_editors_the_second_is_told_who_came_first(browser, lee):
    pages = [browser(name, f"/client?id={lee}") for name in ("sam", "clara")]
    for page in pages:
        page.get_by_role("button", name="Edit").click()
        page.get_by_label("City").wait_for()
    for page, city in zip(pages, ("Albany", "Troy"), strict=True):
        page.get_by_label("City").fill(city)
        page.get_by_role("button", name="Save changes").click()
        if page is pages[0]:
            page.get_by_role("button", name="Edit").wait_for()
    pages[1].get_by_text("Sam Stone saved a newer version while you had this open").wait_for()
    assert pages[1].get_by_label("City").input_value() == "Troy"


def test_the_tabs_fit_a_phone_in_both_themes(browser, lee):
    page = browser("sam", f"/client?id={lee}", phone=True)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for tab in ("Notes", "Documents", "Billing", "Appointments", "Info"):
            page.get_by_role("tab", name=tab).click()
            page.locator(f".st-key-tab_{tab.lower()}").wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.problems == []
