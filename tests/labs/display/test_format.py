"""Numbers as text."""

import pytest

from labs.display import format as fmt


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (fmt.milliseconds(0.00269), "2.69 ms"),
        (fmt.milliseconds(0.0604), "60.4 ms"),
        (fmt.milliseconds(1.5), "1,500 ms"),
        (fmt.duration(200), "3 min 20 s"),
        (fmt.duration(7500), "2 h 5 min"),
        (fmt.megabytes(2_431_504), "2.43 MB"),
        (fmt.percent(0.8859), "88.6 %"),
        (fmt.rate(868.4), "868 frames/s"),
    ],
)
def test_numbers_as_people_read_them(text, expected) -> None:
    """Seconds become milliseconds only here, with three significant digits."""
    assert text == expected
