"""The administrator's whole question in a real browser: revenue per surgeon per month, cats only, against last year;
saved, pinned, followed down to the rows, and mailed to oneself through a real mail server. What comes out of the PDF
and the workbook is compared with sums in plain Python over ``ballast export`` of the same clinic."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
import zipfile
from collections import defaultdict
from datetime import date, timedelta
from xml.etree import ElementTree

import pytest
from pypdf import PdfReader
from sqlalchemy import select

from data.models import Clinic, User
from data.session import read, write
from data.types import clock
from tests import inbox as inboxes
from tests.conftest import ROOT, start_app
from tests.pages.test_builder_journey import cats_by_surgeon, choose, table
from tests.reports.small_clinic import Small
from worker import Worker

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TITLE = "Cats, this year and last"
PASSWORD = "otter-copper-94"
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def two_years(clinic):
    """Two surgeons and two kinds of animal over two years; one invoice voided, one still a draft. Returns today."""
    small = Small(clinic)
    small.count = 800_000
    with read(clinic.id) as session:
        zone = session.get(Clinic, clinic.id).zone
        people = {name: session.scalars(select(User.id).where(User.username == name)).one()
                  for name in ("clara", "olive")}  # fmt: skip
    with write(clinic.id) as session:
        session.scalars(select(User).where(User.username == "adam")).one().email = "adam@example.org"
    client = small.client("Ledger")
    animals = {kind: small.patient(client, species=kind, name=kind.capitalize()) for kind in ("cat", "dog")}
    today = clock.today(zone)
    for back, who, kind, cents, how in (
        (0, "clara", "cat", 10_001, ""), (0, "olive", "cat", 7_050, ""), (0, "clara", "dog", 99_900, ""),
        (40, "clara", "cat", 5_025, ""), (40, "clara", "cat", 60_000, "voided"), (70, "olive", "cat", 3_333, ""),
        (100, "olive", "cat", 40_000, "drafted"), (365, "clara", "cat", 8_000, ""), (405, "clara", "cat", 4_020, ""),
        (405, "clara", "dog", 12_000, ""), (435, "olive", "cat", 6_666, ""),
    ):  # fmt: skip
        day = str(today - timedelta(days=back))
        invoice = small.invoice(client, day)
        small.line(invoice, day, cents, patient_id=animals[kind], provider_id=people[who])
        if how:
            small.event(invoice, how, day)
    return today


def exported(home, key_file, folder):
    """The tables of ``ballast export``, each a list of rows by column."""
    command = [sys.executable, "cli.py", "--home", str(home), "export", str(folder)]
    environment = {"BALLAST_KEY_FILE": str(key_file), "PATH": "/usr/bin:/bin", "HOME": str(folder.parent)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)

    def rows(name):
        with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            return [row for row in csv.DictReader(file) if not row["deleted_at"]]

    return rows


def by_hand(rows, today):
    """Month and surgeon: cents of cats of the last twelve months, and of the same days a year before."""
    species = {row["id"]: row["species"] for row in rows("patient")}
    people = {row["id"]: row["name"] for row in rows("app_user")}
    kinds = defaultdict(set)
    for row in rows("invoice_event"):
        kinds[row["invoice_id"]].add(row["kind"])
    counted = {
        row["id"] for row in rows("invoice")
        if "voided" not in kinds[row["id"]]
        and not ("drafted" in kinds[row["id"]] and not kinds[row["id"]] & {"opened", "forgiven"})
    }  # fmt: skip
    first = date(today.year - (today.month < 12), today.month % 12 + 1, 1)
    now, before = defaultdict(int), defaultdict(int)
    for row in rows("invoice_line"):
        if row["invoice_id"] not in counted or species.get(row["patient_id"]) != "cat":
            continue
        day, who = date.fromisoformat(row["day"]), people.get(row["provider_id"], "")
        if first <= day <= today:
            now[day.replace(day=1), who] += int(row["net_cents"])
        elif first.replace(year=first.year - 1) <= day <= year_back(today):
            before[date(day.year + 1, day.month, 1), who] += int(row["net_cents"])
    return {key: (now[key], before[key]) for key in {*now, *before}}


def year_back(day):
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def cells(book):
    """The rows of a workbook's first sheet, numbers as numbers, as any reader of the format sees them."""
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        sheet = ElementTree.fromstring(parts.read("xl/worksheets/sheet1.xml"))
    lines = []
    for row in sheet.iter(f"{SHEET}row"):
        line = {}
        for cell in row:
            column = re.match("[A-Z]+", cell.get("r"))[0]
            text = "".join(piece.text or "" for piece in cell.iter(f"{SHEET}t"))
            value = cell.find(f"{SHEET}v")
            line[column] = text if value is None else float(value.text)
        lines.append(line)
    return lines


def dollars(cents):
    return f"${cents / 100:,.2f}"


