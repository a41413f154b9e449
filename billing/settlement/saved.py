"""Mappings of settlements and bank statements a clinic keeps: saved, exported and imported as one readable file."""

from __future__ import annotations

from pathlib import Path

from billing.settlement.mapping import NAME, SETTLEMENT_MAPPING, SettlementMapping
from data import definitions
from data.errors import BadInput
from records.mapping import read_definition
from security.actor import Actor
from security.rules import act, look

PLAIN = "plain"


def saved_mappings(*, by: Actor) -> dict[str, SettlementMapping]:
    """The clinic's mappings by slug."""
    with look(by, "reconciliation.use") as session:
        return definitions.load_all(session, SETTLEMENT_MAPPING)


def find_mapping(name: str, *, by: Actor) -> SettlementMapping:
    """A mapping by its saved name, or out of a TOML or JSON file. Raises BadInput, BadDefinition."""
    name = name.removeprefix("mapping:")
    known = saved_mappings(by=by)
    found = known.get(name) or known.get(slug_of(name))
    return found or SETTLEMENT_MAPPING.parse(read_definition(Path(name)), Path(name).name)


def save_mapping(name: str, mapping: SettlementMapping, *, by: Actor, key: str | None = None) -> int:
    """Keep a mapping for the next file of the same make; returns its version number."""
    slug = slug_of(name)
    if not slug or slug == PLAIN:
        raise BadInput(problem="Give the mapping a name of its own, such as the name of the bank or program.")
    with act(by, "reconciliation.use", key=key) as work:
        if work.repeated:
            return int(work.result)
        document = mapping.model_copy(update={"label": name.strip()[:120]})
        number = definitions.save(work.session, SETTLEMENT_MAPPING, slug, document, by_user_id=by.user_id)
        work.audit("mapping.saved", NAME, slug, of=mapping.of, number=number)
        work.result = number
        return number


def read_mapping_text(text: str, name: str) -> SettlementMapping:
    """A mapping out of the text of its file. Raises BadDefinition."""
    return SETTLEMENT_MAPPING.parse(definitions.from_file(text, name), name)


def export_mapping(slug: str, *, by: Actor) -> str:
    """A saved mapping as one readable file. Raises NotFound."""
    with look(by, "reconciliation.use") as session:
        document = definitions.load(session, SETTLEMENT_MAPPING, slug)
    return definitions.to_file(document.model_dump(mode="json"))


def slug_of(name: str) -> str:
    """The slug of a mapping's name."""
    return "-".join("".join(sign if sign.isalnum() else " " for sign in name.lower()).split())[:80]
