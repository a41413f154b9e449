"""Settings: one card for each thing an administrator can change without code."""

import streamlit as st

from opening.first_steps import are_hidden, hide_first_steps
from pages.components import cards, close_account, frame
from pages.settings.kinds import GROUPS, SETTINGS

PEOPLE = (
    ("staff/memos.py", "Memos", "campaign", "Notices on everybody's home page, and who has read them.",
     "settings.edit"),
    ("paper/readiness.py", "Outage readiness", "health_and_safety", "The six actions, measured, and the card to print.",
     "settings.edit"),
    ("settings/mail.py", "Mail", "outgoing_mail", "Which mail server is set, and a test of it.", "settings.edit"),
    ("settings/text_messages.py", "Text messages", "sms",
     "The account they go through, a test of it, and where replies come in.", "settings.edit"),
    ("settings/undelivered.py", "Undelivered messages", "mark_email_unread",
     "What may not have arrived or was refused, to decide upon.", "settings.edit"),
    ("settings/users.py", "Users", "group", "Invite people, give roles, reset passwords, sign out.", "security.users"),
    ("settings/roles.py", "Roles", "shield_person", "What each role may see and do.", "security.roles"),
    ("settings/sessions.py", "Signed in now", "devices", "Who is signed in, where, and a way out.", "security.users"),
    ("settings/screens.py", "Displays and stations", "tv", "Wall boards, and computers several people share.",
     "security.displays"),
    ("settings/snapshots.py", "Snapshot computers", "offline_pin",
     "Which computers keep a copy of the day for an outage, and how fresh it is.", "settings.edit"),
    ("settings/audit.py", "Audit log", "receipt_long", "Who did and saw what, and the check of it.", "security.audit"),
    ("settings/backups.py", "Backups", "backup", "The last good one, one now, and the check of it.", "data.backup"),
    ("settings/imports.py", "Import files", "upload_file", "Clients, visits, payments from CSV files, and a way back.",
     "data.import"),
    ("settings/export.py", "Export the clinic", "archive", "Everything the clinic owns, as one file.", "data.export"),
    ("settings/reviews.py", "Emergency access", "emergency", "Restricted records that were opened, to review.",
     "security.audit"),
)  # fmt: skip

may = frame.may()
frame.head("Settings", "Every change keeps its history and can be taken back.")
if "settings.edit" in may and are_hidden(by=frame.actor()):
    with st.container(horizontal=True, vertical_alignment="center", key="first_steps_hidden"):
        st.caption("The list of first steps is hidden from Home.", width="content")
        if st.button("Show it again", key="first_steps_show", type="tertiary"):
            hide_first_steps(hidden=False, by=frame.actor())
            st.switch_page("home/home.py")
if "settings.edit" in may:
    for group in GROUPS:
        st.markdown(f"## {group}")
        cards.draw(
            [
                cards.Card(
                    setting.page or "settings/editor.py", setting.title, setting.icon, setting.about,
                    None if setting.page else {"kind": setting.kind},
                )
                for setting in SETTINGS
                if setting.group == group
            ]
        )  # fmt: skip
shown = [cards.Card(script, title, icon, about) for script, title, icon, about, needs in PEOPLE if needs in may]
if shown:
    st.markdown("## People, security and data")
    cards.draw(shown)
if "account.close" in may:
    close_account.draw()
