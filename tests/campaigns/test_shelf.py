"""What a campaign is made of is data with versions, and nothing that is used can vanish."""

from __future__ import annotations

import pytest

from campaigns import shelf
from campaigns.settings import CAMPAIGN, SEGMENT, TEMPLATE, Campaign, Segment, Template
from data.errors import EditedMeanwhile, NotFound, NotPermitted
from data.models import CampaignRun
from data.session import write
from tests.campaigns.launched import launched


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
    told = shelf.told_versions(SEGMENT, slug, by=by)
    assert [(one.number, one.who) for one in told] == [(3, "Adam Abbott"), (2, "Adam Abbott"), (1, "Adam Abbott")]
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


def test_what_was_removed_can_be_put_back_and_no_copy_goes_out_by_itself(clinic):
    by = clinic.actor("adam")
    daily = Campaign(
        label="Daily", segment="all", templates={"email": "hi"}, when={"kind": "recurring", "active": True}
    )
    slug = shelf.keep(CAMPAIGN, daily, by=by)
    copied = shelf.copy(CAMPAIGN, slug, by=by)
    assert shelf.one(CAMPAIGN, copied, by=by).document.label == "Daily, copy"
    assert not shelf.one(CAMPAIGN, copied, by=by).document.when.active
    run_id, _ = launched(clinic, [("pending", "a", "")], slug=slug, state="running")
    with pytest.raises(shelf.StillGoing):
        shelf.remove(CAMPAIGN, slug, by=by)
    with write(clinic.id) as session:
        session.get_one(CampaignRun, (clinic.id, run_id)).state = "stopped"
    shelf.remove(CAMPAIGN, slug, by=by, key="r")
    shelf.remove(CAMPAIGN, slug, by=by, key="r")
    assert [one.name for one in shelf.removed(CAMPAIGN, by=by)] == [slug]
    shelf.restore(CAMPAIGN, slug, by=by, key="b")
    shelf.restore(CAMPAIGN, slug, by=by, key="b")
    back = shelf.one(CAMPAIGN, slug, by=by)
    assert (back.number, back.document.when.active, back.document.when.kind) == (2, False, "recurring")
    assert shelf.removed(CAMPAIGN, by=by) == []
    with pytest.raises(NotFound):
        shelf.restore(CAMPAIGN, slug, by=by)
