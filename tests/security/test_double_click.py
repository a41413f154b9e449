"""A double click on every save: the second one writes nothing and answers as the first did."""

from __future__ import annotations

import ast
import importlib
import inspect
import typing

import pytest

from appointments.clinical import Reading
from billing.payments import Tender
from data.models import ChainHead, Clinic, Definition, Idempotency, UserSession
from data.session import read, write
from records.clients import ClientForm
from records.patients import PatientForm
from security.rules import who
from tests import everything
from tests.conftest import PASSWORD
from tests.security import permission_table as table
from tests.security.test_permission_table import stand_in
from tests.security.test_staff import PNG

LATE = {"ClientForm": ClientForm, "PatientForm": PatientForm}
"""Named by modules that import them for types only."""
KEY = "the form's key"
OTHERWISE = {
    "billing.processors.fetch.fetch_settlements": "asks first; what is here stays: tests/billing/processors",
    "billing.processors.orders.give_back": "as refund_at_processor",
    "billing.processors.orders.refund_at_processor": "answers how its order stands: tests/billing/processors",
    "outage.snapshot_devices.add_computer": "the code is shown once and not kept: the second click says so",
    "security.devices.make_code": "the code is shown once and not kept: the second click says so",
    "security.own_access.set_second_factor": "a code works once; security.second_factor.confirm keeps the key",
    "security.second_factor.confirm": "checks the code first, and a code works once",
    "records.imports.import_file": "has a test of its own in tests/records/test_imports.py",
    "billing.settlement.files.import_settlement": "has a test of its own in tests/settlement/test_landing.py",
    "billing.settlement.files.import_bank": "as above",
    "billing.settlement.land.land_settlement": "as above",
    "billing.settlement.land_bank.land_bank": "as above",
    "outage.status_page.post_incident": "the watcher keeps the key: tests/outage/test_status_page.py",
    "security.settings.import_setting": "reads the file first",
    "security.role_matrix.import_role": "reads the file first",
    "security.break_glass.review": "finds the opening first; a reviewed one is refused",
    "security.devices.revoke": "finds the screen first; one that was taken away stays so",
    "security.invitations.invite": "gives the same link again: tests/security/test_users.py",
    "security.invitations.invite_again": "gives the same link again: tests/security/test_users.py",
    "security.invitations.reset_password": "gives the same link again: tests/security/test_users.py",
    "forms.editions.publish": "lays the form out and reads it back first: tests/outage/test_printing.py",
    "forms.designs.roll_back_form": "publishes, as above, after it found the version",
    "outage.rehearsal.rehearse.hand_in": "finds the stack first, receive takes the key: tests/outage/test_rehearsal.py",
    "outage.vault.send_now": "looks whether there is anybody first: tests/outage/test_vault.py",
    "outage.printing.print_for_roster": "prints the same serials again: tests/outage/test_printing.py",
    "outage.printing.print_for_appointment": "prints the same serials again: tests/outage/test_printing.py",
    "outage.printing.print_blank": "prints the same serials again: tests/outage/test_printing.py",
    "outage.printing.print_stock": "prints the same serials again: tests/outage/test_printing.py",
    "outage.printing.print_jobs": "prints the same serials again: tests/outage/test_printing.py",
    "outage.print_runs.print_again": "prints the same serials again: tests/outage/test_print_runs.py",
    "outage.pack.make_pack": "prints the same serials again: tests/outage/test_print_runs.py",
    "security.account.close_account": "asks for the clinic's name first; a closed account is closed",
}


def keyed() -> list[table.Rule]:
    """Every public rule that takes the key of a form."""
    found = []
    for rule in table.rules():
        if "key" in inspect.signature(getattr(importlib.import_module(rule.module), rule.name)).parameters:
            found.append(rule)
    return found


