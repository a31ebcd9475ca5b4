"""A plan on a command line."""

import pytest

from drafterd.fence.plan import Hole, Plan, of_word, to_word


def test_a_plan_comes_back_as_it_was():
    hole = Hole("127.0.0.53", 53, "192.0.2.1", 53, datagrams=True)
    plan = Plan(user_namespace=True, program="/usr/bin/slirp4netns", closed=("10.0.0.0/8",), holes=(hole,))
    assert of_word(to_word(plan)) == plan
    assert "\n" not in to_word(plan)


@pytest.mark.parametrize("word", ["", "[]", "{}", '{"holes":[{}],"closed":[]}'])
def test_any_other_word_is_refused(word):
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        of_word(word)
