"""The signed report of a closed period: what it says, how it is drawn, and whether one stands as it was signed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from billing.books import Case, Statement
from billing.deposits import Deposits
from billing.reconciliation.outcome import FINDING_KINDS, MATCH_KINDS
from data.errors import BadInput
from data.wording import Wording
from forms.print import Column, Head
from forms.signed_report import ReportSheet, data_of, is_chained, is_filed, is_signed, sign
from security.actor import Actor
from security.rules import look

KIND = "period-report"
LABELS = {
    **MATCH_KINDS, **FINDING_KINDS, "deposit_missing": "Deposit missing", "deposit_unknown": "Deposit unexplained",
    "fee_off_rate": "Fee off the rate",
}  # fmt: skip
SUMS = (
    ("payments", "Payments by card"), ("settled", "Settled by processors"), ("difference", "Settled less paid"),
    ("timing", "  counted in another period"), ("waiting", "  waits for its settlement"),
    ("written_off", "  written off with a reason"), ("unexplained", "  unexplained"), ("deposited", "Deposits"),
    ("fees", "Fees of these deposits"), ("expected", "Batches still to arrive"), ("missing", "  of these, late"),
)  # fmt: skip


class NoPeriodReport(BadInput):
    """This file is no report of a period made here: it carries no signed data."""


@dataclass(frozen=True)
class PeriodVerdict:
    """Whether a report stands as it was signed, with the sentence that says so."""

    is_genuine: bool
    words: str
    first: str = ""
    last: str = ""
    closed_by: str = ""


def content_of(
    one: Statement, cases: list[Case], found: Deposits, *, who: str, user_id: str, at: datetime, head: tuple[int, str],
    clinic_id: str, carried_because: str, written: list[Case],
) -> dict[str, Any]:  # fmt: skip
    """What the report says, as data; amounts in cents. Names of clients stay in the records."""
    sums = {name: getattr(one, name) for name, _ in SUMS}
    return {
        "report": KIND, "clinic": clinic_id, "first": one.first.isoformat(), "last": one.last.isoformat(),
        "closed_by": who, "closed_by_id": user_id, "closed_at": at.isoformat(),
        "sums": sums | {"payment_count": one.payment_count, "settled_count": one.settled_count,
                        "matched": one.matched, "by_people": one.by_people},
        "deposits": [
            {"deposit": row.reference, "posted_on": row.posted_on.isoformat(),
             "batches": [batch.name for batch in row.batches], "gross": row.gross,
             "fees": row.fees, "net": row.net, "amount": row.amount, "difference": row.difference,
             "reason": row.reason if not row.is_auto else ""}
            for row in found.arrived
        ],
        "expected": [
            {"batch": row.name, "settled_on": row.settled_on.isoformat(), "net": row.net,
             "late": row.is_late}
            for row in found.expected
        ],
        "written_off": [
            {"kind": case.kind, "day": case.day.isoformat(), "cents": case.cents, "rows": _rows(case),
             "by": case.detail.get("by", ""), "reason": case.reason}
            for case in written
        ],
        "carried": [
            {"kind": case.kind, "day": case.day.isoformat(), "cents": case.cents,
             "rows": _rows(case), "assigned": case.assigned}
            for case in cases
        ],
        "carried_because": carried_because, "audit": {"seq": head[0], "hash": head[1]},
    }  # fmt: skip


def _rows(case: Case) -> list[str]:
    return [row.reference for row in (*case.payments, *case.settled)] or [case.text]


def period_pdf(content: dict[str, Any], words: Wording, head: Head, paper: str) -> bytes:
    """The report as a PDF with its data in it."""
    signature = sign(content)
    closed_at = words.moment(datetime.fromisoformat(content["closed_at"]))
    first, last = (words.day(date.fromisoformat(content[name])) for name in ("first", "last"))
    footer = f"Closed by {content['closed_by']}, {closed_at} · {signature[:16]}"
    sheet = ReportSheet("Reconciliation report", f"{first} to {last}", footer, head=head, paper=paper)
    _sums(sheet, content, words)
    _deposits(sheet, content, words)
    _written_off(sheet, content, words)
    _carried(sheet, content, words)
    sheet.heading("Signature")
    chain = content["audit"]
    for line in (
        f"Closed and locked by {content['closed_by']} on {closed_at} ({words.zone}).",
        f"Signature over the data in this file: {signature}",
        f"Audit log before closing: row {chain['seq']}, {chain['hash']}",
        "To check it: Check report on the Reconciliation page, or ballast reconcile --verify FILE.",
    ):
        sheet.text(line)
    sheet.text("Initials: ____________________        Date: ____________________", before=18)
    return sheet.signed(content)


def _sums(sheet: ReportSheet, content: dict[str, Any], words: Wording) -> None:
    sums = content["sums"]
    sheet.text(
        f"{sums['payment_count']} payments, {sums['settled_count']} settled transactions, {sums['matched']} matches, "
        f"{sums['by_people']} of them decided by a person.", grey=True,
    )  # fmt: skip
    rows = [[label.strip() if not label.startswith("  ") else f"   {label.strip()}", words.money(sums[name])]
            for name, label in SUMS]  # fmt: skip
    sheet.table([Column("Sum", width=1), Column("Amount", align="right")], rows)


def _deposits(sheet: ReportSheet, content: dict[str, Any], words: Wording) -> None:
    sheet.heading("Deposits")
    rows = [
        [words.day(date.fromisoformat(one["posted_on"])), ", ".join(one["batches"]), words.money(one["gross"]),
         words.money(one["fees"]), words.money(one["amount"]), words.money(one["difference"]), one["reason"]]
        for one in content["deposits"]
    ]  # fmt: skip
    money = [Column(name, align="right") for name in ("Charged", "Fees", "Arrived", "Difference")]
    sheet.table([Column("Day"), Column("Batches", width=1, lines=4), *money, Column("Reason", lines=4)], rows)
    if content["expected"]:
        sheet.heading("Batches still to arrive")
        rows = [
            [one["batch"], words.day(date.fromisoformat(one["settled_on"])), words.money(one["net"]),
             "late" if one["late"] else ""]
            for one in content["expected"]
        ]  # fmt: skip
        sheet.table([Column("Batch", width=1), Column("Settled"), Column("Due", align="right"), Column("")], rows)


def _written_off(sheet: ReportSheet, content: dict[str, Any], words: Wording) -> None:
    """What whoever signs takes as lost or found, each with its reason."""
    if not content["written_off"]:
        return
    sheet.heading("Written off")
    rows = [
        [LABELS.get(one["kind"], one["kind"]), words.day(date.fromisoformat(one["day"])), ", ".join(one["rows"]),
         one["by"], one["reason"], words.money(one["cents"])]
        for one in content["written_off"]
    ]  # fmt: skip
    columns = [Column("Case", lines=2), Column("Day"), Column("Rows", width=1, lines=4), Column("By"),
               Column("Reason", width=1, lines=4), Column("Amount", align="right")]  # fmt: skip
    sheet.table(columns, rows)


def _carried(sheet: ReportSheet, content: dict[str, Any], words: Wording) -> None:
    sheet.heading("Carried on, unexplained")
    if not content["carried"]:
        sheet.text("Nothing: every case of this period was decided.")
        return
    counts = Counter(LABELS.get(one["kind"], one["kind"]) for one in content["carried"])
    sheet.text(", ".join(f"{kind}: {count}" for kind, count in sorted(counts.items())) + ".")
    sheet.text(f"Because: {content['carried_because']}")
    rows = [
        [LABELS.get(one["kind"], one["kind"]), words.day(date.fromisoformat(one["day"])), ", ".join(one["rows"]),
         one["assigned"], words.money(one["cents"])]
        for one in content["carried"]
    ]  # fmt: skip
    columns = [Column("Case", lines=2), Column("Day"), Column("Rows", width=1, lines=4), Column("With"),
               Column("Unexplained", align="right")]  # fmt: skip
    sheet.table(columns, rows)


def verify_period(pdf: bytes, *, by: Actor) -> PeriodVerdict:
    """Check a report against its signature and the audit log. Raises NoPeriodReport, NotPermitted."""
    found = data_of(pdf, KIND)
    if found is None:
        raise NoPeriodReport()
    content, signature = found
    with look(by, "reconciliation.use") as session:
        known = is_filed(session, pdf, "period.closed")
        signed = is_signed(content, signature) and is_chained(session, content)
    about = str(content.get("first", "")), str(content.get("last", "")), str(content.get("closed_by", ""))
    if known and signed:
        return PeriodVerdict(True, f"This report is as {about[2]} signed it.", *about)
    if signed:
        return PeriodVerdict(False, "The data in this file is as it was signed, but the pages were changed.", *about)
    return PeriodVerdict(False, "This report was changed after it was signed, or it was not signed here.", *about)
