"""What has been built is valid."""

from drafterd.domain.model import Edit, Problem

NOT_UTF8 = b"caf\xe9.ts".decode(errors="surrogateescape")


def test_what_is_told_can_be_printed():
    edit = Edit(file=NOT_UTF8, rule="r", before="a", after=NOT_UTF8, reason="")
    problem = Problem(code="x", summary=NOT_UTF8, where=NOT_UTF8, tail=("fine", NOT_UTF8))
    assert edit.file == edit.after == "caf?.ts"
    assert (problem.summary, problem.where, problem.tail) == ("caf?.ts", "caf?.ts", ("fine", "caf?.ts"))


def test_and_what_could_be_printed_is_left_alone():
    assert Problem(code="x", summary="héllo 😀").summary == "héllo 😀"
