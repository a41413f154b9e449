"""Published forms: each version on each paper is an edition with a number, kept for good, and what its codes are made
with.

An edition is made when a form is first printed on a paper, or when it is published. It is never changed: its zones are
those of the paper that lies in a drawer for years.
"""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import func, select

from data import definitions
from data.engine import database
from data.errors import BadInput, NotFound
from data.models import Clinic, FormEdition, PageKey
from data.session import ClinicSession
from data.types import clock
from forms.definition import BOXED, Form
from forms.field_setting import Order
from forms.gate import check_readable
from forms.layout import lay_out, lay_out_slip
from forms.placed import Layout, Zone, zones_of
from forms.press import Plate
from forms.settings import FORM, form
from forms.targets import check_targets, custom_targets
from forms.token import CodeRefused, PageCode, claimed, slip_token, token, verified
from security.actor import Actor
from security.profile import profile
from security.rules import act, look
from security.settings import check_slug

_ABOUT = b"ballast page key"


@dataclass(frozen=True)
class Edition:
    """One published form on one paper. ``pages`` are sizes and zones; ``repeats`` says that its one page continues."""

    number: int
    form: str
    version: int
    paper: str
    pages: list[tuple[tuple[float, float], list[Zone]]]
    body: Form
    repeats: bool
    key_number: int

    def page(self, number: int) -> tuple[tuple[float, float], list[Zone]]:
        """Size and zones of a page, counted from 1."""
        return self.pages[0 if self.repeats else number - 1]

    def boxes(self, number: int) -> list[Zone]:
        """The boxes of a page that the machine reads."""
        return [zone for zone in self.page(number)[1] if zone.type in BOXED]


@dataclass(frozen=True)
class Published:
    """What publishing made (version 0: nothing yet) and what was checked before: how many pages on which paper, boxes
    read back, how far from its place one stood at most in mm, and how many answers have a place in the records."""

    version: int
    furthest: float
    pages: int = 0
    boxes: int = 0
    answers: int = 0
    paper: str = ""


def publish(
    slug: str, document: Form | dict[str, Any], *, expected: int, by: Actor, comment: str = "", key: str | None = None
) -> Published:
    """Publish a form: read its blank print back, then keep it as the next version with its edition on the clinic's
    paper. Raises BadDefinition, BadTarget, DoesNotFit, TooManyPages, NotReadableYet, EditedMeanwhile, NotPermitted.
    """
    parsed, layout, found = _checked(slug, document, by)
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return replace(found, version=int(work.result))
        session = work.session
        version = definitions.save(
            session, FORM, slug, parsed, by_user_id=by.user_id, comment=comment[:300], expected=expected
        )
        session.flush()
        row = _kept(session, slug, version, parsed, found.paper, layout, by)
        work.audit("form.published", "form", row.id, form=slug, version=version, edition=row.number)
        work.result = version
        return replace(found, version=version)


def check(slug: str, document: Form | dict[str, Any], *, by: Actor) -> Published:
    """What ``publish`` checks, without publishing. Raises what it raises."""
    return _checked(slug, document, by)[2]


def _checked(slug: str, document: Form | dict[str, Any], by: Actor) -> tuple[Form, Layout, Published]:
    with look(by, "settings.edit") as session:
        paper, order = paper_and_order(session)
        custom = custom_targets(session)
    check_slug(slug)
    parsed = FORM.parse(document.model_dump(mode="json") if isinstance(document, Form) else document, slug)
    landing = check_targets(parsed, custom)
    layout = layout_of(parsed, paper, order)
    if parsed.slip:
        return parsed, layout, Published(0, 0.0, 1, 0, landing, paper)
    read = check_readable(slug, parsed.title, layout, parsed)
    return parsed, layout, Published(0, read.furthest, read.pages, read.boxes, landing, paper)


def plates(slugs: list[str], *, by: Actor) -> dict[str, tuple[Plate, Edition]]:
    """The forms ready to print on the clinic's paper; makes the editions that are missing. Raises NotFound,
    NotReadableYet, NotPermitted."""
    with look(by, "outage.print") as session:
        paper, order = paper_and_order(session)
        wanted = {slug: form(session, slug) for slug in slugs}
        laid = {slug: layout_of(one, paper, order) for slug, (one, _) in wanted.items()}
        there: dict[str, Edition] = {}
        for slug, (_, version) in wanted.items():
            row = _there(session, slug, version, paper, laid[slug])
            if row is not None:
                there[slug] = _edition(row)
        keys = page_keys(session)
    missing = [slug for slug in slugs if slug not in there]
    if missing:
        for slug in missing:
            if not wanted[slug][0].slip:
                check_readable(slug, wanted[slug][0].title, laid[slug])
        there |= _make(missing, paper, order, by)
        with look(by, "outage.print") as session:
            keys = page_keys(session)
    return {slug: _plate(there[slug], laid[slug], keys[there[slug].key_number]) for slug in slugs}


def _make(slugs: list[str], paper: str, order: Order, by: Actor) -> dict[str, Edition]:
    made: dict[str, Edition] = {}
    with act(by, "outage.print") as work:
        for slug in slugs:
            body, version = form(work.session, slug)
            layout = layout_of(body, paper, order)
            if not version:
                version = definitions.save(work.session, FORM, slug, body, by_user_id=None, comment="as shipped")
                work.session.flush()
            row = _there(work.session, slug, version, paper, layout)
            if row is None:
                row = _kept(work.session, slug, version, body, paper, layout, by)
                work.audit("form.edition", "form", row.id, form=slug, version=version, edition=row.number)
            made[slug] = _edition(row)
    return made


