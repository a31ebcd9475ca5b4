import pytest

from drafterd.domain.capacity import BUILD_MEMORY, build_slots, held_back


@pytest.mark.parametrize(("asked", "cores", "slots"), [(None, 1, 1), (None, 2, 1), (None, 8, 4), (3, 1, 3)])
def test_slots_follow_the_cores_or_what_was_asked_for(asked, cores, slots):
    assert build_slots(asked, cores) == slots


@pytest.mark.parametrize(
    ("running", "available", "pressure", "why"),
    [
        (0, 0, 100.0, ""),  # the first is always begun
        (1, BUILD_MEMORY, 0.0, ""),
        (1, BUILD_MEMORY - 1, 0.0, "waits for memory"),
        (1, BUILD_MEMORY, 10.1, "waits for memory"),
        (2, BUILD_MEMORY, 0.0, "waits for a free build slot"),
    ],
)
def test_another_build_begins_when_there_is_room(running, available, pressure, why):
    found = held_back(running, slots=2, available=available, pressure=pressure)
    assert found.startswith(why)
    assert bool(found) is bool(why)
