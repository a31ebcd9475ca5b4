"""Whatever drafts are called, each is found, and none in a bucket of others."""

from hypothesis import given
from hypothesis import strategies as st

from drafterd.domain.names import DraftId
from drafterd.route.buckets import BUCKET_MAX, buckets

names = st.text(alphabet="ab-_0Z", min_size=1, max_size=6).map(DraftId)


@given(st.sets(names, max_size=60), st.integers(min_value=1, max_value=5))
def test_a_bucket_takes_its_own_drafts_and_no_others(drafts: set[DraftId], most: int) -> None:
    found = buckets(drafts, most)
    for beginning, members in found.items():
        assert {draft for draft in drafts if draft.startswith(beginning)} == set(members)
        assert 1 < len(members) <= most
        assert beginning
    together = [draft for members in found.values() for draft in members]
    assert len(together) == len(set(together)), "in one bucket at most"
    if len(drafts) <= most:
        assert not found


def test_numbered_drafts_are_few_on_every_level() -> None:
    drafts = [DraftId(f"draft-{number:05}") for number in range(1000)]
    found = buckets(drafts)
    assert len(found) == 100
    assert {len(members) for members in found.values()} == {10}


def test_names_that_begin_like_each_other_stand_alone() -> None:
    drafts = [DraftId("d" * count) for count in range(1, BUCKET_MAX + 1)]
    assert not buckets(drafts)
    assert not any("d" in members for members in buckets([*drafts, DraftId("e")], 2).values())
