import pytest

from drafterd.sandbox.disk import Held, Space
from drafterd.sandbox.filling import FILES_FLOOR, FLOOR, filling_up, takes_much

DISK = Space(size=1 << 40, free=1 << 39, files=1 << 26, files_free=1 << 25)


@pytest.mark.parametrize(
    ("before", "free", "fills"),
    [
        (1 << 39, (1 << 39) - 1, False),
        (FLOOR * 4, FLOOR * 3, False),
        (FLOOR * 4, FLOOR * 2, True),  # at the next look nothing would be left
        (FLOOR, FLOOR - 1, True),
        (FLOOR - 1, FLOOR - 1, False),  # nobody writes
        (FLOOR - 2, FLOOR - 1, False),
        (0, 0, False),
    ],
)
def test_a_disk_fills_up_when_it_will_be_below_its_floor_soon(before, free, fills):
    def at(left):
        return Space(size=DISK.size, free=left, files=DISK.files, files_free=DISK.files_free)

    assert filling_up(at(free), at(before)) is fills


def test_a_small_disk_has_a_low_floor():
    assert not filling_up(Space(size=50 << 20, free=10 << 20), Space(size=50 << 20, free=11 << 20))
    assert filling_up(Space(size=50 << 20, free=1 << 19), Space(size=50 << 20, free=1 << 20))


def test_files_are_bounded_as_bytes_are_where_the_disk_bounds_them():
    few = Space(size=DISK.size, free=DISK.free, files=DISK.files, files_free=FILES_FLOOR - 1)
    assert filling_up(few, Space(size=DISK.size, free=DISK.free, files=DISK.files, files_free=FILES_FLOOR))
    assert takes_much(Held(size=0, files=FILES_FLOOR), few)
    assert not filling_up(Space(size=DISK.size, free=DISK.free), Space(size=DISK.size, free=DISK.free))
    assert not takes_much(Held(size=0, files=FILES_FLOOR), Space(size=DISK.size, free=DISK.free))


def test_only_who_wrote_much_is_to_blame():
    assert takes_much(Held(size=FLOOR, files=1), DISK)
    assert not takes_much(Held(size=FLOOR // 8, files=100), DISK)
