"""A campaign's texts made ready once, as launching and sending use them: which fields they name, what of them needs a
permission, what may have changed by the time they go out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from campaigns.merging import FIELDS, Recipient, values_of
from campaigns.settings import Purpose, Template
from campaigns.templates import Compiled, Rendered, check, compile, kind_of
from data.session import ClinicSession
from security.profile import profile

WAY_OUT = "unsubscribe_link"
_SAMPLE = "https://example.org/u/x"
_PHI = frozenset(name for name, one in FIELDS.items() if one.phi)
_MAY_CHANGE = frozenset(("next_visit_day", "next_visit_time", "due_day"))


@dataclass(frozen=True)
class Text:
    """One template, ready for all its recipients."""

    compiled: Compiled

    @property
    def fields(self) -> frozenset[str]:
        """The merge fields whose values it needs; the way out is put in by whoever sends."""
        return self.compiled.fields - {WAY_OUT}

    @property
    def names_phi(self) -> bool:
        """Whether it names something protected to those who permitted it."""
        return bool(self.compiled.fields & _PHI)

    @property
    def volatile(self) -> frozenset[str]:
        """Its fields that tell of a visit or of what is due, and are asked again when it goes out."""
        return self.compiled.fields & _MAY_CHANGE

    @property
    def has_way_out(self) -> bool:
        """Whether it holds a link by which one wants no more of it."""
        return WAY_OUT in self.compiled.fields

    def write(self, values: Mapping[str, str], *, names_phi: bool, way_out: str = _SAMPLE) -> Rendered:
        """The text of one recipient. Raises UnresolvedField."""
        return self.compiled.render({**values, WAY_OUT: way_out}, names_phi=names_phi)


def ready(session: ClinicSession, template: Template, purpose: Purpose) -> Text:
    """Make a template ready. Raises CannotSend, TooLarge."""
    paper = profile(session).paper
    return Text(compile(template, kind=kind_of(session), purpose=purpose, paper=paper))


def values_for(
    session: ClinicSession, recipients: Sequence[Recipient], fields: Collection[str]
) -> dict[str, dict[str, str]]:
    """The values of fields by client, read for all at once."""
    return {one.client_id: told for one, told in values_of(session, recipients, fields).items()}


def problems(session: ClinicSession, template: Template) -> list[tuple[str, bool]]:
    """What its author should know about a template, and whether that keeps it from being sent."""
    found = check(template, kind_of(session))
    return [(f"{template.label}, {one.place.lower()}: {one.words}", one.stops) for one in found]
