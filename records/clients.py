"""Clients: the responsible people. Adding, changing, opening, restricting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from sqlalchemy import func, select

from data.errors import EditedMeanwhile
from data.models import Client, Patient
from data.session import ClinicSession
from records import custom
from records.access import client_for
from records.checks import check_email, check_phone, check_texts, clean, require
from records.family import family
from records.search import full_name, refresh
from security.actor import Actor
from security.rules import act, look, remembered
from security.viewing import note_view

OWNER_TYPES = {
    "public": "Private person", "rescue": "Rescue", "caretaker": "Feral caretaker", "shelter": "Shelter",
}  # fmt: skip


@dataclass(frozen=True)
class ClientForm:
    """What a person enters about a client. Human clinics leave ``owner_type`` as it is."""

    last_name: str
    first_name: str = ""
    phone: str = ""
    other_phone: str = ""
    email: str = ""
    address: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    owner_type: str = "public"
    caution: str = ""

    def cleaned(self) -> ClientForm:
        """Checked and without outer blanks. Raises Missing, TooLong, CardNumberTyped, BadEmail, BadPhone."""
        form = replace(self, **{name: clean(value) for name, value in asdict(self).items()})
        require("The last name", form.last_name)
        check_texts(
            {
                "The first name": (form.first_name, 120), "The last name": (form.last_name, 120),
                "The phone": (form.phone, 40), "The other phone": (form.other_phone, 40),
                "The e-mail": (form.email, 254), "The address": (form.address, 1_000), "The city": (form.city, 120),
                "The state or region": (form.region, 80), "The postal code": (form.postal_code, 20),
                "The kind of client": (form.owner_type, 20), "The caution": (form.caution, 300),
            }
        )  # fmt: skip
        check_email(form.email)
        check_phone(form.phone)
        check_phone(form.other_phone)
        return form


@dataclass(frozen=True)
class OpenedClient:
    """A client with what the Info tab shows. ``merged`` are the numbers of clients merged into this one."""

    client: Client
    patients: list[Patient]
    answers: dict[str, custom.Answer] = field(default_factory=dict)
    merged: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        """First and last name."""
        return full_name(self.client)


def add(form: ClientForm, *, answers: Mapping[str, object] | None = None, by: Actor, key: str | None = None) -> str:
    """Add a client with the next free number; returns the id.

    Raises Missing, TooLong, CardNumberTyped, BadEmail, BadPhone, BadAnswer, NotPermitted.
    """
    with act(by, "clients.edit", key=key) as work:
        if work.repeated:
            return str(work.result)
        client = insert(work.session, form)
        custom.save_form(work.session, "client", client.id, answers, new=True)
        work.audit("client.added", "client", client.id, number=client.number)
        work.result = client.id
        return client.id


def insert(session: ClinicSession, form: ClientForm) -> Client:
    """The row itself, inside the transaction of a rule. Raises what the form's check raises."""
    client = Client(**asdict(form.cleaned()), number=next_number(session))
    session.add(client)
    session.flush()
    refresh(session, client)
    return client


def next_number(session: ClinicSession) -> int:
    """The next free client number. The clinic's head row is locked first, so that two never get the same."""
    session.head()
    statement = select(func.max(Client.number))
    return (session.scalar(statement, execution_options={"include_deleted": True}) or 1000) + 1


def change(
    client_id: str,
    form: ClientForm,
    *,
    version: int,
    answers: Mapping[str, object] | None = None,
    by: Actor,
    key: str | None = None,
) -> None:
    """Change a client the person saw at ``version``.

    Raises EditedMeanwhile, NotFound, RestrictedRecord and what ``add`` raises.
    """
    with act(by, "clients.edit", key=key) as work:
        if work.repeated:
            return
        session = work.session
        client = client_for(session, client_id, by)
        if client.version != version:
            raise EditedMeanwhile(who=_last_editor(session, client.id), what="client")
        changed = [name for name, value in asdict(form.cleaned()).items() if getattr(client, name) != value]
        for name in changed:
            setattr(client, name, getattr(form.cleaned(), name))
        _rename_own_patients(session, client)
        changed += custom.save_form(session, "client", client.id, answers)
        if changed:
            _touch(client)
            refresh(session, client)
            work.audit("client.changed", "client", client.id, fields=changed)


def open_client(client_id: str, *, by: Actor) -> OpenedClient:
    """A client with patients and custom fields; of a merged client, the one that stayed. The reading is audited.

    Raises NotFound, RestrictedRecord, NotPermitted.
    """
    opened = _opened(client_id, by=by)
    note_view(by, "client", opened.client.id)
    return opened


@remembered("clients.view")
def _opened(client_id: str, *, by: Actor) -> OpenedClient:
    with look(by, "clients.view") as session:
        client = client_for(session, client_id, by)
        statement = select(Patient).where(Patient.client_id == client.id)
        order = (Patient.died_on.is_not(None), Patient.is_client.desc(), Patient.name)
        patients = list(session.scalars(statement.order_by(*order)))
        merged = session.scalars(select(Client.number).where(Client.merged_into_id == client.id)).all()
        return OpenedClient(client, patients, custom.values(session, "client", client.id), sorted(merged))


def restrict(client_id: str, restricted: bool, *, reason: str, by: Actor, key: str | None = None) -> None:
    """Close a client's record to everyone who does not break the glass, or open it again.

    Raises Missing, TooLong, CardNumberTyped, NotFound, RestrictedRecord, NotPermitted.
    """
    require("The reason", reason)
    check_texts({"The reason": (reason, 300)})
    with act(by, "security.break_glass", key=key) as work:
        if work.repeated:
            return
        client = client_for(work.session, client_id, by)
        client.restricted = restricted
        work.audit("client.restricted" if restricted else "client.released", "client", client.id, reason=reason)


def _rename_own_patients(session: ClinicSession, client: Client) -> None:
    """A patient who is their own client bears the client's name."""
    statement = select(Patient).where(Patient.client_id.in_(family(session, client.id)), Patient.is_client.is_(True))
    for patient in session.scalars(statement):
        patient.name = full_name(client)[:120]


def _touch(client: Client) -> None:
    """Move the version on although only custom fields changed, so that a second editor notices."""
    from sqlalchemy.orm.attributes import flag_modified

    flag_modified(client, "caution")


def _last_editor(session: ClinicSession, client_id: str) -> str:
    from data.models import AuditLog, User

    statement = (
        select(User.name)
        .join(AuditLog, AuditLog.user_id == User.id)
        .where(AuditLog.entity == "client", AuditLog.entity_id == client_id, AuditLog.action != "client.viewed")
        .order_by(AuditLog.seq.desc())
        .limit(1)
    )
    return session.scalar(statement) or "Somebody else"
