"""Which processor (or account) a file belongs to, and what its settings say about days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from zoneinfo import ZoneInfo

from billing.processors.settings import Processor
from billing.processors.settings import processors as processors
from data.errors import BadInput, NotFound
from data.models import Clinic
from data.session import ClinicSession


class ProcessorUnclear(BadInput):
    """There are several processors this file can come from: {names}. Say which one it is."""


@dataclass(frozen=True)
class Terms:
    """A processor as the landing needs it."""

    slug: str
    label: str
    zone: ZoneInfo
    cut_off: time | None = None


def terms_of(session: ClinicSession, clinic: Clinic, kind: str, wanted: str, *, otherwise: str) -> Terms:
    """The processor of a file: the one that is named, else the only one of its type, else one by the source's own
    name, for a clinic that has set none up. Raises NotFound, ProcessorUnclear."""
    known = processors(session)
    if wanted:
        slug = wanted.strip().lower()
        if slug not in known and known:
            raise NotFound(what="processor", name=wanted)
        return _terms(slug[:80], known.get(slug), clinic)
    fitting = {slug: one for slug, one in known.items() if kind and one.type == kind and one.active}
    if len(fitting) > 1:
        raise ProcessorUnclear(names=", ".join(sorted(fitting)))
    if fitting:
        slug, found = next(iter(fitting.items()))
        return _terms(slug, found, clinic)
    return _terms(otherwise.removeprefix("mapping:")[:80], None, clinic)


def _terms(slug: str, found: Processor | None, clinic: Clinic) -> Terms:
    if found is None:
        return Terms(slug, slug, ZoneInfo(clinic.zone))
    cut_off = time.fromisoformat(found.cut_off) if found.cut_off else None
    return Terms(slug, found.label, ZoneInfo(found.zone or clinic.zone), cut_off)
