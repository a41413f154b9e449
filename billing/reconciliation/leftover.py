"""Rows without a partner: what each is about. A void of ours with its sale, a decline, the same money twice, a refund
that only one side knows, a chargeback, and what is simply missing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from billing.reconciliation.frames import DAY, NO_TIME, UNKNOWN, Both, Ints, Side
from billing.reconciliation.outcome import Finding, Match
from billing.reconciliation.score import Scored

_TWIN_DAYS, _TWIN_DAYS_NAMED = 2, 10
"""So far apart can two rows be that are one sale told twice; the second where invoice or authorization is the same."""


def voided(both: Both, ours: Ints) -> list[tuple[int, int]]:
    """Sales and their voids, both without a partner: nothing was settled, nothing is owed. (sale, void) rows."""
    p = both.payments
    back = [row for row in ours.tolist() if p.cents[row] < 0 and p.kind[row] == "void"]
    if not back:
        return []
    sales = [row for row in ours.tolist() if p.cents[row] > 0]
    by_reference = {p.reference[row]: row for row in sales}
    by_key: dict[tuple[int, ...], list[int]] = {}
    for row in sales:
        by_key.setdefault(_void_key(p, row), []).append(row)
    found, used = [], set()
    for row in back:
        sale = by_reference.get(p.related[row])
        if sale is None:
            same = [one for one in by_key.get(_void_key(p, row), []) if one not in used]
            sale = same[0] if same else None
        if sale is not None and sale not in used and p.cents[sale] == -p.cents[row]:
            used.add(sale)
            found.append((sale, row))
    return found


def _void_key(p: Side, row: int) -> tuple[int, ...]:
    return (abs(int(p.cents[row])), int(p.client[row]), int(p.invoice[row]), int(p.last4[row]), int(p.location[row]))


def twins(side: Side, open_rows: Ints, matched: Ints, *, ours: bool) -> dict[int, int]:
    """Open rows that say the same as one that is matched: the row -> its twin. The same amount the same way, nothing
    known against it, at least one thing besides amount and place for it, within two days."""
    fields = ("authorization", "last4", "invoice") + (("client",) if ours else ())
    best: dict[int, tuple[int, int, int]] = {}
    for name in fields:
        key = getattr(side, name)
        left = pd.DataFrame({"key": key[open_rows], "cents": side.cents[open_rows], "row": open_rows})
        right = pd.DataFrame({"key": key[matched], "cents": side.cents[matched], "twin": matched})
        pairs = left[left["key"] >= 0].merge(right, on=["key", "cents"])
        apart = side.time[pairs["row"].to_numpy()] - side.time[pairs["twin"].to_numpy()]
        pairs = pairs[np.abs(apart) <= _TWIN_DAYS_NAMED * DAY]
        for row, twin in zip(pairs["row"].tolist(), pairs["twin"].tolist(), strict=True):
            if _same_money(side, row, twin, ours=ours):
                apart = abs(int(side.time[row]) - int(side.time[twin]))
                best[row] = min(best.get(row, (apart, twin, twin)), (apart, twin, twin))
    return {row: found[1] for row, found in best.items()}


def _same_money(side: Side, row: int, twin: int, *, ours: bool) -> bool:
    """Whether two rows of one side can be one sale that was entered, or charged, twice."""
    if NO_TIME in (side.time[row], side.time[twin]):
        return False
    agrees = {}
    for name in ("authorization", "last4", "invoice", "location", "brand", "client", "currency"):
        one, other = int(getattr(side, name)[row]), int(getattr(side, name)[twin])
        agrees[name] = None if UNKNOWN in (one, other) else one == other
    if agrees["location"] is False or agrees["currency"] is False or agrees["last4"] is False:
        return False
    named = agrees["authorization"] or (agrees["invoice"] and agrees["last4"])
    days = _TWIN_DAYS_NAMED if named else _TWIN_DAYS
    if abs(int(side.time[row]) - int(side.time[twin])) > days * DAY:
        return False
    if ours:
        if agrees["authorization"]:
            return True
        if agrees["authorization"] is False and not agrees["invoice"]:
            return False
        return (
            agrees["client"] is not False
            and agrees["invoice"] is not False
            and bool(agrees["invoice"] or agrees["last4"] or agrees["client"])
        )
    if agrees["invoice"] is False:
        return False
    return bool(agrees["last4"] or agrees["authorization"] or agrees["invoice"])


def findings(
    both: Both,
    ours: Ints,
    theirs: Ints,
    matched: tuple[Ints, Ints],
    chargebacks: Ints,
    partner: Ints,
) -> list[Finding]:
    """What is left, in words. ``partner`` tells the payment a settled row is matched with."""
    p, s = both.payments, both.settled
    result = []
    twice = twins(p, ours, matched[0], ours=True)
    for row in ours.tolist():
        if row in twice:
            detail: dict[str, object] = {"of": str(p.reference[twice[row]])}
            result.append(Finding("duplicate_payment", (str(p.reference[row]),), (), detail))
        else:
            result.append(Finding("missing_in_settlement", (str(p.reference[row]),), ()))
    sales = theirs[s.cents[theirs] > 0]
    twice = twins(s, sales, matched[1][s.cents[matched[1]] > 0], ours=False)
    for row in theirs.tolist():
        reference = (str(s.reference[row]),)
        if row in twice:
            result.append(Finding("duplicate_charge", (), reference, {"of": str(s.reference[twice[row]])}))
        elif s.cents[row] < 0:
            result.append(Finding("refund", (), reference, _goes_back_to(both, row, partner)))
        else:
            result.append(Finding("missing_in_ledger", (), reference))
    for row in chargebacks.tolist():
        result.append(Finding("chargeback", (), (str(s.reference[row]),), _goes_back_to(both, row, partner)))
    return result


def _goes_back_to(both: Both, row: int, partner: Ints) -> dict[str, object]:
    """The sale that money went back for, where the processor tells it."""
    related = str(both.settled.related[row])
    if not related:
        return {}
    at = np.flatnonzero((both.settled.reference == related) & (partner >= 0))
    return {"of": related, "payments": both.payments.reference[partner[at]].tolist()}


def unsettled(both: Both, pairs: Scored, chosen: Ints, others: Ints) -> tuple[list[Finding], set[int]]:
    """Declined, voided and authorized rows: with the payment that took them for money, or by themselves."""
    p, s = both.payments, both.settled
    result: list[Finding] = []
    used: set[int] = set()
    seen: set[int] = set()
    for at in chosen.tolist():
        row, other = int(pairs.ours[at]), int(pairs.theirs[at])
        used.add(row)
        seen.add(other)
        detail: dict[str, object] = {"status": str(s.status[other]), "score": round(float(pairs.total[at]), 3)}
        result.append(Finding("not_settled", (str(p.reference[row]),), (str(s.reference[other]),), detail))
    for other in others.tolist():
        if other not in seen:
            detail = {"status": str(s.status[other]), "harmless": True}
            result.append(Finding("not_settled", (), (str(s.reference[other]),), detail))
    return result, used


def void_match(both: Both, sale: int, void: int) -> Match:
    """A sale and its void."""
    references = (str(both.payments.reference[sale]), str(both.payments.reference[void]))
    return Match(references, (), "voided", 0.0, True)
