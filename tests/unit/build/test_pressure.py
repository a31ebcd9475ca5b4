import pytest

from drafterd.build import pressure


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("some avg10=1.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=12.50 avg60=0.00 avg300=0.00 total=9\n", 12.5),
        ("some avg10=1.00 avg60=0.00 avg300=0.00 total=0\n", 0.0),
        ("nonsense", 0.0),
        ("", 0.0),
    ],
)
def test_how_much_everything_waits_for_memory(tmp_path, text, share):
    (tmp_path / "memory").write_text(text)
    assert pressure.stalled(tmp_path / "memory") == share


def test_without_the_kernels_word_nothing_waits(tmp_path):
    assert pressure.stalled(tmp_path / "memory") == 0.0


def test_some_memory_is_free():
    available, share = pressure.memory()
    assert available > 0
    assert 0 <= share <= 100
