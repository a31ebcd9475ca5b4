import pytest

from drafterd.domain.capacity import BUILD_MEMORY, build_slots, burst_slots, held_back


@pytest.mark.parametrize(("asked", "cores", "slots"), [(None, 1, 1), (None, 2, 1), (None, 8, 4), (3, 1, 3)])
def test_slots_follow_the_cores_or_what_was_asked_for(asked, cores, slots):
    assert build_slots(asked, cores) == slots
    assert burst_slots(asked) == (asked is None)


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
    found = held_back(running, young=0, slots=2, available=available, pressure=pressure)
    assert found.startswith(why)
    assert bool(found) is bool(why)


@pytest.mark.parametrize(("free", "begin"), [(0, 1), (1_300_000_000, 1), (2_500_000_000, 2), (20_000_000_000, 8)])
def test_so_many_begin_at_once_as_there_is_memory_for_all_of_them(free, begin):
    begun = 0
    while not held_back(begun, young=begun, slots=8, available=free, pressure=0.0):
        begun += 1
    assert begun == begin
    if begun < 8:
        assert "just begun" in held_back(begun, young=begun, slots=8, available=free, pressure=0.0)
