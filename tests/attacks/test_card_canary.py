"""A card number pushed through every door, one at a time; then every row, file and line of the log is searched."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import inspect
import re
from typing import Any

import pytest
from sqlalchemy import text

from billing.payments import Tender
from billing.settlement.files import import_bank, import_settlement
from data.engine import database
from data.models import ChainHead, OutboxMessage
from data.models.base import Base
from data.session import read
from messages.outbox import content_of
from security.actor import Actor
from tests import everything
from tests.security import permission_table as table
from tests.security.test_double_click import arguments

CARD = "4111 1111 1111 1111"
SHAPES = (CARD, "4111-1111-1111-1111", "4111111111111111", "paid 4111.1111.1111.1111 by phone")
DIGITS = "4111111111111111"
SKIPPED = ("rehearsal", "close_account")
"""Hours of a practice clinic, and the end of this one."""
NOT_KEPT = {"password", "current", "new", "pin", "key", "secret", "codes", "source", "reader"}
"""Only their hash is kept, they name the click, or the program says where something came from."""
PARTS = {"security.viewing.note_view", "reports.audited.note", "reports.run.audit_run"}
"""Write what the rule that calls them did, in words of its own."""


def holds(value: object) -> bool:
    """Whether the digits stand in it, whatever stands between them."""
    said = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return DIGITS in re.sub(r"[^0-9A-Za-z]", "", said)


def rows_with_it() -> list[str]:
    """Table and column of every value in the database that holds it, as the engine reads them."""
    found = []
    with database().engine.connect() as connection:
        for one in Base.metadata.sorted_tables:
            for row in connection.execute(text(f"SELECT * FROM {one.name}")).mappings():
                found += [f"{one.name}.{name}" for name, value in row.items() if value is not None and holds(value)]
        connection.rollback()
    return found


def files_with_it(clinic) -> list[str]:
    """Files of the home that hold it, or are named so; the database itself is read above."""
    files = [path for path in clinic.home.path.rglob("*") if path.is_file()]
    return [
        str(path) for path in files if holds(path.name) or (path.stat().st_size < 1 << 22 and holds(path.read_bytes()))
    ]


def change(clinic) -> int:
    with read(clinic.id) as session:
        return session.get_one(ChainHead, clinic.id).change


def with_card(value: Any, shape: str) -> list[Any]:
    """The value again and again, each time with the card in another of its texts."""
    if isinstance(value, str):
        return [shape]
    if isinstance(value, list | tuple) and (not value or isinstance(value[0], str)):
        return [type(value)([shape])]
    if isinstance(value, dict):
        return [value | {"notes": shape}]
    if isinstance(value, Actor):
        return []
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        made = []
        for part in dataclasses.fields(value):
            for one in with_card(getattr(value, part.name), shape) if part.init and part.name not in NOT_KEPT else ():
                with contextlib.suppress(Exception):
                    made.append(dataclasses.replace(value, **{part.name: one}))
        return made
    return []


def attacks(function, values, shape):
    """Every call of a rule with the card in one of the texts it takes, those it need not be given as well."""
    plain, named = arguments(function, values)
    for place, value in enumerate(plain):
        for one in with_card(value, shape):
            yield [*plain[:place], one, *plain[place + 1 :]], named
    parameters = inspect.signature(function).parameters
    for name, value in named.items():
        if name not in NOT_KEPT | {"by"}:
            for one in with_card(value, shape):
                yield plain, named | {name: one}
    for name, parameter in parameters.items():
        if isinstance(parameter.default, str) and name not in NOT_KEPT:
            yield plain, named | {name: shape}


@pytest.mark.slow
@pytest.mark.parametrize("shape", [SHAPES[2], SHAPES[0]])
def test_no_rule_keeps_a_card_number_in_any_text_it_takes(sqlite_clinic, capfd, shape):
    clinic = sqlite_clinic
    kept = everything.record(clinic, "Typed", stage="ready")
    by = clinic.operator
    values: dict[str, object] = {name: getattr(kept, name) for name in kept.__dataclass_fields__}
    values |= {"by": by, "user_id": clinic.users["sam"], "tender": Tender("cash"), "cents": 100, "amount_cents": 100,
               "kind": "species", "access": "everyone", "to_stage": "discharged", "role": "staff", "part": "AM",
               "email": "a@example.org", "invoice_ids": [kept.invoice_id]}  # fmt: skip
    kept_by, tried, before = {}, 0, change(clinic)
    for rule in table.rules():
        if rule.title in PARTS or any(word in rule.title for word in SKIPPED):
            continue
        function = getattr(importlib.import_module(rule.module), rule.name)
        for number, (plain, named) in enumerate(attacks(function, values, shape)):
            tried += 1
            with contextlib.suppress(Exception):
                function(*plain, **named | ({"key": f"{rule.title} {number}"} if "key" in named else {}))
            now = change(clinic)
            if now != before:
                before = now
                for place in set(rows_with_it()) - set(kept_by):
                    kept_by[place] = rule.title
    assert tried > 300
    assert not kept_by, "\n".join(f"{place}: {rule}" for place, rule in sorted(kept_by.items()))
    assert not files_with_it(clinic)
    with read(clinic.id) as session:
        assert not any(holds(content_of(row).text) for row in session.query(OutboxMessage))
    assert not holds(capfd.readouterr().err)


PLAIN = ("reference,amount,processed_at,settled_on,batch,last4,brand,authorization,invoice,status,kind,fee,"
         "description\n"
         "{0},12.00,2026-03-02T10:00:00Z,2026-03-03,{1},{2},{3},{4},{5},settled,sale,0.30,{6}\n")  # fmt: skip
OFX = """<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>USD<BANKACCTFROM><BANKID>{0}<ACCTID>{1}<ACCTTYPE>CHECKING
</BANKACCTFROM><BANKTRANLIST><DTSTART>20260301<DTEND>20260331<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20260303<TRNAMT>11.70
<FITID>{2}<CHECKNUM>{3}<REFNUM>{4}<NAME>{5}<MEMO>{6}</STMTTRN></BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
"""
MT940 = (":20:{0}\n:25:{1}\n:28C:{2}\n:60F:C260301USD0,00\n:61:2603030303C11,70NTRF{3}//{4}\n{5}\n:86:{6}\n"
         ":62F:C260331USD11,70\n")  # fmt: skip
BAI2 = ("01,{0},RECV,260303,1200,1,80,1,2/\n02,RECV,{1},1,260303,,USD,2/\n03,{2},USD,010,0,,/\n"
        "16,165,1170,,{3},{4},{5}\n88,{6}\n49,1170,4/\n98,1170,1,6/\n99,1170,1,8/\n")  # fmt: skip
BANKCSV = "date,amount,description,reference,check,{0},{1}\n2026-03-03,11.70,{2},{3},{4},{5},{6}\n"


@pytest.mark.parametrize("shape", [SHAPES[2], *(pytest.param(one, marks=pytest.mark.slow) for one in SHAPES[:2])])
def test_no_statement_brings_a_card_number_in(sqlite_clinic, shape):
    clinic, by = sqlite_clinic, sqlite_clinic.operator
    doors = [(PLAIN, import_settlement, {"make": "plain", "processor": "terminal"})]
    doors += [(OFX, import_bank, {}), (MT940, import_bank, {}), (BAI2, import_bank, {}), (BANKCSV, import_bank, {})]
    came_in = 0
    for number, (file, door, more) in enumerate(doors):
        for place in range(8):
            words = [f"A{number}{place}{index}" for index in range(7)]
            if place < 7:
                words[place] = shape
            name = f"{shape}.txt" if place == 7 else "file.txt"
            account = {"account": f"Main {number}"} if door is import_bank else {}
            with contextlib.suppress(Exception):
                door(file.format(*words).encode(), by=by, name=name, **account, **more)
                came_in += 1
            with contextlib.suppress(Exception):
                door(file.format(*words).encode() + b"\n", by=by, name=name, **more)
    assert came_in >= 5, "nothing came in at all"
    assert not rows_with_it() and not files_with_it(clinic)


@pytest.mark.slow
@pytest.mark.browser
def test_no_address_field_or_header_of_a_stranger_ends_in_the_log(served):
    import httpx

    with httpx.Client(base_url=served.url) as window:
        for shape in SHAPES[:3]:
            for path in (f"/portal/{shape}", f"/pay/{shape}", f"/portal/harbor/invoices/{shape}", f"/u/{shape}",
                         f"/nothing/{shape}", f"/portal/harbor?email={shape}", f"/receipts/{shape}"):  # fmt: skip
                assert window.get(path).status_code < 500
            for path in (f"/hooks/harbor/{shape}", "/hooks/harbor/stripe", "/portal/harbor", "/portal/harbor/code"):
                answer = window.post(path, data={"email": f"{shape}@x.org", "code": shape, "request": shape},
                                     headers={"User-Agent": shape, "Referer": f"http://x/{shape}"})  # fmt: skip
                assert answer.status_code < 500
    assert not holds(served.log.read_bytes())
