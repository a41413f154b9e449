"""A way out works for years, without a sign-in, and for nobody else's address."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from campaigns.links import Out, address_hash, clinic_in, read_token, token
from data.session import read, write
from security import audit
from security.actor import Actor
from security.clinic_secrets import keep_secret, links_key, secret

KEY = bytes(32)


def test_a_token_names_its_clinic_and_address_and_takes_no_other(clinic):
    with read(clinic.id) as session:
        assert read_token(session, token(KEY, Out(clinic.id, "sms", "0" * 32))) is None, "nothing was signed here yet"
    with write(clinic.id) as session:
        key = links_key(session)
        audit.append(session, Actor.worker(clinic.id), "secret.drawn", "clinic", "", {})
    out = Out(clinic.id, "email", address_hash(key, "email", "Ann@Example.org "))
    text = token(key, out)
    assert clinic_in(text) == clinic.id and len(text) < 100
    with read(clinic.id) as session:
        assert links_key(session) == key
        assert read_token(session, text) == out
        for wrong in (
            text[:-2] + ("AA" if text[-2:] != "AA" else "BB"),
            text + "A",
            "",
            "é",
            text[4:],
            "A" * len(text),
        ):
            assert read_token(session, wrong) is None


def test_one_address_has_one_name_however_it_is_written():
    assert address_hash(KEY, "email", " ANN@example.org") == address_hash(KEY, "email", "ann@example.org")
    assert address_hash(KEY, "sms", "+1 (555) 010-0199") == address_hash(KEY, "sms", "+15550100199")
    for typed in ("(555) 010-0199", "5550100199", "1 555 010 0199", "\uff0b1 555 010 0199"):  # one phone rings
        assert address_hash(KEY, "sms", typed) == address_hash(KEY, "sms", "+15550100199"), typed
    assert address_hash(KEY, "sms", "+44 20 7946 0018") != address_hash(KEY, "sms", "+1 20 7946 0018")
    assert address_hash(KEY, "email", "a@B\u00fccher.example") == address_hash(KEY, "email", "a@xn--bcher-kva.example")
    assert address_hash(KEY, "letter", "1 Main St,\nTown") == address_hash(KEY, "letter", "1 main st town")
    assert address_hash(KEY, "email", "a@example.org") != address_hash(KEY, "sms", "a@example.org")


@given(st.text())
def test_whatever_stands_in_the_address_of_the_way_out_is_no_fault(text):
    assert clinic_in(text) == "" or len(clinic_in(text)) == 36


def test_a_secret_is_kept_encrypted_and_forgotten_by_an_empty_one(clinic):
    with write(clinic.id) as session:
        keep_secret(session, "vault", "green-lake-42")
        audit.append(session, Actor.worker(clinic.id), "secret.kept", "clinic", "", {})
    with read(clinic.id) as session:
        assert secret(session, "vault") == "green-lake-42"
        assert secret(session, "sms") == ""
