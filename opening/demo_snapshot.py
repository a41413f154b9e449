"""The demo's snapshot computers: one that refreshed a moment ago, one that has been off for days. Nobody holds their
tokens."""

from __future__ import annotations

from datetime import timedelta

from data.models import SnapshotDevice
from data.session import ClinicSession
from data.types import clock


def keep(session: ClinicSession) -> None:
    """Within the demo's setting up."""
    now = clock.now()
    for number, (name, ago) in enumerate(
        (("Front desk", timedelta(minutes=4)), ("Surgery prep laptop", timedelta(days=3, hours=2))), start=1
    ):
        session.add(
            SnapshotDevice(
                name=name, token_hash=f"{number:064x}", enrolled_at=now - timedelta(days=40), refreshed_at=now - ago
            )
        )
