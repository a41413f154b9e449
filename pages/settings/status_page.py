"""Status page: where it stands, the secret shared with its watcher, and whether the two understand each other."""

from __future__ import annotations

import streamlit as st

from outage import status_page, status_secret
from outage.settings import StatusPage
from pages.components import definition_history, frame, show
from pages.components.account_actions import site
from security import settings

KIND, SLUG = "status-page", "status"
DRAWN = "_status_secret"
TONES = {"up": "green", "trouble": "orange", "down": "red"}


def main() -> None:
    """The page."""
    by = frame.actor()
    found = {entry.slug: entry for entry in settings.entries(KIND, by=by)}.get(SLUG)
    page = StatusPage.model_validate(found.body) if found else StatusPage()
    st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
    action = frame.head(
        "Status page", "Kept by a watcher on another machine, so that it speaks while this app is dead."
    )
    if page.url:
        action.link_button("Open the status page", page.url, icon=":material/open_in_new:")
        now()
    left, right = st.columns(2, gap="large")
    with left:
        address(page, found.number if found else 0)
    with right:
        secret(page)
    with st.expander("The watcher's configuration"):
        st.caption("Copy the folder watcher/ to another machine, save this there as watcher.toml, and start "
                   "`python3 -m watcher --config watcher.toml`. docs/status-page.md says the rest.")  # fmt: skip
        st.code(example(page), language="toml")
    if found:
        history(found.number)


def now() -> None:
    """What the page says at the moment."""
    told = status_page.summary(by=frame.actor())
    if told is None:
        words = "The status page did not answer just now. Look whether the watcher runs."
        st.warning(words, icon=":material/cloud_off:")
        return
    tone = "gray" if told.is_old else TONES.get(told.state, "gray")
    words = "The watcher has not looked for a while" if told.is_old else told.words
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(words, color=tone)  # type: ignore[arg-type]
        opened = f" · {len(told.open)} open" if told.open else ""
        st.caption(f"Checked {show.moment(told.checked_at)}{opened}", width="content")


def address(page: StatusPage, number: int) -> None:
    """Where it stands."""
    with st.form("status_address"):
        st.markdown("### Address")
        url = st.text_input("Address of the status page", page.url, key="status_url", max_chars=300,
                            placeholder="https://status.example.org",
                            help="People are led there from the sign-in page and from My account.")  # fmt: skip
        service = st.text_input("Address of the watcher itself", page.service, key="status_service", max_chars=300,
                                placeholder="the same",
                                help="Only where the page lies on another host than the watcher.")  # fmt: skip
        checks = st.toggle("Ask the watcher who of the staff gets its mails", page.checks_subscribers,
                           key="status_checks", help="It is sent hashes of addresses only.")  # fmt: skip
        sent = st.form_submit_button("Save address", type="primary" if not page.url else "secondary")
    if sent:
        with frame.refusals():
            body = {"url": url, "service": service, "checks_subscribers": checks}
            key = frame.form_key("status_address")
            settings.save_definition(KIND, SLUG, body, expected=number, by=frame.actor(), key=key)
            frame.new_form_key("status_address")
            st.toast("Saved.", icon=":material/check:")
            st.rerun()


def secret(page: StatusPage) -> None:
    """What the watcher and we know, and nobody else."""
    with st.container(border=True):
        st.markdown("### Shared secret")
        since = status_secret.secret_since(by=frame.actor())
        drawn = st.session_state.get(DRAWN)
        if drawn:
            st.code(drawn, language=None, wrap_lines=True)
            st.caption("Copy it into the watcher's configuration now. It is not shown again.")
        elif since:
            st.caption(f"Drawn {show.moment(since)}. It is not shown again. A new one makes this one worthless.")
        else:
            st.caption("With it the watcher sees worker, backups and the Vault too, and takes notices from here.")
        with st.container(horizontal=True):
            if st.button("Draw a new secret" if since else "Draw the secret", key="status_draw", icon=":material/key:"):
                with frame.refusals():
                    key = frame.form_key("status_draw")
                    st.session_state[DRAWN] = status_secret.draw_secret(by=frame.actor(), key=key)
                    frame.new_form_key("status_draw")
                    st.rerun()
            if st.button("Test the connection", key="status_test", disabled=not (page.url and since)):
                st.session_state.pop(DRAWN, None)
                with frame.refusals(), st.spinner("Asking the watcher"):
                    st.success(status_page.try_connection(by=frame.actor()), icon=":material/check_circle:")


def example(page: StatusPage) -> str:
    """A configuration to begin with."""
    clinic = frame.clinic()
    name = clinic.name.replace("\\", "").replace('"', "")
    return f"""title = "{name}"
url = "{page.url or "https://status.example.org"}"
zone = "{clinic.zone}"

[app]
url = "{site() or "https://clinic.example.org"}"
secret_file = "secret"        # the shared secret, in a file that its owner alone may read

[mail]                        # a mail server of its own, not the app's
url = "smtp://user:password@mail.example.org:587"
sender = "status@example.org"
alarm = ["you@example.org"]   # gets every mail without subscribing

[server]
port = 8650                   # behind a reverse proxy with TLS, or with certificate = and key =
token_file = "token"          # opens the form for incidents at /post
"""


def history(number: int) -> None:
    """Versions, and the way back."""
    with st.expander("History"):
        definition_history.draw(
            settings.setting_history(KIND, SLUG, by=frame.actor()), key="history-status",
            roll_back=lambda to, key: settings.roll_back_definition(
                KIND, SLUG, to, expected=number, by=frame.actor(), key=key
            ),
        )  # fmt: skip


main()