def arguments(function, values) -> tuple[list[object], dict[str, object]]:
    hints = typing.get_type_hints(inspect.unwrap(function), localns=LATE)
    plain, named = [], {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is not parameter.empty and name != "key":
            continue
        value = values[name] if name in values else stand_in(hints.get(name))
        if parameter.kind is parameter.KEYWORD_ONLY:
            named[name] = value
        else:
            plain.append(value)
    return plain, named


def answer(rule: table.Rule, values: dict[str, object]) -> object:
    """What the first click left under the key, in the shape the rule reads it back in."""
    returns = typing.get_type_hints(getattr(importlib.import_module(rule.module), rule.name), localns=LATE).get(
        "return"
    )
    if "Taken" in str(returns):
        taken = {"payment_id": values["payment_id"], "reference": "P-1", "amount_cents": 1, "change_cents": 0}
        return [taken] if "list" in str(returns) else taken
    if rule.title == "security.invitations.invite":
        return values["user_id"]
    if rule.title == "security.settings.save_definition":
        return {"a reason for it": 7, values["slug"]: 7}
    return {int: 7, str: "seven", type(None): None}.get(returns, {"a": 1} if "dict" in str(returns) else ["one", "two"])


def test_the_second_click_of_every_save_writes_nothing(sqlite_clinic):
    kept = everything.record(sqlite_clinic, "Typed", stage="ready")
    olive = sqlite_clinic.actor("olive")
    values: dict[str, object] = {name: getattr(kept, name) for name in kept.__dataclass_fields__}
    values |= {"by": olive, "user_id": sqlite_clinic.users["sam"], "password": PASSWORD, "current": PASSWORD,
               "new": "amber-walnut-harbor-58", "pin": "274918", "to_user_id": sqlite_clinic.users["adam"],
               "stays_id": kept.client_id, "goes_id": kept.patient_id, "session_id": olive.session_id,
               "confirmation": "Harbor Spay & Neuter", "access": "everyone", "content": b"words of a letter",
               "username": "nina", "role": "staff", "to_stage": "died", "reason": "written down twice",
               "title": "A letter", "tender": Tender("cash"), "part": "AM", "reading": Reading("in_surgery", pain=1),
               "kind": "species", "email": "a@example.org", "image": PNG}  # fmt: skip
    with write(sqlite_clinic.id) as session:
        role = session.query(Definition).filter_by(kind="role").first()
        values |= {"slug": role.slug}
        assert session.get_one(UserSession, (sqlite_clinic.id, olive.session_id))
        session.get_one(Clinic, sqlite_clinic.id).is_demo = True  # so that an owner may have a PIN and no second factor
        everything.seal(session, sqlite_clinic)
    wrong = []
    rules = [rule for rule in keyed() if rule.title not in OTHERWISE]
    assert len(rules) > 70
    for number, rule in enumerate(rules):
        values["key"] = f"{KEY} {number}"
        with write(sqlite_clinic.id) as session:
            for ask in table.asked(rule):
                permission = "own" if ask == table.OWN else ask
                done = {"who": who(olive), "permission": permission, "result": answer(rule, values)}
                session.add(Idempotency(key=str(values["key"]), **done))
            everything.seal(session, sqlite_clinic)
        before = _head(sqlite_clinic)
        function = getattr(importlib.import_module(rule.module), rule.name)
        plain, named = arguments(function, values)
        try:
            function(*plain, **named)
        except Exception as failure:
            wrong.append(f"{rule.title}: {failure!r}"[:200])
        if _head(sqlite_clinic) != before:
            wrong.append(f"{rule.title}: wrote something")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_is_left_out_exists(name):
    assert name in {rule.title for rule in keyed()}


def test_every_save_of_a_page_hands_on_its_key_or_the_version_that_was_seen():
    rules = {(rule.module, rule.name) for rule in keyed()}
    missing, seen = [], 0
    for path in sorted((table.ROOT / "pages").rglob("*.py")):
        tree = ast.parse(path.read_text())
        names = table.imported(tree)
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            head, _, rest = ast.unparse(call.func).partition(".")
            place = f"{names.get(head, '')}.{rest}".rstrip(".").rpartition(".")
            if (place[0], place[2]) not in rules:
                continue
            seen += 1
            if not {"key", "version", "expected", None} & {keyword.arg for keyword in call.keywords}:
                missing.append(f"{path.relative_to(table.ROOT)}:{call.lineno} {place[2]}")
    assert seen > 60
    assert not missing, "\n".join(missing)


def _head(clinic) -> int:
    """How long the audit log is: a change without a row in it cannot be committed."""
    with read(clinic.id) as session:
        return session.get_one(ChainHead, clinic.id).audit_seq
