"""docs/security.md holds: what it says about roles, pages and actions is what the rules really do."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import importlib
import inspect
import struct
import types
import typing
from decimal import Decimal
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from data.errors import NotPermitted, Refusal
from data.models import ChainHead
from data.session import read
from data.types import clock
from security.permissions import DEFAULT_ROLES, PERMISSIONS
from security.rules import act, authorize, look
from tests.conftest import PEOPLE
from tests.security import permission_table as table

TEXT = table.DOCUMENT.read_text()
PERSON = {role: person for person, (role, _) in PEOPLE.items()}
LABELS = {role: label for role, (label, _, _) in DEFAULT_ROLES.items()}
CHECKS_ITSELF = {
    "security.looks.is_new": "remembers who looked at what, and reads nothing",
    "security.confirm.confirm_password": "asks for the actor's own password and nothing else",
    "security.reach.check_not_self": "compares two ids",
    "security.viewing.note_view": "writes the audit row of a read that a rule has allowed",
    "records.access.may_read": "compares what it is given",
    "reports.sql_tables.reader_of": "narrows the rights it is given",
}

PICTURE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 2, 2)


def test_the_document_says_what_the_program_would_write():
    written = TEXT.split(table.BEGIN)[1].split(table.END)[0].strip()
    assert written == table.render(), "run: python -m tests.security.permission_table"


def test_every_cell_of_the_permissions_is_what_the_rules_answer(clinic):
    rows = table.parse(TEXT, "What each role may do")
    assert [row["Permission"].strip("`") for row in rows] == list(PERMISSIONS)
    for role, person in PERSON.items():
        by = clinic.actor(person)
        with read(clinic.id) as session:
            for row in rows:
                name = row["Permission"].strip("`")
                if row[LABELS[role]] == "yes":
                    assert name in authorize(session, by, name), (role, name)
                else:
                    with pytest.raises(NotPermitted):
                        authorize(session, by, name)
        refused = [name for name in PERMISSIONS if name not in DEFAULT_ROLES[role][2]]
        for name in refused[:3]:
            with pytest.raises(NotPermitted), act(by, name):
                pass
            with pytest.raises(NotPermitted), look(by, name):
                pass


def test_every_page_is_listed_with_what_it_needs():
    listed = {row["Path"].strip("`/"): row for row in table.parse(TEXT, "Which pages each role sees")}
    pages = [page for section in table.navigation().SECTIONS.values() for page in section]
    assert set(listed) == {page.path for page in pages}
    for page in pages:
        row = listed[page.path]
        for name in table.needed(page):
            assert name in PERMISSIONS and name in row["Needs"]
        for role, (label, _, held) in DEFAULT_ROLES.items():
            assert (row[label] == "yes") == page.opens_for(held), (page.path, role)


def test_every_public_rule_checks_in_its_own_transaction():
    found = table.rules()
    assert len(found) > 100
    unchecked = {rule.title for rule in found if not table.checked(rule)}
    assert unchecked == unchecked & set(CHECKS_ITSELF), unchecked - set(CHECKS_ITSELF)
    unknown = {(rule.title, name) for rule in found for name in rule.asks if name != table.OWN} - {
        (rule.title, name) for rule in found for name in rule.asks if name in PERMISSIONS
    }
    assert not unknown


def stand_in(annotation: object) -> object:
    """A value of this type that gets past the first glance."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return stand_in(next(part for part in parts if part is not type(None)))
    if origin is not None:
        if origin is typing.Literal:
            return parts[0]
        annotation = origin
    plain = {
        str: "a reason for it", int: 1, float: 1.0, bool: False, bytes: PICTURE, dict: {}, list: [],
        tuple: (), set: set(), frozenset: frozenset(),
        dt.date: clock.today("America/New_York"), dt.datetime: clock.now(), dt.time: dt.time(9),
        Decimal: Decimal(1), Path: Path("nowhere"),
    }  # fmt: skip
    if annotation in plain:
        return plain[annotation]  # type: ignore[index]
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        hints = typing.get_type_hints(annotation)
        with contextlib.suppress(Exception):
            return annotation(**{
                one.name: stand_in(hints[one.name]) for one in dataclasses.fields(annotation)
                if one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
            })  # fmt: skip
    return MagicMock()


def call(rule: table.Rule, by: object) -> None:
    """Call a rule with stand-ins for everything but the actor."""
    function = getattr(importlib.import_module(rule.module), rule.name)
    hints = typing.get_type_hints(inspect.unwrap(function))
    arguments, named = [], {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name == "by":
            value: object = by
        elif parameter.default is not inspect.Parameter.empty or parameter.kind is parameter.VAR_KEYWORD:
            continue
        else:
            value = stand_in(hints.get(name))
        if parameter.kind is parameter.KEYWORD_ONLY:
            named[name] = value
        else:
            arguments.append(value)
    result = function(*arguments, **named)
    if inspect.isgenerator(result):
        next(result)
    elif hasattr(result, "__enter__"):
        with result:
            pass


@pytest.mark.parametrize("role", [role for role in DEFAULT_ROLES if role != "owner"])
def test_no_rule_can_be_called_by_a_role_without_its_permission(sqlite_clinic, role):
    by = sqlite_clinic.actor(PERSON[role])
    held = DEFAULT_ROLES[role][2]
    leaks, early, asked = [], [], 0
    before = _head(sqlite_clinic)
    for rule in table.rules():
        asks = table.asked(rule)
        if not asks or table.OWN in asks or rule.unclear or asks & held:
            continue
        asked += 1
        try:
            call(rule, by)
        except NotPermitted:
            continue
        except Refusal as refusal:
            early.append(f"{rule.title}: {refusal}")
        except Exception as failure:
            leaks.append(f"{rule.title}: {failure!r}")
        else:
            leaks.append(f"{rule.title}: was carried out")
    assert not leaks, "\n".join(leaks)
    assert _head(sqlite_clinic) == before, "a refused rule wrote something"
    assert len(early) <= asked // 4 + 1, "too many refuse before they check: " + "\n".join(early)


def _head(clinic) -> tuple[int, int]:
    with read(clinic.id) as session:
        head = session.get_one(ChainHead, clinic.id)
        return head.change, head.audit_seq
