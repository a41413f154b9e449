"""The three identities of an outage, with the rows behind every number."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from outage.account import Account, SheetFacts
from outage.rows import Judge

SETTLEMENT = "What is not settled yet comes with a later batch: the processor's settlement says so once it is imported."


@dataclass(frozen=True)
class Term:
    """One number of an identity. ``sign`` is what stands before it; ``kind`` count, money (cents) or quantity
    (thousandths of ``unit``); ``rows`` are the ids of the board's rows behind it."""

    sign: str
    label: str
    value: int
    rows: tuple[str, ...]
    kind: str = "count"
    unit: str = ""


@dataclass(frozen=True)
class Identity:
    """Sums that must be equal; one line for each unit. ``note`` says what the numbers leave open."""

    key: str
    title: str
    part: str
    lines: tuple[tuple[Term, ...], ...]
    note: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether every side of every line comes to the same."""
        return all(len(set(sides(line))) <= 1 for line in self.lines)


def sides(line: tuple[Term, ...]) -> list[int]:
    """What each side of a line comes to."""
    sums: list[int] = []
    for term in line:
        if term.sign in ("", "="):
            sums.append(0)
        sums[-1] += -term.value if term.sign == "−" else term.value
    return sums


def identities(account: Account, judge: Judge) -> tuple[Identity, ...]:
    """The three, or of cards alone the third."""
    if account.outage.scope == "cards":
        return (_slips(account),)
    return _visits(account, judge), _drugs(account, judge), _slips(account)


def _visits(account: Account, judge: Judge) -> Identity:
    groups: dict[str, list[str]] = defaultdict(list)
    for visit in account.visits.values():
        row = f"appointment:{visit.id}"
        groups["walk_ins" if visit.walk_in else "rostered"].append(row)
        if judge.stayed_away(visit):
            groups["away"].append(row)
            continue
        sheets = judge.of_visit[visit.id]
        living = [sheet for sheet in sheets if judge.lives(sheet)]
        let_go = account.waived("appointment", visit.id) is not None or (bool(sheets) and not living)
        if living and all(sheet.state == "entered" for sheet in living):
            groups["entered"].append(row)
        elif let_go:
            groups["entered_waived"].append(row)
        if living and all(len(sheet.attached) == sheet.pages for sheet in living):
            groups["scanned"].append(row)
        elif let_go:
            groups["scanned_waived"].append(row)
    stray = _strays(account, judge)
    groups["scanned"] += stray[0]
    line = [
        _count("", "rostered", groups["rostered"]),
        _count("−", "no-show" if len(groups["away"]) == 1 else "no-shows", groups["away"]),
        _count("+", "walk-in" if len(groups["walk_ins"]) == 1 else "walk-ins", groups["walk_ins"]),
        _count("=", "back-entered", groups["entered"]),
        _count("+", "let go", groups["entered_waived"]),
        _count("=", "form set scanned" if len(groups["scanned"]) == 1 else "form sets scanned", groups["scanned"]),
        _count("+", "let go", groups["scanned_waived"]),
    ]
    shown = tuple(term for term in line if term.value or term.label != "let go")
    note = f"{len(stray[1])} scanned sheets belong to nobody yet." if len(stray[1]) > 1 else ""
    if len(stray[1]) == 1:
        note = "One scanned sheet belongs to nobody yet."
    return Identity("visits", "Visits", "clinical", (shown,), note)


def _strays(account: Account, judge: Judge) -> tuple[list[str], list[str]]:
    """Scanned blank stock that belongs to no visit yet: the sets it must be (of each form one is in a set), and every
    sheet of it."""
    by_form: dict[str, list[SheetFacts]] = defaultdict(list)
    for sheet in account.sheets.values():
        whose = sheet.about.subject in ("appointment", "nothing") and not sheet.about.slip
        if whose and sheet.appointment_id is None and sheet.has_come and judge.lives(sheet):
            by_form[sheet.form].append(sheet)
    most = max(by_form.values(), key=len, default=[])
    everything = [f"form_sheet:{sheet.id}" for sheets in by_form.values() for sheet in sheets]
    return [f"form_sheet:{sheet.id}" for sheet in most], everything


def _drugs(account: Account, judge: Judge) -> Identity:
    units: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    waived: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for bottle in account.bottles.values():
        travel, own, taken = judge.sums(bottle.id)
        drawn = travel if own is None else own
        row = f"bottle:{bottle.id}"
        units[bottle.unit].append((row, drawn, taken))
        if account.waived("bottle", bottle.id) and drawn != taken:
            waived[bottle.unit].append((row, taken - drawn))
    lines = []
    for unit in sorted(units, key=lambda one: (one != "mL", one)):
        rows = tuple(row for row, _, _ in units[unit])
        line = [Term("", "drawn on forms", sum(one[1] for one in units[unit]), rows, "quantity", unit)]
        if waived[unit]:
            let_go = tuple(row for row, _ in waived[unit])
            line.append(Term("+", "let go", sum(one[1] for one in waived[unit]), let_go, "quantity", unit))
        line.append(Term("=", "taken out of bottles", sum(one[2] for one in units[unit]), rows, "quantity", unit))
        lines.append(tuple(line))
    if not lines:
        lines = [(Term("", "drawn on forms", 0, (), "quantity", "mL"),
                  Term("=", "taken out of bottles", 0, (), "quantity", "mL"))]  # fmt: skip
    odd = [row for rows in units.values() for row, drawn, taken in rows if drawn != taken]
    note = "" if len(odd) < 2 else f"{len(odd)} bottles differ; a sum may hide that."
    return Identity("drugs", "Drugs", "clinical", tuple(lines), note)


def _slips(account: Account) -> Identity:
    slips: list[str] = []
    total = let_go = 0
    waived_rows = []
    paid_by_slip: set[str] = set()
    for sheet in account.sheets.values():
        keyed = [part for part in sheet.parts.values() if not part.reason]
        if keyed:
            slips.append(f"card_slip:{sheet.id}")
        for part in keyed:
            total += part.amount_cents
            payment = account.payments.get(part.payment_id or "")
            if part.payment_id:
                paid_by_slip.add(part.payment_id)
            difference = part.amount_cents - (payment.net_cents if payment else 0)
            if difference and account.waived("card_slip", sheet.id):
                let_go += difference
                waived_rows.append(f"card_slip:{sheet.id}")
    payments, taken = [], 0
    for payment in account.payments.values():
        taken += payment.net_cents
        if payment.net_cents:
            payments.append(f"payment:{payment.id}")
        if payment.id not in paid_by_slip and payment.net_cents and account.waived("payment", payment.id):
            let_go -= payment.net_cents
            waived_rows.append(f"payment:{payment.id}")
    behind = {
        part.payment_id: f"card_slip:{sheet.id}"
        for sheet in account.sheets.values()
        for part in sheet.parts.values()
        if part.payment_id
    }
    rows = tuple(dict.fromkeys(behind.get(one.partition(":")[2], one) for one in payments))
    waived = tuple(dict.fromkeys(waived_rows))
    line = [Term("", "on card slips", total, tuple(slips), "money"), Term("=", "in payments", taken, rows, "money")]
    if let_go:
        line.append(Term("+", "let go", let_go, waived, "money"))
    line += _settled(account, behind, let_go, waived)
    waits = any(term.label == NOT_YET for term in line)
    return Identity("slips", "Card slips", "money", (tuple(line),), SETTLEMENT if waits else "")


NOT_YET = "not settled yet"


def _settled(account: Account, behind: dict[str, str], let_go: int, waived: tuple[str, ...]) -> list[Term]:
    """The third side: what processors settled of the payments, by the end of their day and in later batches, and what
    is on its way. A difference that nobody explained is in none of them."""
    cents: dict[str, int] = defaultdict(int)
    rows: dict[str, list[str]] = defaultdict(list)
    for payment in account.payments.values():
        row = behind.get(payment.id, f"payment:{payment.id}")
        entity, _, entity_id = row.partition(":")
        is_waived = account.waived(entity, entity_id) is not None
        facts, left = payment.settled, payment.open_cents
        for label, value in (
            ("settled", facts.same_day_cents),
            ("in a later batch", facts.later_cents),
            ("written off", facts.written_off_cents),
            (NOT_YET, 0 if facts.trouble else left),
            ("let go", left if facts.trouble and is_waived else 0),
        ):
            if value:
                cents[label] += value
                rows[label].append(row)
    cents["let go"] += let_go
    rows["let go"] += waived
    terms = [Term("=", "settled", cents["settled"], tuple(dict.fromkeys(rows["settled"])), "money")]
    for label in ("in a later batch", NOT_YET, "written off", "let go"):
        if cents[label]:
            terms.append(Term("+", label, cents[label], tuple(dict.fromkeys(rows[label])), "money"))
    return terms


def _count(sign: str, label: str, rows: list[str]) -> Term:
    return Term(sign, label, len(rows), tuple(rows))
