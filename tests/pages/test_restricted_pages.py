"""A restricted record on screen: no page tells of it, and each that would open it shows the way in for an emergency."""

import pytest
from sqlalchemy import select

from data.models import OutboxMessage, User
from data.session import read, write
from security.permissions import DEFAULT_ROLES
from tests import everything
from tests.conftest import PASSWORD, PEOPLE
from tests.screen import opened
from tests.security import permission_table as table

CANARY = "Zephyrine"
ADDRESS = {"clients/new_patient.py": "client"}
"""The parameter that is not ``id``."""
RECORDS = {
    "clients/client.py": "client_id", "clients/patient.py": "patient_id", "clients/new_patient.py": "client_id",
    "today/visit.py": "appointment_id", "today/ticket.py": "invoice_id", "money/invoice.py": "invoice_id",
}  # fmt: skip


@pytest.fixture
def kept(sqlite_clinic):
    return everything.record(sqlite_clinic, CANARY, restricted=True)


def address(kept, script) -> dict[str, str]:
    return {ADDRESS.get(script, "id"): getattr(kept, RECORDS[script])} if script in RECORDS else {}


def said(block) -> str:
    """Everything a run sent to the browser, the data of components included."""
    parts = [str(getattr(block, "proto", ""))]
    for child in getattr(block, "children", {}).values():
        parts.append(said(child))
    return " ".join(parts)


@pytest.mark.parametrize("name", ["sam", pytest.param("adam", marks=pytest.mark.slow)])
def test_no_page_tells_of_a_restricted_record(sqlite_clinic, kept, name):
    for pages in table.navigation().SECTIONS.values():
        for page in pages:
            if not page.opens_for(DEFAULT_ROLES[PEOPLE[name][0]][2]):
                continue
            query = address(kept, page.script)
            words = said(opened(sqlite_clinic, name, page.script, **query)._tree)
            assert len(words) > 200, page.script
            assert CANARY.lower() not in words.lower() and "0109977" not in words, (page.script, name)


def test_each_page_of_the_record_shows_the_way_in_and_one_breaking_opens_them_all(sqlite_clinic, kept):
    with write(sqlite_clinic.id) as session:
        session.scalars(select(User).where(User.username == "olive")).one().email = "olive@example.org"
        everything.seal(session, sqlite_clinic)
    for script in RECORDS:
        at = opened(sqlite_clinic, "adam", script, **address(kept, script))
        assert at.title[0].value == "Restricted record", script
        assert [one.key for one in at.text_input][-2:] == ["glass_reason", "glass_password"], script
        at = opened(sqlite_clinic, "sam", script, **address(kept, script))
        assert at.title[0].value == "Restricted record" and not at.text_input, script
    at = opened(sqlite_clinic, "adam", "clients/patient.py", id=kept.patient_id)
    at.text_input("glass_reason").input("Seizing at the front desk")
    at.text_input("glass_password").input(PASSWORD)
    next(one for one in at.button if one.label == "Open the record").click().run()
    assert not at.exception and at.title[0].value == CANARY
    with read(sqlite_clinic.id) as session:
        mails = session.scalars(select(OutboxMessage).where(OutboxMessage.purpose == "alert")).all()
        assert [mail.recipient for mail in mails] == ["olive@example.org"]
    for script in RECORDS:
        for key, value in address(kept, script).items():
            at.query_params[key] = value
        at.switch_page(script)
        at.run()
        assert not at.exception and at.title[0].value != "Restricted record", script
