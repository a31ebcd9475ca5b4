"""The configuration's word for a sandbox."""

import pytest

from drafterd.domain.errors import ConfigError
from drafterd.domain.model import Address, InstanceSpec
from drafterd.domain.names import DraftId, InstanceId, ReleaseId
from drafterd.sandbox import choose


def test_auto_is_one_that_works_and_words_are_names():
    assert choose("plain").name == "plain"
    assert choose("auto").name == "plain"


def test_an_unknown_word_lists_the_known_ones():
    with pytest.raises(ConfigError, match="bubblewrap9") as caught:
        choose("bubblewrap9")
    assert caught.value.hint == "use one of: auto, plain"


def test_plain_changes_no_command():
    spec = InstanceSpec(
        id=InstanceId("a.r1"),
        draft=DraftId("a"),
        release=ReleaseId("r1"),
        argv=("/usr/bin/node", "server.js"),
        cwd="/",
        environment={},
        address=Address("127.0.0.1", 3001),
    )
    assert choose("plain").wrap(spec) == spec.argv
