"""How long paper is kept: a definition an administrator changes."""

from __future__ import annotations

from pydantic import Field

from data import definitions
from data.session import ClinicSession


class PaperRules(definitions.Document):
    """Settings > Paper. Federal rules want two years for drug records; a state may want more."""

    drug_log_years: int = Field(default=2, ge=2, le=25)


PAPER = definitions.register("paper-rules", "Paper", PaperRules)


def paper_rules(session: ClinicSession) -> PaperRules:
    """The current rules; the shipped ones where none were saved."""
    return definitions.load_all(session, PAPER).get("paper") or PaperRules()