def test_from_the_question_to_the_mail_and_back_to_the_records(served, browser, monkeypatch, tmp_path):
    with served.clinic() as clinic:
        today = two_years(clinic)
        rows = exported(served.home.path, served.key_file, tmp_path / "export")
    expected = by_hand(rows, today)
    assert len(expected) >= 4 and any(before for _, before in expected.values())

    with inboxes.serving() as (box, url):
        monkeypatch.setenv("BALLAST_SMTP_URL", url)
        app, process = start_app(served.home.path, served.key_file, tmp_path / "log")
        try:
            page = browser("adam", "/reports")
            build_and_save(page, app)
            pin(page)
            drill(page, app, expected, today)
            mail = subscribe(page, app, served, box)
            check_pdf(mail, expected)
            change_to_excel(page)
            check_book(send_now(page, served, box), expected)
        finally:
            process.terminate()
            process.wait(10)
    assert not page.problems


def build_and_save(page, app):
    cats_by_surgeon(page, app)
    choose(page, "Compare with", "The year before")
    page.get_by_role("button", name="Save report").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title", exact=True).fill(TITLE)
    dialog.get_by_label("Title", exact=True).press("Tab")
    page.wait_for_timeout(300)
    dialog.get_by_role("button", name="Save report").click()
    page.get_by_role("heading", name=TITLE).wait_for(timeout=20_000)


def menu(page, item):
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("button", name=item, exact=True).click()


def pin(page):
    menu(page, "Pin to a dashboard")
    dialog = page.get_by_role("dialog")
    box = dialog.locator('input[role=combobox][aria-label="Dashboard"]')
    box.click()
    page.get_by_role("option", name=re.compile("A new dashboard")).click()
    dialog.get_by_label("Title of the new dashboard").fill("The board's questions")
    dialog.get_by_label("Title of the new dashboard").press("Tab")
    dialog.get_by_role("button", name="Pin the report").click()
    page.get_by_role("heading", name="The board's questions").wait_for(timeout=20_000)
    page.locator(".st-key-board").get_by_text(TITLE).first.wait_for()


def drill(page, app, expected, today):
    page.locator(".st-key-board").get_by_text(TITLE).first.click()
    page.get_by_role("heading", name=TITLE).wait_for(timeout=20_000)
    (cents, _) = expected[today.replace(day=1), "Olive Owens"]
    row = table(page).locator("tbody tr", has_text="Olive Owens").filter(has_text=f"{today:%b %Y}")
    row.get_by_role("button", name=dollars(cents)).first.click()
    behind = page.get_by_role("dialog").locator(".report-table tbody tr")
    behind.first.wait_for()
    found = [re.search(r"\$[\d,]+\.\d\d", line)[0] for line in behind.all_inner_texts()]
    assert sum(round(float(one[1:].replace(",", "")) * 100) for one in found) == cents
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")


def subscribe(page, app, served, box):
    menu(page, "Subscribe")
    page.get_by_role("heading", name="New subscription").wait_for(timeout=20_000)
    page.get_by_text("It opens with a password").click()
    page.get_by_label("Password of the PDF", exact=True).fill(PASSWORD)
    page.locator(".st-key-subscription_told").get_by_text("Adam Abbott").wait_for()
    page.get_by_role("button", name="Save subscription").click()
    page.get_by_role("heading", name=TITLE).wait_for(timeout=20_000)
    return send_now(page, served, box)


def send_now(page, served, box):
    sent = len(box.mails)
    page.get_by_role("button", name="Send one to me now").click()
    page.get_by_text("It is being made").last.wait_for()
    with served.clinic():
        Worker().round()
    [mail] = box.mails[sent:]
    assert mail.rcpt_tos == ["adam@example.org"]
    page.locator(".st-key-subscription_log").get_by_text("to Adam Abbott").nth(sent).wait_for(timeout=15_000)
    return inboxes.read(mail)


def check_pdf(mail, expected):
    name, content = inboxes.file_of(mail)
    assert name.endswith(".pdf") and PdfReader(io.BytesIO(content)).decrypt("") == 0
    words = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(content), password=PASSWORD).pages)
    assert TITLE in words and "Cat" in words
    total, before = (sum(one[place] for one in expected.values()) for place in (0, 1))
    assert {dollars(total), dollars(before)} <= set(re.findall(r"\$[\d,]+\.\d\d", words))
    for cents, _ in expected.values():
        assert not cents or dollars(cents) in words


def change_to_excel(page):
    page.get_by_role("button", name="Change", exact=True).click()
    page.get_by_role("heading", name=f"Change {TITLE}").wait_for(timeout=20_000)
    page.get_by_role("radio", name="Excel").or_(page.get_by_role("button", name="Excel")).first.click()
    page.locator(".st-key-subscription_told").get_by_text("as Excel").wait_for()
    page.get_by_role("button", name="Save subscription").click()
    page.get_by_role("button", name="Send one to me now").wait_for(timeout=20_000)


def check_book(mail, expected):
    name, content = inboxes.file_of(mail)
    assert name.endswith(".xlsx")
    head, *lines = cells(content)
    assert list(head.values())[:3] == ["Month", "Provider", "Revenue"]
    found = {}
    for line in lines:
        if isinstance(line.get("A"), float):
            month = date(1899, 12, 30) + timedelta(days=int(line["A"]))
            found[month, line.get("B", "")] = (round(line.get("C", 0) * 100), round(line.get("D", 0) * 100))
    assert found == expected
