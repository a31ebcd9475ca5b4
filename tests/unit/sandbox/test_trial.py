"""Why a trial did not work, in a line."""

import pytest

from drafterd.sandbox.trial import refusal


def test_what_works_has_no_reason():
    assert refusal(["/usr/bin/true"]) is None


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["/usr/bin/false"], "exit code 1"),
        (["/bin/sh", "-c", "echo first >&2; echo second >&2; exit 3"], "first"),
        (["/nonexistent"], "No such file or directory: '/nonexistent'"),
    ],
)
def test_what_does_not_work_says_why(argv, reason):
    said = refusal(argv)
    assert said is not None
    assert said.endswith(reason)
    assert "\n" not in said


def test_a_long_reason_is_cut():
    assert refusal(["/bin/sh", "-c", "printf %0999d 0 >&2; exit 1"]) == "0" * 200
