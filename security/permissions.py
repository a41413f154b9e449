"""Every permission there is, in the words an administrator reads on the role screen.

Adding one: a line here, the call site (``act(by, "area.verb")``), a row in docs/security.md, a test.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Permission:
    """One thing a role may do. ``action`` completes the sentence "Your role may not …"."""

    name: str
    action: str
    help: str = ""
    owner_only: bool = False

    @property
    def area(self) -> str:
        """The group it is shown under."""
        return self.name.split(".")[0]


AREAS = {
    "clients": "Clients and patients",
    "notes": "Notes",
    "appointments": "Appointments",
    "flow": "Patient flow",
    "drugs": "Drug log",
    "billing": "Checkout and money",
    "staff": "Staff",
    "outage": "Outage and paper",
    "reconciliation": "Reconciliation",
    "reports": "Reports",
    "campaigns": "Campaigns",
    "settings": "Settings",
    "security": "Users and security",
    "data": "Import, export, backup",
    "account": "The account",
}

_ALL = (
    Permission("clients.view", "see clients and patients"),
    Permission("clients.edit", "add and change clients and patients"),
    Permission("clients.merge", "merge two clients", "Moves every record of one client to another."),
    Permission("clients.documents", "attach documents"),
    Permission("notes.write", "write notes"),
    Permission("notes.clinicians", "read notes for clinicians"),
    Permission("notes.administrators", "read notes for administrators"),
    Permission("appointments.view", "see the roster and appointments"),
    Permission("appointments.book", "book, move and cancel appointments"),
    Permission("appointments.overbook", "book beyond the capacity of a day"),
    Permission("flow.view", "see patient flow"),
    Permission("flow.move", "move patients through the stages"),
    Permission("flow.record", "record exams, surgery, recovery and discharge"),
    Permission("drugs.view", "see the drug log"),
    Permission("drugs.log", "log drugs drawn, given and wasted, and count bottles"),
    Permission("drugs.correct", "correct drug log lines", "By a reversing line; nothing is erased."),
    Permission("drugs.bottles", "receive, open, adjust and close bottles"),
    Permission("billing.view", "see charges and payments"),
    Permission("billing.checkout", "check out: charge services and take payment"),
    Permission("billing.discount", "give discounts and change prices at checkout"),
    Permission("billing.refund", "refund, void or forgive"),
    Permission("billing.invoice", "create and send invoices", "Besides those assigned to client billing by name."),
    Permission("billing.invoices", "see all invoices of the clinic"),
    Permission("billing.funds", "record money received for grants and vouchers"),
    Permission("staff.view", "see staff profiles"),
    Permission("staff.edit", "change staff profiles", "Everyone may change their own contact details."),
    Permission("outage.declare", "declare and close an outage"),
    Permission("outage.print", "print forms and packs"),
    Permission("outage.scan", "scan and review pages"),
    Permission("outage.enter", "enter paper records"),
    Permission("reconciliation.use", "reconcile card batches and deposits"),
    Permission("reconciliation.lock", "close and lock a period"),
    Permission("reports.view", "run reports"),
    Permission("reports.others", "see the work of others in reports", "Without it reports hold only one's own rows."),
    Permission("reports.money", "see money in reports"),
    Permission("reports.export", "take report results out as files"),
    Permission("reports.build", "build and change reports"),
    Permission(
        "reports.schedule", "mail reports on a schedule", "With the rights of one person, to people and addresses."
    ),
    Permission("reports.sql", "ask in SQL", "Over copies of the tables without names, notes and contact details."),
    Permission("campaigns.use", "run campaigns"),
    Permission("settings.edit", "change settings"),
    Permission("security.users", "invite, disable and reset users, and sign them out"),
    Permission("security.roles", "change what roles may do"),
    Permission("security.audit", "read the audit log"),
    Permission("security.break_glass", "open restricted records in an emergency"),
    Permission("security.displays", "set up wall boards and shared stations"),
    Permission("data.import", "import files"),
    Permission("data.export", "export the whole clinic"),
    Permission("data.backup", "make and check backups"),
    Permission("account.transfer", "hand the account to another owner", owner_only=True),
    Permission("account.close", "close the account", owner_only=True),
)

PERMISSIONS: dict[str, Permission] = {permission.name: permission for permission in _ALL}

_STAFF = {
    "clients.view", "clients.edit", "clients.documents", "notes.write", "appointments.view", "appointments.book",
    "flow.view", "flow.move", "flow.record", "drugs.view", "drugs.log", "billing.view", "billing.checkout",
    "staff.view", "outage.print", "outage.scan", "outage.enter",
}  # fmt: skip
_CLINICIAN = _STAFF | {"notes.clinicians", "drugs.correct", "drugs.bottles"}
_MANAGER = _STAFF | {
    "clients.merge", "appointments.overbook", "billing.discount", "billing.refund", "billing.invoice",
    "billing.invoices", "billing.funds", "drugs.correct", "drugs.bottles", "outage.declare", "reconciliation.use",
    "reconciliation.lock",
    "reports.view", "reports.others", "reports.money", "reports.export", "security.displays",
}  # fmt: skip
_ADMINISTRATOR = {p.name for p in _ALL if not p.owner_only}
_OWNER = set(PERMISSIONS)

DEFAULT_ROLES: dict[str, tuple[str, bool, frozenset[str]]] = {
    # slug: (label, signs in with a second factor, permissions)
    "owner": ("Owner", True, frozenset(_OWNER)),
    "administrator": ("Administrator", True, frozenset(_ADMINISTRATOR)),
    "manager": ("Manager", False, frozenset(_MANAGER)),
    "clinician": ("Clinician", False, frozenset(_CLINICIAN)),
    "staff": ("Staff", False, frozenset(_STAFF)),
}

DISPLAY_MAY = frozenset({"flow.view"})
"""What a wall board may read; it may write nothing."""
