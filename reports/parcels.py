"""What a subscription sends: the report or dashboard as it stands for one circle of readers, as a file and a letter."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date
from typing import Any

from data.errors import BadInput, NotPermitted
from data.models import Clinic
from data.types import clock
from messages.outbox import File
from reports import dashboards, export, saved, tiles
from reports.periods import days_of, label_of
from reports.result import Result
from reports.run import run_spec
from reports.schedules import FORMATS, Schedule, asked, password_of
from reports.spec import ReportSpec
from reports.tiles import Answer
from reports.values import wording_of
from reports.when import told
from security.actor import Actor
from security.clinics import clinic_of

MOST_ROWS = 100_000


class TooMuchToMail(BadInput):
    """{title} has more than {most} rows, too many to mail. Choose a shorter period or add a test, or download it from
    its page."""


@dataclass(frozen=True)
class Found:
    """The answers: one of a report, or those of the tiles of a dashboard."""

    name: str
    title: str
    facts: str
    clinic: Clinic
    result: Result | None = None
    answers: tuple[Answer, ...] = ()

    @property
    def results(self) -> list[Result]:
        """Those that were answered."""
        return [self.result] if self.result else [one.result for one in self.answers if one.result]

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return sum(len(result.rows) for result in self.results)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The columns that the readers do not see."""
        return tuple(dict.fromkeys(label for result in self.results for label in result.left_out))


def find(one: Schedule, *, by: Actor) -> Found:
    """Run what a subscription sends for an actor. Raises what run_spec raises, NotFound, TooMuchToMail."""
    clinic = clinic_of(by.clinic_id)
    today = clock.today(clinic.zone)
    if one.dashboard:
        return _board(one, clinic, today, by)
    card = saved.card(one.report, by=by)
    spec, params = card.spec, chosen(one, card.spec, today)
    if spec.columns:
        most = min(spec.limit or MOST_ROWS + 1, MOST_ROWS + 1)
        result = run_spec(one.report, spec.model_copy(update={"limit": most}), params, by=by, form="mail")
    else:
        result = run_spec(one.report, spec, params, by=by, form="mail")
    if len(result.rows) > MOST_ROWS:
        raise TooMuchToMail(title=spec.title, most=wording_of(clinic).number(MOST_ROWS))
    return Found(one.report, spec.title, result.facts, clinic, result)


def chosen(one: Schedule, spec: ReportSpec, today: date) -> dict[str, Any]:
    """What a report is run with: the days of the subscription's period, or the report's own, and its answers."""
    known = spec.parameters
    found: dict[str, Any] = dict(asked(one, known))
    if "from" in known:
        found["from"], found["to"] = days_of(one.preset or spec.preset, today)
    for name in {"as_of", "date"} & set(known):
        found[name] = (days_of(one.preset, today)[1] if one.preset else None) or today
    return found


def is_worth(one: Schedule, found: Found, *, by: Actor) -> bool:
    """Whether the subscription's condition holds for what was found for an actor."""
    rule = one.only
    if rule.rule == "always":
        return True
    if rule.rule == "data" or found.result is None:
        return found.rows > 0
    value = number_of(found.result, rule.number, by=by)
    return value is not None and (value > rule.value if rule.rule == "over" else value < rule.value)


def number_of(result: Result, name: str, *, by: Actor) -> float | None:
    """A number of a result over all its rows, in its own unit; None where there is none. ``rows`` counts them. Of a
    report that shows no total it is worked out for this alone."""
    if name == "rows":
        return len(result.rows)
    line = result.total or (result.rows[0] if len(result.rows) == 1 else None)
    names = [column.name for column in result.columns]
    if name not in names:
        raise NotPermitted(action="see the number that decides whether this is sent")
    if line is None and result.rows and result.spec is not None and not result.spec.total:
        added = result.spec.model_copy(update={"total": True})
        line = run_spec(result.name, added, result.params, by=by, form="choices").total
    if line is None:
        return 0.0 if not result.rows and result.columns[names.index(name)].type in ("whole", "money") else None
    value = line[names.index(name)]
    return None if value is None else float(value)


def file_of(one: Schedule, found: Found) -> File:
    """The file, in the subscription's format and with its password. Raises TooLongForPaper, PasswordOfAnotherHome."""
    if found.result is not None:
        content = export.render(found.result, one.format)
        name = export.file_name(found.result, one.format)
    else:
        content = _board_pdf(found) if one.format == "pdf" else _board_book(found)
        name = f"{found.name}_{clock.today(found.clinic.zone)}.{one.format}"
    password = password_of(one)
    if one.format == "pdf" and password:
        content = _protected(content, password)
    return File(name, export.FORMATS[one.format], content)


