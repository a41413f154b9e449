"""Drug lines from paper into the bottles they name, each once.

The same drawing stands on two papers: on the patient's travel sheet and on the bottle's log. Whichever is entered
second finds the line of the first: same bottle, same visit, same quantity, near in time. Where the quantities differ
nothing is written and both are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import or_, select

from appointments import drug_log
from appointments.quantities import words
from data.models import Appointment, Bottle, Drug, DrugLogEntry, FormSheet, User
from data.session import ClinicSession
from outage.landing import DrugLine, Landing
from outage.typed import Problem
from security.rules import Work

NEAR = timedelta(minutes=45)


def write(work: Work, found: Landing, appointment: Appointment, at: datetime, again: set[str]) -> None:
    """Log what was drawn for a visit, as its sheets say; ``again`` are sheets that were entered before and are set
    right now: lines that are not on them any more are taken out by reversing lines."""
    if not found.drugs and not again:
        return
    lines = timed(found, found.drugs, at)
    mine = DrugLogEntry.appointment_id == appointment.id
    there = standing(work.session, or_(mine, DrugLogEntry.form_sheet_id.in_(again)) if again else mine)
    log(work, found, [(line, appointment.id) for line in lines], there, again)


def log(
    work: Work, found: Landing, lines: Sequence[tuple[DrugLine, str | None]], there: list[DrugLogEntry],
    again: set[str],
) -> int:  # fmt: skip
    """Write the lines that no other paper has brought; returns how many stood already. ``there`` are the lines that
    stand, each good for one match."""
    old = [one for one in there if one.form_sheet_id in again]
    others = [one for one in there if one.form_sheet_id not in {line.sheet for line, _ in lines}]
    bottles = work.session.hold(Bottle, Bottle.id.in_({line.bottle_id for line, _ in lines})) if lines else []
    work.session.hold(Drug, Drug.id.in_({bottle.drug_id for bottle in bottles}))
    active = {user.id for user in work.session.hold(User) if user.status == "active"}
    left = [(line, _use(work, found, line, visit, active)) for line, visit in lines]
    copied = _copied(found, left)
    peers = _peers(work.session, others, lines)
    for line, use in list(left):
        same = next((one for one in old if _is(one, use)), None)
        if same is not None:
            old.remove(same)
            left.remove((line, use))
    matched = copied + sum(_take_out(found, left, others, peers, exactly=exactly) for exactly in (True, False))
    for line, use in left:
        if old:
            wrong = next((one for one in old if one.bottle_id == use.bottle_id), old[0])
            old.remove(wrong)
            drug_log.correct(wrong.id, "Corrected from paper", by=work.by, instead=use)
        else:
            drug_log.log_use(use, by=work.by)
        if line.wasted and line.needs_witness and use.witness_id is None:
            found.odd.append(Problem(line.sheet, line.key, f"{line.drug}: waste without a witness."))
        if line.by is None:
            found.odd.append(Problem(line.sheet, line.key, f"{line.drug}: no initials of who drew it."))
    for wrong in old:
        drug_log.correct(wrong.id, "Not on the paper", by=work.by)
    return matched


def _copied(found: Landing, left: list[tuple[DrugLine, drug_log.Use]]) -> int:
    """Take out of ``left`` lines that somebody copied onto a second sheet, to the minute; returns how many."""
    first: dict[tuple[object, ...], str] = {}
    before = len(left)
    for line, use in list(left):
        what = (use.bottle_id, use.appointment_id, use.given, use.wasted, use.event_at)
        if first.setdefault(what, line.sheet) != line.sheet:
            left.remove((line, use))
            found.odd.append(
                Problem(line.sheet, line.key, f"{line.drug}: the same line stands on two sheets; logged once.")
            )
    return before - len(left)


def _peers(
    session: ClinicSession, others: Sequence[DrugLogEntry], lines: Sequence[tuple[DrugLine, str | None]]
) -> set[str]:
    """The sheets of the same kind as the one that is keyed (of visits, or of bottles): what stands on two of them was
    copied or was drawn twice, and only the minute tells which."""
    of_bottle = dict(
        session.execute(
            select(FormSheet.id, FormSheet.bottle_id.is_not(None)).where(
                FormSheet.id.in_({one.form_sheet_id for one in others} | {line.sheet for line, _ in lines})
            )
        ).tuples().all()
    )  # fmt: skip
    mine = {of_bottle.get(line.sheet) for line, _ in lines}
    return {sheet for sheet, kind in of_bottle.items() if kind in mine}


def _take_out(
    found: Landing, left: list[tuple[DrugLine, drug_log.Use]], others: list[DrugLogEntry], peers: set[str], *,
    exactly: bool,
) -> int:  # fmt: skip
    """Take out of ``left`` what another paper, or somebody at the screen, has brought; returns how many."""
    before = len(left)
    for line, use in list(left):
        twin = _match(others, use, peers, exactly=exactly)
        if twin is None:
            continue
        others.remove(twin)
        left.remove((line, use))
        if not exactly:
            here, there = words(use.given + use.wasted), words(-twin.delta)
            hint = "Correct the one that is wrong on the Drug log page."
            sentence = f"{line.drug}: {here} here, {there} in the log already. {hint}"
            found.odd.append(Problem(line.sheet, line.key, sentence))
    return before - len(left)


def timed(found: Landing, lines: Sequence[DrugLine], at: datetime) -> list[DrugLine]:
    """The lines, each with a time: one without takes that of the line before."""
    done = []
    for line in lines:
        if line.at is None:
            found.odd.append(
                Problem(line.sheet, line.key, f"{line.drug}: no time on the sheet; taken as the line before.")
            )
        at = line.at or at
        done.append(replace(line, at=at))
    return done


def standing(session: ClinicSession, *which: object) -> list[DrugLogEntry]:
    """Uses that count: neither taken out nor taking out, within a rule."""
    rows = session.scalars(select(DrugLogEntry).where(*which).order_by(DrugLogEntry.event_at)).all()  # type: ignore[arg-type]
    gone = {row.reverses_id for row in rows if row.reverses_id}
    return [row for row in rows if row.kind == "use" and row.id not in gone]


def _use(work: Work, found: Landing, line: DrugLine, visit: str | None, active: set[str]) -> drug_log.Use:
    witness = line.witness
    if witness and witness not in active:
        witness = None
        found.odd.append(Problem(line.sheet, line.key, f"{line.drug}: the witness does not work here any more."))
    if witness and witness == (line.by or work.by.user_id):
        witness = None
        found.odd.append(Problem(line.sheet, line.key, f"{line.drug}: the witness is the person who drew it."))
    return drug_log.Use(
        bottle_id=line.bottle_id, given=line.given, wasted=line.wasted, appointment_id=visit, stage=line.stage,
        route=line.route, witness_id=witness, event_at=line.at, source="paper", performed_by=line.by,
        form_sheet_id=line.sheet,
    )  # fmt: skip


def _is(row: DrugLogEntry, use: drug_log.Use) -> bool:
    return (row.bottle_id, row.appointment_id, row.given, row.wasted, row.event_at, row.witness_id, row.route) == (
        use.bottle_id, use.appointment_id, use.given, use.wasted, use.event_at, use.witness_id, use.route
    )  # fmt: skip


def _match(others: Sequence[DrugLogEntry], use: drug_log.Use, peers: set[str], *, exactly: bool) -> DrugLogEntry | None:
    """The line that another paper, or somebody at the screen, has brought for the same drawing."""
    at = use.event_at
    assert at is not None
    near = [
        one
        for one in others
        if one.bottle_id == use.bottle_id and one.appointment_id == use.appointment_id
        and abs(one.event_at - at) <= (timedelta(0) if one.form_sheet_id in peers else NEAR)
        and (not exactly or one.delta == -(use.given + use.wasted))
    ]  # fmt: skip
    return min(near, key=lambda one: abs(one.event_at - at), default=None)
