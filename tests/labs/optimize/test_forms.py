"""The INT8 form follows the processor."""

from __future__ import annotations

import pytest

from labs.machine import Fingerprint
from labs.optimize.forms import FORMS, Form, best_form_for


def machine(architecture: str, *flags: str) -> Fingerprint:
    """Return a fingerprint with this processor."""
    return Fingerprint("some CPU", architecture, flags, 4, 8 * 2**30, "Linux 6", "3.11.7")


@pytest.mark.parametrize(
    ("architecture", "flags", "form", "word"),
    [
        ("x86_64", ("avx2", "avx512f", "avx512_vnni"), "qdq-u8s8-channel", "VNNI"),
        ("x86_64", ("avx2", "avx_vnni"), "qdq-u8s8-channel", "VNNI"),
        ("AMD64", ("avx2", "amx_int8"), "qdq-u8s8-channel", "VNNI"),
        # An EPYC 7763, the course's server, and an AVX-512 machine of the generation before VNNI.
        ("x86_64", ("avx2", "fma"), "qdq-u8s8-channel-7bit", "7 bits"),
        ("x86_64", ("avx2", "avx512f", "avx512bw"), "qdq-u8s8-channel-7bit", "7 bits"),
        # A Raspberry Pi 5, an older Pi, and a Mac, whose flags cannot be read.
        ("aarch64", ("asimd", "asimddp"), "qdq-s8s8-channel", "dot product"),
        ("aarch64", ("asimd",), "qdq-s8s8-channel", "smaller file"),
        ("arm64", (), "qdq-s8s8-channel", "ARM"),
    ],
)
def test_best_form(architecture, flags, form, word) -> None:
    """VNNI takes unsigned by signed bytes, ARM signed by signed, and older x86 must not overflow."""
    choice = best_form_for(machine(architecture, *flags))
    assert choice.form.name == form
    assert word in choice.reason


def test_names_are_unique_and_name_their_form() -> None:
    """A form's name says all that sets it apart, so it may key a table."""
    assert all(name == form.name for name, form in FORMS.items())
    fields = [(layout, a, w, c, r) for layout in ("qdq", "qoperator") for a in ("u8", "s8") for w in ("u8", "s8")
              for c in (True, False) for r in (True, False)]  # fmt: skip
    assert len({Form(*values).name for values in fields}) == len(fields)
