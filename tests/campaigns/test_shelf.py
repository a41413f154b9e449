"""What a campaign is made of is data with versions, and nothing that is used can vanish."""

from __future__ import annotations

import pytest

from campaigns import shelf
from campaigns.settings import CAMPAIGN, SEGMENT, TEMPLATE, Campaign, Segment, Template
from data.errors import EditedMeanwhile, NotFound, NotPermitted


def test_a_segment_is_saved_changed_and_brought_back(clinic):
    by = clinic.actor("adam")
    slug = shelf.keep(SEGMENT, Segment(label="Cats due"), by=by, key="k1")
    assert shelf.keep(SEGMENT, Segment(label="Cats due"), by=by, key="k1") == slug == "cats-due"
    assert shelf.keep(SEGMENT, Segment(label="Cats due"), by=by) == "cats-due-2"
    shelf.keep(SEGMENT, Segment(label="Cats", entity="patient"), slug=slug, expected=1, by=by)
    with pytest.raises(EditedMeanwhile):
        shelf.keep(SEGMENT, Segment(label="Dogs"), slug=slug, expected=1, by=by)
    assert [one.document.label for one in shelf.every(SEGMENT, by=by)] == ["Cats", "Cats due"]
    assert shelf.go_back(SEGMENT, slug, 1, by=by) == 3
    assert shelf.one(SEGMENT, slug, by=by).document.entity == "client"
    assert [version.number for version in shelf.versions(SEGMENT, slug, by=by)] == [3, 2, 1]
    with pytest.raises(NotPermitted):
        shelf.keep(SEGMENT, Segment(label="Mine"), by=clinic.actor("sam"))


def test_what_a_campaign_uses_cannot_be_removed(clinic):
    by = clinic.actor("adam")
    segment = shelf.keep(SEGMENT, Segment(label="All"), by=by)
    template = shelf.keep(TEMPLATE, Template(label="Hello", subject="Hello", body="Hello"), by=by)
    campaign = Campaign(label="Spring", segment=segment, templates={"email": template})
    slug = shelf.keep(CAMPAIGN, campaign, by=by)
    for kind, name in ((SEGMENT, segment), (TEMPLATE, template)):
        with pytest.raises(shelf.StillUsed, match="Spring"):
            shelf.remove(kind, name, by=by)
    shelf.remove(CAMPAIGN, slug, by=by)
    shelf.remove(SEGMENT, segment, by=by)
    with pytest.raises(NotFound):
        shelf.one(SEGMENT, segment, by=by)
