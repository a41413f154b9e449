"""What a campaign's clients get: each of its texts as any of them would see it."""

from __future__ import annotations

import streamlit as st

from campaigns import looking, shelf
from campaigns.looking import Looked, Spot
from campaigns.settings import CHANNELS, TEMPLATE, Campaign, Channel
from data.errors import NotFound
from pages.components import frame, template_preview
from records import search


def draw(slug: str, campaign: Campaign, looked: Looked | None) -> None:
    """The choices, and the message beneath them."""
    texts = _texts(campaign)
    chosen = next(iter(texts))
    if len(texts) > 1:
        chosen = st.segmented_control(
            "Message", list(texts), format_func=texts.__getitem__, default=chosen, required=True, key="seen_text"
        ) or chosen  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        client, spot = _whom(slug, chosen, looked)
    if client and spot is None:
        st.info("This client is not in the segment, so nothing goes to them.", icon=":material/person_off:")
        return
    if spot and spot.state != "pending":
        why = "held out, to compare with" if spot.state == "held_out" else spot.reason
        st.info(frame.plain(f"This client gets nothing: {why}."), icon=":material/person_off:")
        return
    if spot:
        chosen = _key(spot.variant, spot.channel) if _key(spot.variant, spot.channel) in texts else chosen
    variant, _, channel = chosen.partition(":")
    name = _template(campaign, variant, channel)  # type: ignore[arg-type]
    with frame.refusals():
        try:
            template = shelf.one(TEMPLATE, name, by=frame.actor()).document
        except NotFound:
            st.warning("The template of this message is no longer there: choose another one under Set up.")
            return
        if looked and not client and not looked.first.get((variant, channel)):
            st.caption("Nobody gets this one at present: it is shown with made-up values.")
        told = f"{CHANNELS[channel]}{' · text B' if variant == 'b' else ''}: {template.label}"  # type: ignore[index]
        st.page_link("campaigns/template.py", label=frame.plain(told), icon=":material/edit:",
                     query_params={"name": name})  # fmt: skip
        template_preview.message(
            template, client, purpose=campaign.purpose, patient_ids=spot.patient_ids if spot else None
        )


def _key(variant: str, channel: str) -> str:
    return f"{variant}:{channel}"


def _texts(campaign: Campaign) -> dict[str, str]:
    """Each text it has, by variant and channel."""
    found = {}
    for channel in campaign.channels:
        has_b = channel in campaign.b_templates
        found[_key("a", channel)] = CHANNELS[channel] + (", text A" if has_b else "")
        if has_b:
            found[_key("b", channel)] = f"{CHANNELS[channel]}, text B"
    return found


def _template(campaign: Campaign, variant: str, channel: Channel) -> str:
    return (campaign.b_templates if variant == "b" else campaign.templates)[channel]


def _whom(slug: str, chosen: str, looked: Looked | None) -> tuple[str, Spot | None]:
    """The client it is shown for, or none, and what they get."""
    if looked is None or "clients.view" not in frame.may():
        return "", None
    variant, _, channel = chosen.partition(":")
    first, place = looked.first.get((variant, channel), ()), st.container(width="content")
    words = st.text_input(
        "Or as somebody else", key="seen_find", placeholder="Name, phone or number", icon=":material/search:",
        live=True, width=230,
    )  # fmt: skip
    if words:
        found = [one for one in search.find(words, by=frame.actor(), limit=8) if not one.restricted]
        names = {one.id: one.name for one in found}
        if not names:
            st.caption("No client has these words.", width="content")
    else:
        names = looking.recipients(slug, first, by=frame.actor())
    if not names:
        return "", None
    with place:
        client = st.selectbox(
            "As this client gets it", list(names), format_func=names.get, key=f"seen_client_{chosen}_{words}", width=230
        )
    return (client, looked.spots.get(client)) if client else ("", None)
