"""What the editors of settings share: choices kept elsewhere, and refusals by the label of a field."""

from __future__ import annotations

from billing.client_billing import about_service
from data.definitions import BadDefinition
from data.errors import BadInput
from pages.components import definition_form, frame
from pages.settings.kinds import STAGES, Setting
from security import settings


def in_words(failure: BadDefinition, setting: Setting) -> BadInput:
    """What is wrong, by the label of the field on screen."""
    place = [part for part in failure.facts["place"]]  # type: ignore[attr-defined]
    labels = [f"line {part + 1}" if isinstance(part, int) else definition_form.label_of(str(part), setting.fields)
              for part in place]  # fmt: skip
    said = f"{', '.join(labels)}: {failure.facts['said']}." if labels else f"{failure.facts['said']}."
    return BadInput(problem=said[0].upper() + said[1:])


def choices(source: str) -> dict[str, str]:
    """What a field may hold that is kept elsewhere: ``service:slug``, ``location:name``, ``stage``."""
    if source == "stage":
        return dict(STAGES)
    kind, _, kept = source.partition(":")
    if kind == "people":
        return about_service(by=frame.actor()).people
    found = settings.entries(kind, by=frame.actor())
    if kept == "category":
        return {name: name for name in sorted({str(entry.body["category"]) for entry in found}) if name}
    names = {entry.slug: str(entry.body.get("name") or entry.body.get("label")) for entry in found}
    return names if kept == "slug" else {name: name for name in names.values()}
