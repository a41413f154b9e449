"""A preview shows a client, so it is for who may see clients."""

import pytest
from sqlalchemy import select

from campaigns.previews import preview, send_test
from campaigns.settings import Template
from data import definitions
from data.errors import NotPermitted
from data.models import Client, OutboxMessage, User
from data.session import read, write
from security.roles import ROLE, Role
from tests.campaigns.launched import launched

TEMPLATE = Template(label="Hello", subject="Hi", body="Hello {{ client_name }}")


def test_who_may_not_see_clients_sees_no_template_with_the_values_of_one(sqlite_clinic):
    """A role that runs campaigns alone read names, animals and visits of anybody here."""
    clinic = sqlite_clinic
    _, (client,) = launched(clinic, [("sent", "a", "")])
    assert "Kim0 Vane" in preview(TEMPLATE, client, by=clinic.actor("adam")).made.text
    with write(clinic.id) as session:
        definitions.save(session, ROLE, "writer", Role(label="Writer", permissions=["campaigns.use"]), by_user_id=None)
        session.scalars(select(User).where(User.username == "sam")).one().role = "writer"
        session.scalars(select(User).where(User.username == "sam")).one().email = "sam@example.org"
    sam = clinic.actor("sam")
    assert "Kim Rivera" in preview(TEMPLATE, by=sam).made.text, "made-up values"
    for look in (preview, send_test):
        with pytest.raises(NotPermitted):
            look(TEMPLATE, client, by=sam)
    with read(clinic.id) as session:
        assert not session.scalars(select(OutboxMessage).where(OutboxMessage.purpose == "test")).all()
        assert session.get_one(Client, (clinic.id, client)).first_name == "Kim0"
