"""``ballast schema``: what the files an administrator may write look like, as JSON schema."""

from __future__ import annotations

import json
from typing import Any

import click

from billing.settlement.mapping import SettlementMapping
from campaigns.settings import Campaign, Segment, Template
from commands.context import common
from records.mapping import ImportMapping
from reports.spec import ReportSpec
from watcher import settings as watcher

DOCUMENTS: dict[str, type[Any]] = {
    "mapping": SettlementMapping, "import-mapping": ImportMapping, "report-spec": ReportSpec, "campaign": Campaign,
    "segment": Segment, "template": Template,
}  # fmt: skip
"""Name to document: ``mapping`` for settlements and bank statements, ``import-mapping`` for everything else."""
WATCH = "watch"
"""The watcher's own file (TOML), which it describes itself."""


@click.command()
@click.argument("name", type=click.Choice(sorted([*DOCUMENTS, WATCH])))
@common
def schema(name: str) -> None:
    """Print the JSON schema of a file you may write."""
    document = watcher.schema() if name == WATCH else DOCUMENTS[name].model_json_schema()
    click.echo(json.dumps(document, indent=1))
