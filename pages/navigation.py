"""Sign-in, then one table of pages: the map of the app.

This is the script ``st.App`` runs. It lies inside pages/ so that Streamlit globs nothing beside it; every page is in
a folder below and is reached only through the table, which shows people what their role opens. The rules check
permissions again, whatever the table says.
"""

from __future__ import annotations

import streamlit as st

from data.home import Home
from pages.components import banner, beside, draft_form, emergency, frame, search, sidebar, style
from pages.components.place import Page, not_open
from records.access import RestrictedRecord
from security.sessions import Person

_MAP = "_map"
HOME = Page("home/home.py", "Home", "home", None, "home")

SECTIONS: dict[str, tuple[Page, ...]] = {
    "Today": (
        HOME,
        Page("appointments/roster.py", "Roster", "list_alt", "appointments.view", "roster"),
        Page("appointments/calendar.py", "Appointments", "calendar_month", "appointments.view", "appointments"),
        Page("today/flow.py", "Patient flow", "view_kanban", "flow.view", "flow"),
        Page("today/checkout.py", "Checkout", "point_of_sale", "billing.view", "checkout"),
        Page("today/ticket.py", "Ticket", "receipt", "billing.view", "ticket", in_menu=False),
        Page("today/drug_log.py", "Drug log", "medication", "drugs.view", "drug-log"),
        Page("today/visit.py", "Clinical record", "stethoscope", "flow.view", "visit", in_menu=False),
        Page("clients/clients.py", "Clients & patients", "pets", "clients.view", "clients"),
        Page("clients/client.py", "Client", "person", "clients.view", "client", in_menu=False),
        Page("clients/patient.py", "Patient", "pets", "clients.view", "patient", in_menu=False),
        Page("clients/new_client.py", "Add client", "person_add", "clients.edit", "new-client", in_menu=False),
        Page("clients/new_patient.py", "Add patient", "add", "clients.edit", "new-patient", in_menu=False),
        Page("clients/merge.py", "Merge clients", "merge", "clients.merge", "merge-clients", in_menu=False),
    ),
    "Outage": (
        Page("paper/recovery.py", "Recovery board", "checklist", "outage.enter", "recovery", menu="Outage & paper"),
        Page("paper/scan.py", "Scan", "document_scanner", "outage.scan", "scan", beside="recovery"),
        Page("paper/review.py", "Review", "fact_check", "outage.scan", "review", beside="recovery"),
        Page("paper/back_entry.py", "Back entry", "keyboard", "outage.enter", "back-entry", beside="recovery"),
        Page("paper/slips.py", "Card slips", "credit_card", "outage.enter", "card-slips", beside="recovery"),
        Page("paper/print.py", "Print forms", "print", "outage.print", "print-forms", beside="recovery"),
        Page(
            "paper/readiness.py",
            "Readiness",
            "health_and_safety",
            ("settings.edit", "outage.declare"),
            "readiness",
            beside="recovery",
        ),
        Page("paper/practise.py", "Practise an outage", "school", "outage.print", "practise", in_menu=False),
    ),
    "Money": (
        Page("money/overview.py", "Money", "monitoring", "reports.money", "money"),
        Page("money/invoices.py", "Invoices", "receipt_long", "billing.invoices", "invoices"),
        Page("money/reconciliation.py", "Reconciliation", "balance", "reconciliation.use", "reconciliation"),
        Page("money/funds.py", "Grants & vouchers", "volunteer_activism", "billing.invoices", "grants"),
        Page("money/settlements.py", "Settlements", "account_balance", "reconciliation.use", "settlements"),
        Page("money/receivables.py", "Who owes what", "request_quote", "billing.invoices", "who-owes", in_menu=False),
        Page("money/invoice.py", "Invoice", "receipt", "billing.view", "invoice", in_menu=False),
    ),
    "Reports & campaigns": (
        Page("reporting/library.py", "Reports", "bar_chart", "reports.view", "reports"),
        Page("reporting/report.py", "Report", "table_chart", "reports.view", "report", in_menu=False),
        Page("reporting/sql.py", "Ask in SQL", "terminal", "reports.sql", "report-sql"),
        Page("reporting/subscriptions.py", "Subscriptions", "schedule_send", "reports.schedule", "subscriptions"),
        Page(
            "reporting/subscription.py",
            "Subscription",
            "schedule_send",
            "reports.schedule",
            "subscription",
            in_menu=False,
        ),
        Page("reporting/subscribe.py", "Subscribe", "schedule_send", "reports.schedule", "subscribe", in_menu=False),
        Page("reporting/dashboard.py", "Dashboard", "dashboard", "reports.view", "dashboard", in_menu=False),
        Page("reporting/versions.py", "Versions", "history", "reports.view", "report-versions", in_menu=False),
        Page("campaigns/campaigns.py", "Campaigns", "campaign", "campaigns.use", "campaigns"),
        Page("campaigns/campaign.py", "Campaign", "campaign", "campaigns.use", "campaign", in_menu=False),
        Page("reporting/builder.py", "Report builder", "edit", "reports.build", "report-builder", in_menu=False),
        Page("campaigns/segments.py", "Segments", "group_work", "campaigns.use", "segments", beside="campaigns"),
        Page("campaigns/templates.py", "Templates", "draft", "campaigns.use", "templates", beside="campaigns"),
        Page("campaigns/letters.py", "Letters", "mark_as_unread", "campaigns.use", "letters", beside="campaigns"),
        Page("campaigns/segment.py", "Segment", "group_work", "campaigns.use", "segment", in_menu=False),
        Page("campaigns/template.py", "Template", "draft", "campaigns.use", "template", in_menu=False),
    ),
    "Settings": (
        Page("staff/memos.py", "Memos", "campaign", None, "memos", in_menu=False),
        Page("staff/people.py", "Staff", "badge", "staff.view", "staff", in_menu=False),
        Page("staff/profile.py", "Staff profile", "badge", "staff.view", "staff-profile", in_menu=False),
        Page(
            "settings/index.py",
            "Settings",
            "settings",
            ("settings.edit", "security.users", "security.roles", "security.audit", "security.displays"),
            "settings",
        ),
        Page("settings/editor.py", "Setting", "tune", "settings.edit", "setting", in_menu=False),
        Page("settings/price_list.py", "Price list", "sell", "settings.edit", "price-list", in_menu=False),
        Page("settings/processors.py", "Card processors", "credit_card", "settings.edit", "processors", in_menu=False),
        Page("settings/vault.py", "The Vault", "lock_clock", "settings.edit", "vault", in_menu=False),
        Page("settings/status_page.py", "Status page", "monitor_heart", "settings.edit", "status-page", in_menu=False),
        Page("settings/do_not_contact.py", "Do not contact", "block", "settings.edit", "do-not-contact", in_menu=False),
        Page(
            "settings/undelivered.py", "Undelivered", "mark_email_unread", "settings.edit", "undelivered", in_menu=False
        ),
        Page("settings/text_messages.py", "Text messages", "sms", "settings.edit", "text-messages", in_menu=False),
        Page("settings/mail.py", "Mail", "outgoing_mail", "settings.edit", "mail", in_menu=False),
        Page("settings/snapshots.py", "Snapshot computers", "offline_pin", "settings.edit", "snapshots", in_menu=False),
        Page("settings/flow_stages.py", "Flow stages", "view_kanban", "settings.edit", "flow-stages", in_menu=False),
        Page("settings/forms.py", "Forms", "description", "settings.edit", "forms", in_menu=False),
        Page("settings/form_designer.py", "Form", "edit_document", "settings.edit", "form-designer", in_menu=False),
        Page("settings/users.py", "Users", "group", "security.users", "users", in_menu=False),
        Page("settings/roles.py", "Roles", "shield_person", "security.roles", "roles", in_menu=False),
        Page("settings/screens.py", "Displays and stations", "tv", "security.displays", "displays", in_menu=False),
        Page("account/my_account.py", "My account", "account_circle", None, "my-account", in_menu=False),
        Page("settings/sessions.py", "Signed in now", "devices", "security.users", "signed-in", in_menu=False),
        Page("settings/audit.py", "Audit log", "receipt_long", "security.audit", "audit-log", in_menu=False),
        Page("settings/backups.py", "Backups", "backup", "data.backup", "backups", in_menu=False),
        Page("settings/imports.py", "Import files", "upload_file", "data.import", "import-files", in_menu=False),
        Page("settings/export.py", "Export the clinic", "archive", "data.export", "export", in_menu=False),
        Page("settings/reviews.py", "Emergency access", "emergency", "security.audit", "reviews", in_menu=False),
    ),
}


