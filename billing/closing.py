"""Closing a period: its sums are frozen and signed, what is open is carried on, and nothing in it changes any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from sqlalchemy import func, select

from billing import rebuild
from billing.books import Case, Statement, cases_in, statement_in
from billing.deposits import deposits_in
from billing.matching import OPEN
from billing.period_report import KIND, NoPeriodReport, PeriodVerdict, content_of, period_pdf, verify_period
from billing.rebuild import ToldAgain
from data.blobs import BlobDamaged, BlobMissing, BlobStore
from data.card_numbers import refuse_card_numbers
from data.engine import database
from data.errors import BadInput, NotFound, Refusal
from data.models import BooksPeriod, Clinic, Document, PaymentMatch, User, Variance
from data.session import ClinicSession
from data.types import clock, is_id
from data.wording import Wording
from forms.print import Head, within
from forms.signed_report import REPORT_SECONDS, file_report, sign
from security import audit
from security.actor import Actor
from security.profile import profile, wording
from security.rules import act, look

EVERY = 100_000


class NotOver(BadInput):
    """{last} is not over yet. Close up to today at the latest, and the first day may not be after the last."""


class Overlaps(BadInput):
    """{first} to {last} is closed already and shares days with this period. Choose days outside of it."""


class StillProposed(Refusal):
    """Proposed matches of this period that wait for a decision: {count}. Accept or reject them first, then close."""


class WhyCarried(BadInput):
    """Cases of this period that are still open: {count}, {amount} in all. Say why it is closed with them: they are
    carried on."""


class NotSigned(BadInput):
    """Sign with your own name, as it stands in your account: {name}."""


class OnlyPeople(Refusal):
    """A period is closed by a person who signs for it. Sign in and close it on the Reconciliation page."""


class ChangedWhileClosing(Refusal):
    """Something in this period changed while its report was drawn. Look at the sums again, then close it."""


class NotClosed(Refusal):
    """This period is open already. Look at it again."""


class WhyReopened(BadInput):
    """Say why the period is opened again: the reason stays with it."""


@dataclass(frozen=True)
class PeriodRow:
    """A period that was closed, and by whom; ``state`` is closed or reopened."""

    id: str
    first: date
    last: date
    state: str
    signed_as: str
    closed_at: datetime
    document_id: str | None
    reason: str
    unexplained: int


def told_again(*, by: Actor) -> ToldAgain:
    """Every total of the books told again from its rows, before a period of them is closed. Raises NotPermitted."""
    with look(by, "reconciliation.lock") as session:
        return rebuild.told_again(session)


def close_period(
    first: date, last: date, signed_as: str, carried_because: str = "", *, by: Actor, key: str | None = None
) -> str:
    """Close and lock a period, both days included; returns the id of its signed report's document.

    ``signed_as`` is the name of whoever closes it, typed as a signature. Open cases are carried into the next period
    with ``carried_because``. Raises NotOver, Overlaps, StillProposed, WhyCarried, NotSigned, ChangedWhileClosing,
    PrintTookTooLong, NotPermitted, CardNumberTyped.
    """
    refuse_card_numbers({"The reason": carried_because, "The signature": signed_as})
    with act(by, "reconciliation.lock", key=key) as work:
        if work.repeated:
            return str(work.result)
    with look(by, "reconciliation.lock") as session:
        seen = session.seen_change()
        who = _check(session, first, last, signed_as, by)
        one, cases, written = _frozen(session, first, last)
        _check_cases(session, one, cases, carried_because)
        clinic = session.get_one(Clinic, session.clinic_id)
        about, words = profile(session), Wording.of(clinic)
        content = content_of(
            one, cases, deposits_in(session, first, last), who=who, user_id=str(by.user_id), at=clock.now(),
            head=audit.head(session), clinic_id=by.clinic_id, carried_because=carried_because.strip(), written=written,
        )  # fmt: skip
        letterhead = Head.of(clinic.name, about.address, words.phone(about.phone))
    pdf = within(REPORT_SECONDS, period_pdf, content, words, letterhead, about.paper)
    blob = BlobStore(database().home).put(pdf)
    with act(by, "reconciliation.lock", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        _check(session, first, last, signed_as, by)
        if session.head().content_change != seen and _frozen(session, first, last) != (one, cases, written):
            raise ChangedWhileClosing()
        title = f"Reconciliation {words.day(first)} to {words.day(last)}"
        document = file_report(session, pdf, blob, kind=KIND, title=title, by=by)
        period = BooksPeriod(
            first=first, last=last, totals=content["sums"], document_id=document.id, signed_as=who[:120],
            closed_by_id=str(by.user_id), closed_at=clock.now(),
        )  # fmt: skip
        session.add(period)
        _carry(session, cases, carried_because.strip())
        session.flush()
        work.audit(
            "period.closed", "books_period", period.id, first=first.isoformat(), last=last.isoformat(),
            report=document.id, sha256=document.sha256, signature=sign(content), carried=len(cases),
            reason=carried_because.strip()[:300],
        )  # fmt: skip
        work.result = document.id
        return document.id


def _check(session: ClinicSession, first: date, last: date, signed_as: str, by: Actor) -> str:
    """The name of whoever closes it."""
    name = session.scalar(select(User.name).where(User.id == by.user_id)) if by.user_id else None
    if by.user_id is None:
        raise OnlyPeople()
    clinic = session.get_one(Clinic, session.clinic_id)
    if first > last or last > clock.today(clinic.zone):
        raise NotOver(last=last.isoformat())
    other = session.scalars(
        select(BooksPeriod).where(BooksPeriod.state == "closed", BooksPeriod.first <= last, BooksPeriod.last >= first)
    ).first()
    if other is not None:
        raise Overlaps(first=other.first.isoformat(), last=other.last.isoformat())
    if " ".join(signed_as.split()).casefold() != " ".join((name or "").split()).casefold() or not name:
        raise NotSigned(name=name or "")
    return name


def _frozen(session: ClinicSession, first: date, last: date) -> tuple[Statement, list[Case], list[Case]]:
    """The sums of the period, its open cases, those of deposits included, and those that were written off."""
    open_cases = select(Variance).where(Variance.state.in_(OPEN), Variance.day >= first, Variance.day <= last)
    written = select(Variance).where(Variance.state == "written_off", Variance.day >= first, Variance.day <= last)
    left, gone = (cases_in(session, some, most=EVERY) for some in (open_cases, written))
    return statement_in(session, first, last), left, gone


def _check_cases(session: ClinicSession, one: Statement, cases: Sequence[Case], why: str) -> None:
    proposed = session.scalar(
        select(func.count())
        .select_from(PaymentMatch)
        .where(PaymentMatch.state == "proposed", PaymentMatch.day >= one.first, PaymentMatch.day <= one.last)
    )
    if proposed:
        raise StillProposed(count=proposed)
    if cases and not why.strip():
        amount = wording(session).money(sum(case.cents for case in cases))
        raise WhyCarried(count=len(cases), amount=amount)


def _carry(session: ClinicSession, cases: Sequence[Case], why: str) -> None:
    for case in cases:
        row = session.held(Variance, case.id)
        if row is not None:
            row.state, row.reason = "carried", why[:300]


def reopen_period(period_id: str, reason: str, *, by: Actor, key: str | None = None) -> None:
    """Open a closed period again, with a reason. Its report stays as it was signed.

    Raises NotPermitted, NotFound, NotClosed, WhyReopened, CardNumberTyped.
    """
    refuse_card_numbers({"The reason": reason})
    with act(by, "reconciliation.lock", key=key) as work:
        if work.repeated:
            return
        if not reason.strip():
            raise WhyReopened()
        session = work.session
        row = session.held(BooksPeriod, period_id)
        if row is None:
            raise NotFound(what="period", name="like this")
        if row.state != "closed":
            raise NotClosed()
        row.state, row.reason = "reopened", reason.strip()[:300]
        row.reopened_by_id, row.reopened_at = by.user_id, clock.now()
        carried = select(Variance).where(
            Variance.state == "carried", Variance.day >= row.first, Variance.day <= row.last
        )
        for case in session.scalars(carried):
            case.state = "open"
        work.audit(
            "period.reopened", "books_period", period_id, first=row.first.isoformat(), last=row.last.isoformat(),
            reason=reason.strip()[:300],
        )  # fmt: skip
        work.result = period_id


def periods(*, by: Actor) -> list[PeriodRow]:
    """Periods that were closed, the latest first. Raises NotPermitted."""
    with look(by, "reconciliation.use") as session:
        rows = session.scalars(select(BooksPeriod).order_by(BooksPeriod.last.desc(), BooksPeriod.closed_at.desc()))
        return [
            PeriodRow(
                row.id, row.first, row.last, row.state, row.signed_as, row.closed_at, row.document_id, row.reason,
                _cents(row.totals.get("unexplained")),
            )
            for row in rows
        ]  # fmt: skip


def check_report(period_id: str, *, by: Actor) -> PeriodVerdict:
    """Whether the report kept with a closed period is the one that was signed.

    Raises NotFound, NotPermitted; a file that is gone or cannot be read is told by the verdict.
    """
    with look(by, "reconciliation.use") as session:
        row = session.held(BooksPeriod, period_id) if is_id(period_id) else None
        if row is None:
            raise NotFound(what="period", name="like this")
        kept = session.held(Document, row.document_id) if row.document_id else None
        about = row.first.isoformat(), row.last.isoformat(), row.signed_as
    try:
        if kept is None:
            return PeriodVerdict(False, "The report of this period is gone: no file is kept with it any more.", *about)
        found = verify_period(BlobStore(database().home).get(kept.blob), by=by)
    except (BlobMissing, BlobDamaged, InvalidTag, NoPeriodReport):
        return PeriodVerdict(False, "The file kept here is missing or damaged: it is not as signed.", *about)
    if found.is_genuine and (found.first, found.last) != about[:2]:
        return PeriodVerdict(False, "The file kept with this period is the report of another period.", *about)
    return found


def _cents(value: Any) -> int:
    return value if isinstance(value, int) else 0
