"""``/documents/<id>``: nobody without a session, nobody without the right, nothing that runs."""

import httpx
import pytest

from data import definitions
from data.session import write
from records import clients, documents
from records.clients import ClientForm
from security import audit
from security.actor import Actor
from security.clinics import NewClinic, create_clinic
from security.roles import ROLE, Role

PDF = b"%PDF-1.7\n%%EOF\n"


@pytest.fixture
def kept(served):
    """A document of a client, one for administrators, and one of another clinic."""
    with served.clinic() as clinic:
        sam = clinic.actor("sam")
        client_id = clients.add(ClientForm("Lee"), by=sam)
        mine = documents.attach(client_id, 'a"\r\nb.html', b"<script>alert(1)</script>", by=sam)
        restricted = documents.attach(client_id, "a.pdf", PDF, access="administrators", by=clinic.actor("adam"))
        other = Actor.operator(create_clinic(NewClinic(f"other-{client_id[-6:]}", "Other")))
        theirs = documents.attach(clients.add(ClientForm("Ray"), by=other), "a.pdf", PDF, by=other)
    return {"mine": mine, "restricted": restricted, "theirs": theirs}


def get(served, document_id, username=None, **options):
    cookies = served.cookies(username) if username else {}
    return httpx.get(f"{served.url}/documents/{document_id}", cookies=cookies, **options)


def test_a_stranger_gets_nothing(served, kept):
    for cookies in ({}, {"ballast_session": "forged"}):
        answer = httpx.get(f"{served.url}/documents/{kept['mine']}", cookies=cookies)
        assert answer.status_code == 401
        assert b"alert" not in answer.content


def test_the_right_person_gets_it_whole_with_nothing_that_can_run(served, kept):
    answer = get(served, kept["mine"], "sam")
    assert (answer.status_code, answer.content) == (200, b"<script>alert(1)</script>")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "script-src 'self'" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("inline; filename*=UTF-8''")
    assert "\r" not in disposition
    assert '"' not in disposition


def test_what_is_not_for_them_is_not_there_for_them(served, kept):
    assert get(served, kept["restricted"], "adam").status_code == 200
    assert get(served, kept["restricted"], "sam").status_code == 404
    assert get(served, kept["theirs"], "olive").status_code == 404
    assert get(served, "0197b5a0-0000-7000-8000-000000000000", "olive").status_code == 404
    assert get(served, "..%2f..%2fhome.json", "olive").status_code in (400, 404)


def test_a_role_that_may_not_see_clients_is_refused(served, kept):
    with served.clinic() as clinic, write(clinic.id) as session:
        role = Role(label="Bookkeeper", permissions=["reports.view"])
        definitions.save(session, ROLE, "bookkeeper", role, by_user_id=None)
        from sqlalchemy import select

        from data.models import User

        user = session.scalars(select(User).where(User.username == "mona")).one()
        user.role = "bookkeeper"
        session.flush()
        audit.append(session, clinic.operator, "user.role", "user", user.id)
    try:
        assert get(served, kept["mine"], "mona").status_code == 403
    finally:
        with served.clinic() as clinic, write(clinic.id) as session:
            session.get_one(type(user), (clinic.id, user.id)).role = "manager"
            session.flush()
            audit.append(session, clinic.operator, "user.role", "user", user.id)


def test_after_sign_out_the_same_cookie_opens_nothing(served, kept):
    from security import sessions

    cookies = served.cookies("sam")
    assert httpx.get(f"{served.url}/documents/{kept['mine']}", cookies=cookies).status_code == 200
    with served.clinic():
        sessions.sign_out(cookies["ballast_session"])
    assert httpx.get(f"{served.url}/documents/{kept['mine']}", cookies=cookies).status_code == 401
