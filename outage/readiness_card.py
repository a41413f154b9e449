"""The outage card: one page for the wall or the drawer, with the six actions, where everything is, and the password."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from data.models import Clinic
from data.types import clock
from data.wording import Wording
from forms.print import BOLD, GREY, INK, MARGIN, PAPERS, REGULAR, RULE, Head, draw_head, numbered_canvas, within, wrap
from outage import vault_addresses
from outage.guide import phones_of
from outage.readiness import Line, actions
from security.actor import Actor
from security.profile import ClinicProfile, profile
from security.rules import act, look

SECONDS = 20
DOES = {
    "status": "Look at the status page and subscribe to its mails while all is well.",
    "group": "Ask in the group whether others are down too.",
    "vault": "Open the last mail of the Vault: the roster of today, sent at midnight.",
    "snapshot": "Open the snapshot on a key computer: roster, drug log, phone numbers.",
    "stock": "Take blank forms. Every sheet has its number.",
    "cards": "Take cards this way.",
    "practice": "Practise twice a year.",
}
STATES = {"ready": "ready", "weak": "look at it", "missing": "missing", "unknown": "not known"}


@dataclass(frozen=True)
class _Card:
    clinic: Head
    profile: ClinicProfile
    lines: list[Line]
    password: str
    shows_password: bool
    printed: str


def readiness_card(*, by: Actor) -> bytes:
    """The card as a PDF of one page. The password stands on it where the person may change it, which is audited; for
    others there is a line to write it on. Raises NotPermitted, PrintTookTooLong."""
    lines = actions(by=by)
    with look(by, None) as session:
        clinic = session.get_one(Clinic, session.clinic_id)
        words, settings = Wording.of(clinic), profile(session)
        head = Head.of(clinic.name, settings.address, words.phone(settings.phone))
        shows = by.is_trusted or "settings.edit" in (session.info.get("may") or ())
        password = vault_addresses.password(session) if shows else ""
    if password:
        with act(by, "settings.edit") as work:
            work.audit("vault.password_printed", "vault")
    card = _Card(head, settings, lines, password, shows, f"Printed {words.moment(clock.now())}")
    return within(SECONDS, _drawn, card)


def _drawn(card: _Card) -> bytes:
    file = io.BytesIO()
    page = PAPERS[card.profile.paper]
    canvas = numbered_canvas(file, page, card.printed, title="Outage card", author=card.clinic.name)
    about = "What to do when Ballast or the network is down. Keep it where colleagues find it and clients do not."
    y = draw_head(canvas, page, card.clinic, "Outage card", about) - 14
    for number, line in enumerate(card.lines, 1):
        y = _action(canvas, page, y, number, line, card)
    _foot(canvas, page, card)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def _action(canvas: Any, page: tuple[float, float], y: float, number: int, line: Line, card: _Card) -> float:
    left, right = MARGIN + 34, page[0] - MARGIN
    canvas.setFillGray(INK)
    canvas.setFont(BOLD, 15)
    canvas.drawRightString(MARGIN + 20, y - 12, str(number))
    canvas.setFont(BOLD, 11)
    canvas.drawString(left, y - 9, wrap(DOES[line.name], 11, right - left - 96, 1, bold=True)[0])
    _mark(canvas, right - 74, y - 10, line.state == "ready")
    canvas.setFont(REGULAR, 9)
    canvas.setFillGray(INK if line.state != "ready" else GREY)
    canvas.drawString(right - 60, y - 9, STATES[line.state])
    y -= 23
    for text, bold in _facts(line, card):
        canvas.setFillGray(INK if bold else 0.25)
        canvas.setFont(BOLD if bold else REGULAR, 9.5)
        for part in wrap(text, 9.5, right - left, 2, bold=bold):
            canvas.drawString(left, y, part)
            y -= 12.2
    if line.name == "vault":
        y = _password(canvas, left, right, y, card)
    y -= 4
    canvas.setStrokeGray(RULE)
    canvas.setLineWidth(0.4)
    canvas.line(left, y, right, y)
    return y - 11


def _facts(line: Line, card: _Card) -> list[tuple[str, bool]]:
    found = [(line.link, True)] if line.link else []
    if line.name == "stock" and card.profile.outage_paper.strip():
        found.append((f"The paper lies here: {card.profile.outage_paper.strip().rstrip('.')}.", True))
    found.append((line.fact, False))
    if line.names:
        rest = f" and {len(line.names) - 8} more" if len(line.names) > 8 else ""
        found.append((", ".join(line.names[:8]) + rest, False))
    return found


def _password(canvas: Any, left: float, right: float, y: float, card: _Card) -> float:
    canvas.setStrokeGray(INK)
    canvas.setLineWidth(0.8)
    canvas.rect(left, y - 22, right - left, 26)
    canvas.setFillGray(0.25)
    canvas.setFont(REGULAR, 9)
    canvas.drawString(left + 8, y - 12, "The file opens with")
    canvas.setFillGray(INK)
    if card.password:
        size = 15 if len(card.password) < 34 else 9
        canvas.setFont("Courier-Bold", size)
        canvas.drawString(left + 104, y - 13.5, card.password)
    elif card.shows_password:
        canvas.drawString(left + 104, y - 12, "No password is set yet.")
    else:
        canvas.line(left + 104, y - 15, right - 12, y - 15)
    return y - 34


def _mark(canvas: Any, x: float, y: float, ticked: bool) -> None:
    """A box, ticked where the clinic is ready."""
    canvas.setStrokeGray(INK)
    canvas.setLineWidth(0.8)
    canvas.rect(x, y, 9, 9)
    if ticked:
        canvas.setLineWidth(1.5)
        canvas.lines([(x + 1.8, y + 4.6, x + 3.9, y + 2.2), (x + 3.9, y + 2.2, x + 7.6, y + 7.4)])


def _foot(canvas: Any, page: tuple[float, float], card: _Card) -> None:
    """Who decides, and whom to call."""
    lead = card.profile.outage_lead.strip().rstrip(".") or "whoever is in charge today"
    phones = [f"{name} {number}".strip().replace(" ", "\u00a0") for name, number in phones_of(card.profile) if number][
        :4
    ]
    lines = [f"Who decides to work on paper: {lead}."]
    if phones:
        lines.append(f"Call: {' · '.join(phones)}")
    width = page[0] - 2 * MARGIN - 20
    shown = [part for text in lines for part in wrap(text, 9.5, width, 2)]
    height = 12.5 * len(shown) + 10
    canvas.setStrokeGray(INK)
    canvas.setLineWidth(0.8)
    canvas.rect(MARGIN, MARGIN + 2, page[0] - 2 * MARGIN, height)
    canvas.setFillGray(INK)
    canvas.setFont(REGULAR, 9.5)
    for place, text in enumerate(shown):
        canvas.drawString(MARGIN + 10, MARGIN + 2 + height - 14 - 12.5 * place, text)