def main() -> None:
    """One run of the app."""
    st.set_page_config(page_title="Ballast", layout="wide")
    style.apply()
    who = _entrance()
    if who is None:
        return
    may = who.may
    if st.session_state.get(_MAP, (None,))[0] != may:
        st.session_state[_MAP] = may, *_map(may)
    _, menu, places = st.session_state[_MAP]
    current = st.navigation(menu, expanded=True)
    draft_form.turn_page(current.url_path)
    sidebar.draw(who, may)
    search.draw(may, places)
    banner.draw(may, at=current.url_path)
    beside.draw(SECTIONS.values(), may, at=current.url_path)
    with frame.refusals():
        try:
            current.run()
        except RestrictedRecord as refusal:
            emergency.wall(refusal, may)


def _map(may: frozenset[str]) -> tuple[dict[str, list[st.Page]], list[search.Place]]:
    """The menu by section with the pages outside it under no name, and what the search may find.

    Made once per session and set of rights: looking 35 scripts up on the disk costs as much as drawing a small page.
    """
    menu: dict[str, list[st.Page]] = {}
    hidden, places = [], []
    for section, pages in SECTIONS.items():
        shown = []
        for page in pages:
            if not page.opens_for(may):
                hidden.append(st.Page(not_open, title="Not open to you", url_path=page.path, visibility="hidden"))
                continue
            first = beside.first(page, pages, may)
            in_menu = page.in_menu and page is first
            built = st.Page(
                page.script,
                title=beside.entry(page, pages) if in_menu else page.title,
                icon=f":material/{page.icon}:",
                url_path=page.path,
                default=page is HOME,
                visibility="visible" if in_menu else "hidden",
            )
            (shown if in_menu else hidden).append(built)
            if page.path not in search.OF_A_RECORD:
                places.append(search.Place(page.title, section, page.script))
        if shown:
            menu[section] = shown
    if hidden:
        menu.setdefault("", []).extend(hidden)
    return menu, places


def _entrance() -> Person | None:
    """The signed-in person; None when one of the pages before the sign-in was shown instead."""
    if st.session_state.get("_first_run") or not Home.locate().exists:
        st.session_state["_first_run"] = True
        _only("sign_in/first_run.py", "Welcome", "welcome")
        return None
    who = frame.sign_in_state(touch=not st.session_state.pop("_timed", False))
    if {"invite", "reset"} & set(st.query_params):
        _only("sign_in/invitation.py", "Choose a password", "choose-password")
        return None
    if who is None:
        _only("sign_in/sign_in.py", "Sign in", "sign-in")
    elif who.kind == "display":
        with frame.refusals():
            _only("today/wall.py", "Wall board", "wall")
        return None
    return who


def _only(script: str, title: str, path: str) -> None:
    st.navigation([st.Page(script, title=title, url_path=path)], position="hidden").run()


main()
