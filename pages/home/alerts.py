"""Home of the administrator: what needs a look, each a link to the page that helps."""

from __future__ import annotations

from campaigns import recurring, trouble
from outage import vault
from pages.components import frame, show
from pages.home.cards import Card, Wait, cards
from pages.home.links import Link
from security.alerts import alerts

HELPS = {
    "users": (Link("settings/users.py", "users"), "Open users"),
    "reviews": (Link("settings/reviews.py", "reviews"), "Review"),
    "backups": (Link("settings/backups.py", "backups"), "Open backups"),
    "reconciliation": (Link("money/reconciliation.py", "reconciliation"), "Open reconciliation"),
    "vault": (Link("settings/vault.py", "vault"), "Open the Vault"),
    "mail": (Link("settings/mail.py", "mail"), "Open mail"),
    "text-messages": (Link("settings/text_messages.py", "text-messages"), "Open text messages"),
    "do-not-contact": (Link("settings/do_not_contact.py", "do-not-contact"), "Open the mailbox"),
    "undelivered": (Link("settings/undelivered.py", "undelivered"), "Decide"),
    "subscriptions": (Link("reporting/subscriptions.py", "subscriptions"), "Open subscriptions"),
}
GRADES = {"danger": "Urgent", "warning": "Look soon"}


def draw(may: frozenset[str]) -> None:
    """Draw it."""
    found = alerts(by=frame.actor())
    if "settings.edit" in may:
        found = vault.alarms(by=frame.actor()) + found + trouble.alarms(by=frame.actor())
    lines = [Wait(GRADES[alert.grade], alert.sentence, HELPS[alert.page][1], HELPS[alert.page][0]) for alert in found]
    urgent = sum(alert.grade == "danger" for alert in found)
    lines[urgent:urgent] = _not_launched() if "campaigns.use" in may else []
    title = f"Needs a look ({len(lines)})" if lines else "Needs a look"
    nothing = "Nothing. Nobody is locked out, backups are fresh, and every task has run."
    cards([Card(title, lines, nothing, shape="5.5rem minmax(0, 1fr) auto")], key="home_alerts")


def _not_launched() -> list[Wait]:
    """Campaigns that should have gone out by themselves and did not."""
    return [
        Wait(
            GRADES["warning"], f"{one.label} did not go out on {show.day(one.day)}. {one.why}", "Open campaign",
            Link("campaigns/campaign.py", "campaign", {"name": one.slug}),
        )
        for one in recurring.failures(by=frame.actor())
    ]  # fmt: skip