def letter(one: Schedule, found: Found, file: File, *, asked_for: bool, sender: str, outside: bool = False) -> str:
    """The words of the mail. They name nobody and tell no number but that of the rows. ``outside`` is for addresses
    that are no person's of the clinic."""
    wording = wording_of(found.clinic)
    rows = f"{wording.number(found.rows)} {'row' if found.rows == 1 else 'rows'}"
    facts = " · ".join(filter(None, [found.facts, rows if found.result else ""]))
    lines = [one.message, ""] if one.message else []
    lines += [found.title, facts, "", f"Attached as {FORMATS[one.format]}: {file.name}"]
    if one.password:
        lines.append("It opens with the password you were told.")
    if not found.rows:
        lines.append("There was nothing to show for these days.")
    if found.left_out:
        why = "which does not leave the clinic" if outside else "which your role does not see"
        lines.append(f"Without {', '.join(found.left_out)}, {why}.")
    rhythm = told(one.when, wording)
    why = f"You asked for this mail. The others get it {rhythm[:1].lower()}{rhythm[1:]}." if asked_for else f"{rhythm}."
    lines += ["", f"{found.clinic.name} · {why}"]
    if not asked_for and sender:
        lines.append(f"To get it no longer, ask {sender}.")
    return "\n".join(lines) + "\n"


def _board(one: Schedule, clinic: Clinic, today: date, by: Actor) -> Found:
    board = dashboards.board(one.dashboard, by=by).dashboard
    preset = one.preset or board.preset
    span = days_of(preset, today) if preset else None
    narrowed = {name: [str(item) for item in value] for name, value in one.params.items() if isinstance(value, list)}
    answers = [tiles.answer(tile, board, span, narrowed, by=by, form="mail") for tile in board.tiles]
    for answer in answers:
        if answer.result and len(answer.result.rows) > MOST_ROWS:
            raise TooMuchToMail(title=answer.title, most=wording_of(clinic).number(MOST_ROWS))
    wording = wording_of(clinic)
    words = [
        label_of(preset) if preset else "",
        *(", ".join(values) for values in narrowed.values()),
        wording.day(today),
    ]
    return Found(one.dashboard, board.title, " · ".join(filter(None, words)), clinic, None, tuple(answers))


def _split(found: Found) -> tuple[list[tuple[Answer, tiles.Big]], list[Answer]]:
    figures, others = [], []
    for answer in found.answers:
        told_big = tiles.big(answer.result) if answer.result and answer.tile.show == "number" else None
        if told_big:
            figures.append((answer, told_big))
        else:
            others.append(answer)
    return figures, others


def _board_pdf(found: Found) -> bytes:
    from forms.pages import Figure, Part, parts_pdf
    from reports.paper import LONGEST, TooLongForPaper, chart_of, columns_of, head_of, meaning
    from reports.paper import chosen as tests_of

    figures, others = _split(found)
    parts, notes = [], []
    for answer in others:
        result = answer.result
        if result is None:
            parts.append(Part(answer.title, answer.problem))
            continue
        printed = export.table(result)
        if len(printed.rows) > LONGEST:
            number = wording_of(found.clinic).number
            raise TooLongForPaper(title=answer.title, rows=number(len(printed.rows)), longest=number(LONGEST))
        untouched = f"not narrowed by {', '.join(answer.untouched)}" if answer.untouched else ""
        facts = " · ".join(filter(None, [tests_of(result), untouched]))
        chart = chart_of(result) if answer.tile.show == "chart" else None
        empty = result.spec.empty if result.spec else "Nothing to show."
        parts.append(
            Part(answer.title, facts, columns_of(printed), printed.rows, printed.total, printed.strong, chart, empty)
        )
    notes += [f"{answer.title}: {one.column.definition}" for answer, one in figures if one.column.definition]
    notes += [f"{answer.title}. {meaning(answer.result)}" for answer in others if answer.result]
    told_big = [
        Figure(answer.title, one.value, f"{one.moved} against the year before" if one.moved else "")
        for answer, one in figures
    ]
    head, paper = head_of(found.clinic)
    return parts_pdf(
        found.title, found.facts, told_big, parts, clinic=head, paper=paper,
        definition="\n\n".join(dict.fromkeys(notes)), footer=f"{found.clinic.name} · {found.title}",
    )  # fmt: skip


def _board_book(found: Found) -> bytes:
    figures, others = _split(found)
    front = [export.Figure(answer.title, one.column, one.number, one.moved) for answer, one in figures]
    remarks = [(answer.title, answer.problem) for answer in others if not answer.result]
    sheets: list[tuple[str, Result]] = []
    for answer in others:
        if answer.result:
            sheets.append((export.sheet_name(answer.title, [name for name, _ in sheets]), answer.result))
    return export.workbook(sheets, front, remarks)


def _protected(content: bytes, password: str) -> bytes:
    """A PDF that opens with its password alone, under AES-256."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(content)))
    writer.encrypt(user_password=password, owner_password=None, algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
