"""What launching and sending ask of templates: compile once, tell values for many, render one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from campaigns.settings import Template
from data.errors import BadInput
from data.session import ClinicSession


class UnresolvedValue(BadInput):
    """The merge field {field} is empty for this recipient."""


@dataclass(frozen=True)
class Written:
    """A text as one recipient gets it."""

    subject: str
    text: str
    html: str = ""


class Ready(Protocol):
    """A template, compiled once for all its recipients."""

    @property
    def fields(self) -> frozenset[str]:
        """The merge fields it names."""

    @property
    def names_phi(self) -> bool:
        """Whether it says something that needs the client's permission on its channel."""

    @property
    def volatile(self) -> frozenset[str]:
        """Those of its fields that tell of an appointment, and are asked again when it goes out."""

    def write(self, values: Mapping[str, Any]) -> Written:
        """The text of one recipient; raises UnresolvedValue."""


@dataclass(frozen=True)
class About:
    """One recipient, and the patients the message is about."""

    client_id: str
    patient_ids: tuple[str, ...] = ()


class Texts(Protocol):
    """Templates as launching and sending use them."""

    def compile(self, session: ClinicSession, template: Template, purpose: str) -> Ready:
        """A template ready to be rendered for many; raises what is wrong with it."""

    def values(
        self, session: ClinicSession, recipients: Sequence[About], fields: frozenset[str]
    ) -> dict[str, dict[str, Any]]:
        """The values of these fields by client, read for all at once."""

    def problems(self, session: ClinicSession, template: Template) -> list[str]:
        """What keeps a template from being sent, in sentences."""


@dataclass
class _Engine:
    texts: Texts | None = field(default=None)


_engine = _Engine()


def use_texts(texts: Texts | None) -> None:
    """Let these be the templates."""
    _engine.texts = texts


def texts() -> Texts:
    """The templates in use."""
    assert _engine.texts is not None, "no templates are registered"
    return _engine.texts