def identify(session: ClinicSession, text: str) -> tuple[PageCode, Edition]:
    """What page a code names, once its hash fits; raises CodeRefused."""
    code = claimed(text)
    row = session.scalars(select(FormEdition).where(FormEdition.number == code.edition)).one_or_none()
    if row is None:
        raise CodeRefused()
    key = page_keys(session).get(row.key_number)
    if key is None:
        raise CodeRefused()
    verified(text, key)
    edition = _edition(row)
    if not edition.repeats and code.of != len(edition.pages):
        raise CodeRefused()
    return code, edition


def edition_of(session: ClinicSession, number: int) -> Edition:
    """An edition by its number; raises NotFound."""
    found = editions_of(session, {number}).get(number)
    if found is None:
        raise NotFound(what="form edition", name=number)
    return found


_opened: dict[str, Edition] = {}
"""By the row's id: an edition never changes, so it is read once by a process."""


def editions_of(session: ClinicSession, numbers: Collection[int]) -> dict[int, Edition]:
    """Several editions by their numbers; one that does not exist is left out."""
    ids = select(FormEdition.number, FormEdition.id).where(FormEdition.number.in_(numbers))
    known: dict[int, str] = dict(session.execute(ids).tuples().all()) if numbers else {}
    new = [one for one in known.values() if one not in _opened]
    if new:
        _opened.update(
            {row.id: _edition(row) for row in session.scalars(select(FormEdition).where(FormEdition.id.in_(new)))}
        )
    return {number: _opened[one] for number, one in known.items()}


def paper_and_order(session: ClinicSession) -> tuple[str, Order]:
    """The clinic's paper, and how it writes dates."""
    clinic = session.get_one(Clinic, session.clinic_id)
    order: Order = "mdy" if clinic.locale.endswith(("_US", "_PH")) else "dmy"
    if clinic.locale.startswith(("zh", "ja", "ko", "sv", "hu", "lt")):
        order = "ymd"
    return profile(session).paper, order


def layout_of(body: Form, paper: str, order: Order) -> Layout:
    """A form laid out; a slip as a slip."""
    return lay_out_slip(body, paper, order) if body.slip else lay_out(body, paper, order)


def reseal(session: ClinicSession, old: bytes, new: bytes) -> int:
    """Seal the page keys under another installation key, when that is changed; returns how many. Printed paper stays
    readable."""
    rows = session.scalars(select(PageKey)).all()
    for row in rows:
        row.sealed = seal_page_key(open_page_key(row.sealed, old), new)
    return len(rows)


def _there(session: ClinicSession, slug: str, version: int, paper: str, layout: Layout) -> FormEdition | None:
    statement = select(FormEdition).where(
        FormEdition.form == slug, FormEdition.form_version == version, FormEdition.paper == paper,
        FormEdition.sha256 == layout.sha256(), FormEdition.key_number.in_(page_keys(session)),
    )  # fmt: skip
    return session.scalars(statement).first()


def _kept(
    session: ClinicSession, slug: str, version: int, body: Form, paper: str, layout: Layout, by: Actor
) -> FormEdition:
    there = _there(session, slug, version, paper, layout)
    if there is not None:
        return there
    number = (session.scalar(select(func.max(FormEdition.number))) or 0) + 1
    row = FormEdition(
        number=number, form=slug, form_version=version, paper=paper, key_number=_current_key(session),
        body=body.model_dump(mode="json"), layout=layout.document(), sha256=layout.sha256(), event_at=clock.now(),
        by_user_id=by.user_id,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def _current_key(session: ClinicSession) -> int:
    """The newest key that opens here; another one where none does, as after an import without the old root key."""
    opened = page_keys(session)
    if opened:
        return max(opened)
    number = (session.scalar(select(func.max(PageKey.number))) or 0) + 1
    session.add(PageKey(number=number, sealed=seal_page_key(os.urandom(32), database().home.key("token"))))
    session.flush()
    return number


def page_keys(session: ClinicSession) -> dict[int, bytes]:
    """The keys of printed pages that open under this installation's key, by number."""
    under = database().home.key("token")
    found = {}
    for row in session.scalars(select(PageKey)):
        with contextlib.suppress(PageKeyClosed):
            found[row.number] = open_page_key(row.sealed, under)
    return found


class PageKeyClosed(BadInput):
    """The key of printed pages cannot be opened with this installation's key. Bring back the key file that belongs to
    this data."""

    exit_code = 4


def seal_page_key(key: bytes, under: bytes) -> str:
    """The key of printed pages as it is kept."""
    nonce = os.urandom(12)
    return base64.b64encode(nonce + AESGCM(under).encrypt(nonce, key, _ABOUT)).decode()


def open_page_key(sealed: str, under: bytes) -> bytes:
    """The key itself. Raises PageKeyClosed."""
    raw = base64.b64decode(sealed)
    try:
        return AESGCM(under).decrypt(raw[:12], raw[12:], _ABOUT)
    except (InvalidTag, ValueError):
        raise PageKeyClosed() from None


def _edition(row: FormEdition) -> Edition:
    body = FORM.parse(row.body, row.form)
    pages = zones_of(row.layout)
    repeats = bool(row.layout.get("lines"))
    return Edition(row.number, row.form, row.form_version, row.paper, pages, body, repeats, row.key_number)


def _plate(edition: Edition, layout: Layout, key: bytes) -> tuple[Plate, Edition]:
    def of_page(page: int, of: int, serial: int) -> str:
        return token(PageCode(edition.number, page, of, serial), key)

    def of_slip(part: int, _of: int, serial: int) -> str:
        return slip_token(serial, part, key)

    code: Callable[[int, int, int], str] = of_slip if edition.body.slip else of_page
    return Plate(edition.form, edition.version, edition.body.title, layout, code, edition.body.slip), edition
