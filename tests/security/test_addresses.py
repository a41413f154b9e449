"""An id out of an address is whatever somebody typed: each rule that takes one answers with a sentence."""

import pytest

from appointments import clinical, drug_register, flow
from appointments.roster import open_appointment
from billing import checkout, tickets
from data.errors import NotFound, Refusal
from records import clients, documents, patients
from security import staff

NONE = "0197b5a0-0000-7000-8000-000000000000"
OPENS = {
    "client": clients.open_client, "patient": patients.open_patient, "document": documents.open_document,
    "visit": clinical.visit, "ticket": tickets.ticket, "ticket of a visit": checkout.open_ticket,
    "appointment": open_appointment, "staff": staff.staff_profile, "bottle": drug_register.register,
}  # fmt: skip
LISTS = {"timeline": flow.timeline, "readings": clinical.readings, "drugs of a visit": drug_register.of_visit}


@pytest.mark.parametrize("text", ["", "x", "../../etc/passwd", "1' OR '1'='1", "\u0000", NONE.upper() + "0", NONE])
def test_what_is_no_id_is_not_found(clinic, text):
    olive = clinic.actor("olive")
    for what, opens in OPENS.items():
        with pytest.raises(NotFound):
            opens(text, by=olive)
            pytest.fail(what)
    for lists in LISTS.values():
        assert lists(text, by=olive) == []
    with pytest.raises(Refusal):
        flow.advance(text, "ready", "checked_out", by=olive)
