"""Hold the fees of every batch to the rates agreed with its processor; what is off stands beside the other cases of the
reconciliation, one for each batch."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from billing.fees import KIND, BatchFee, Charged, FeeFinding, Terms, fee_findings
from billing.matching import OPEN, signature
from billing.periods import counting_day
from billing.settlement.terms import processors
from data.models import Clinic, SettledTransaction, SettlementBatch, Variance
from data.session import ClinicSession
from data.types import clock
from security.actor import Actor
from security.rules import act, look

LOOKED_BACK = timedelta(days=400)


def terms_of(session: ClinicSession) -> dict[str, Terms]:
    """The rates agreed, by the processor's slug."""
    return {
        slug: Terms(one.rate_millionths, one.per_item_cents, one.fees == "monthly")
        for slug, one in processors(session).items()
    }


def find_fees(*, by: Actor) -> int:
    """Note the batches whose fees are off the agreed rate, and let go of those that are not any more; returns how many
    changes were written. What somebody wrote off stays so. Raises NotPermitted."""
    with look(by, "reconciliation.use") as session:
        clinic = session.get_one(Clinic, session.clinic_id)
        since = clock.today(clinic.zone) - LOOKED_BACK
        batches = {
            row.id: row for row in session.scalars(select(SettlementBatch).where(SettlementBatch.settled_on >= since))
        }
        marked = {mark(one): one for one in _findings(session, batches)}
        stored = {row.signature: row for row in session.scalars(select(Variance).where(Variance.kind == KIND))}
        new = [
            _row(session, one, batches[one.batch], known)
            for known, one in marked.items()
            if known not in stored or stored[known].state == "explained"
        ]
        gone = [row.id for known, row in stored.items() if known not in marked and row.state in OPEN]
    if not new and not gone:
        return 0
    with act(by, "reconciliation.use") as work:
        known = {
            row.signature: row
            for row in work.session.scalars(
                select(Variance).where(Variance.signature.in_([one["signature"] for one in new]))
            )
        }
        for values in new:
            row = known.get(values["signature"])
            if row is None:
                work.session.add(Variance(**values))
            elif row.state == "explained":
                row.state, row.settled_at = "open", None
        for row in work.session.scalars(select(Variance).where(Variance.id.in_(gone), Variance.state.in_(OPEN))):
            row.state, row.settled_at = "explained", clock.now()
        work.audit("fees.checked", "variance", opened=len(new), explained=len(gone))
    return len(new) + len(gone)


def mark(found: FeeFinding) -> str:
    """The same fee off the same batch is the same case; another sum is another one."""
    return signature(KIND, [found.batch], [str(found.charged_cents), str(found.agreed_cents)])


def _findings(session: ClinicSession, batches: dict[str, SettlementBatch]) -> list[FeeFinding]:
    terms = {slug: one for slug, one in terms_of(session).items() if one.is_known}
    if not terms:
        return []
    row = SettledTransaction
    rows = session.execute(
        select(row.reference, row.processor, row.kind, row.amount_cents, row.fee_cents, row.batch_id, row.status)
        .join(SettlementBatch, (SettlementBatch.clinic_id == row.clinic_id) & (SettlementBatch.id == row.batch_id))
        .where(row.processor.in_(list(terms)), SettlementBatch.settled_on >= min(
            (one.settled_on for one in batches.values()), default=clock.now().date()
        ))
    )  # fmt: skip
    charged = [
        Charged(one.reference, one.processor, one.kind, one.amount_cents, one.fee_cents, one.batch_id, None, one.status)
        for one in rows
    ]
    return fee_findings(charged, terms, [BatchFee(one.id, one.processor, one.fee_cents) for one in batches.values()])


def _row(session: ClinicSession, one: FeeFinding, batch: SettlementBatch, known: str) -> dict[str, Any]:
    """As a case: what was charged too much is money that is missing at the bank."""
    return {
        "kind": KIND, "signature": known, "batch_ids": [batch.id], "payment_ids": [], "settled_ids": [],
        "bank_line_ids": [], "amount_cents": -one.difference_cents, "day": counting_day(session, batch.settled_on),
        "detail": dict(one.detail) | {"rows": list(one.settled[:50])},
    }  # fmt: skip
