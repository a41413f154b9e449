"""Who acts: a signed-in person, a job of the worker, or the operator at the command line."""

from __future__ import annotations

from dataclasses import dataclass

TRUSTED = ("command", "worker", "demo", "portal", "snapshot")
"""Sources that act for the product itself where no person stands behind them."""


@dataclass(frozen=True)
class Actor:
    """The acting party of one rule call. A person has a user and a session; a job a job id; the operator neither.

    ``name`` is what the audit log shows for those without a user. ``within`` narrows what the person may do, where
    their work goes to somebody who may do less; ``own`` is whose rows count as their own there.
    """

    clinic_id: str
    source: str
    user_id: str | None = None
    session_id: str | None = None
    job_id: str | None = None
    name: str = ""
    within: frozenset[str] | None = None
    own: str | None = None

    @staticmethod
    def operator(clinic_id: str) -> Actor:
        """Whoever may run the command on this machine: owner's rights, audited as ``operator``."""
        return Actor(clinic_id, "command", name="operator")

    @staticmethod
    def worker(clinic_id: str, job_id: str | None = None) -> Actor:
        """The background worker."""
        return Actor(clinic_id, "worker", job_id=job_id, name="worker")

    @staticmethod
    def job_of(clinic_id: str, user_id: str, *, within: frozenset[str] | None = None, own: str | None = None) -> Actor:
        """A job that acts for a person, with what that person may do at the time."""
        return Actor(clinic_id, "worker", user_id, within=within, own=own)

    @staticmethod
    def portal(clinic_id: str, name: str) -> Actor:
        """The product on behalf of a client who is signed in to the portal (``billing/portal``), after it made sure
        that what it does is theirs."""
        return Actor(clinic_id, "portal", name=name)

    @staticmethod
    def snapshot(clinic_id: str, name: str) -> Actor:
        """The product on behalf of a computer that keeps the offline snapshot, which it knows by its token."""
        return Actor(clinic_id, "snapshot", name=f"snapshot on {name}")

    @property
    def is_trusted(self) -> bool:
        """Whether this is the product itself or the operator, who need no role."""
        return self.user_id is None and self.session_id is None and self.source in TRUSTED
