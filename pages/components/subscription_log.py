"""The log of a subscription: each run, how it ended, who got it and who did not, and sending a mail once more."""

from __future__ import annotations

from html import escape

import streamlit as st

from pages.components import frame, show
from reports import deliveries
from reports.deliveries import Mail, Run

GRADES = {True: "good", False: "bad", None: "open"}
UNWANTED = ("no_data", "quiet")


def badge(run: Run) -> str:
    """How a run ended, in a few words behind its mark."""
    grade = "calm" if run.state in UNWANTED else GRADES[run.good]
    return f'<span class="run-{grade}">{escape(run.told)}</span>'


def draw(runs: list[Run]) -> None:
    """The runs, newest first."""
    if not runs:
        st.caption("It has not gone out yet. Send one to yourself to see what it looks like.")
        return
    with st.container(key="subscription_log", gap=None):
        for run in runs:
            with st.container(key=f"log-{run.id}", gap=None):
                st.html(_told(run))
                for mail in run.mails:
                    if mail.state in ("uncertain", "failed"):
                        _again(run, mail)


def _told(run: Run) -> str:
    facts = (
        [f"{show.number(run.rows)} {'row' if run.rows == 1 else 'rows'}"] if run.rows and run.state == "sent" else []
    )
    if run.mails:
        facts.append(f"to {', '.join(mail.to for mail in run.mails)}")
    if run.attempts > 1:
        facts.append(f"{run.attempts} attempts")
    lines = [" · ".join(facts), run.reason, *(f"Not to {who}: {why}." for who, why in run.left_out)]
    lines += [f"{mail.to}: {mail.told}{f' ({mail.reply})' if mail.reply else ''}" for mail in run.mails if _odd(mail)]
    asked = " · asked for" if run.asked else ""
    head = f"<b>{escape(show.moment(run.due_at))}</b>{asked}{badge(run)}"
    return f'<div class="run"><p>{head}</p>{"".join(f"<p>{escape(line)}</p>" for line in lines if line)}</div>'


def _odd(mail: Mail) -> bool:
    return mail.state not in ("sent", "pending", "claimed", "sending")


def _again(run: Run, mail: Mail) -> None:
    key = f"again-{mail.message}"
    if st.button(f"Send again to {frame.plain(mail.to)}", key=key, icon=":material/send:"):
        with frame.refusals():
            deliveries.send_again(run.id, mail.message, by=frame.actor(), key=frame.form_key(key))
            frame.new_form_key(key)
            st.toast("It is on its way again.", icon=":material/send:")
            st.rerun()
