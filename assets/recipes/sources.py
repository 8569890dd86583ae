"""The eight icon packs the drawings come from, who drew them, and which split each may enter."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """One npm package of drawings, pinned to one version and one content hash."""

    #: Short name of the pack, used in file names and in the manifest.
    pack: str
    #: npm package name.
    package: str
    #: Exact version.
    version: str
    #: SHA-256 of the tarball that `npm pack` downloads.
    sha256: str
    #: Who drew or published the pack.
    artist: str
    #: SPDX identifier of the licence of the drawings.
    licence: str
    #: Where the drawings were first published.
    homepage: str
    #: `training`, `validation`, `evaluation` or `unused`.
    split: str


def _source(pack: str, version: str, sha256: str, artist: str, licence: str, homepage: str, split: str) -> Source:
    return Source(
        pack, f"@iconify-json/{pack}", version, sha256, artist, licence, f"https://github.com/{homepage}", split
    )


#: All packs. Splits follow the publisher, not the pack: nothing by Google or Microsoft is ever trained on, in any
#: stage. `fluent-emoji-flat` stays unused because half of its drawings are those of `fluent-emoji` without the
#: shading: in training they would give the evaluation away, in evaluation they would count pictures twice.
SOURCES: tuple[Source, ...] = (
    _source(
        "twemoji",
        "1.2.5",
        "19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7",
        "Twitter and contributors",
        "CC-BY-4.0",
        "jdecked/twemoji",
        "training",
    ),
    _source(
        "emojione",
        "1.2.3",
        "26a14f44284407e8bcde91799388dca2bfd91dbcd55a97f425524a1c5b73610e",
        "EmojiOne, continued as EmojiTwo",
        "CC-BY-4.0",
        "EmojiTwo/emojitwo",
        "training",
    ),
    _source(
        "fxemoji",
        "1.2.2",
        "f3e72b3c59d05e1db03b7e308d55c0d05bd7ba3f625a90da1b79313c12858eef",
        "Mozilla",
        "Apache-2.0",
        "mozilla/fxemoji",
        "training",
    ),
    _source(
        "streamline-emojis",
        "1.2.4",
        "5dac87c876b322500989828c5823143e0100d78881627a2e4081a4b897cbfdbc",
        "Streamline",
        "CC-BY-4.0",
        "webalys-hq/streamline-vectors",
        "training",
    ),
    _source(
        "noto-v1",
        "1.2.5",
        "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37",
        "Google (first generation)",
        "Apache-2.0",
        "googlefonts/noto-emoji",
        "validation",
    ),
    _source(
        "noto",
        "1.2.9",
        "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
        "Google (present generation)",
        "Apache-2.0",
        "googlefonts/noto-emoji",
        "evaluation",
    ),
    _source(
        "fluent-emoji",
        "1.2.7",
        "8044210dbf11e016d4de85f15d01a243423bd832457e7e2491df1b751c0e272b",
        "Microsoft",
        "MIT",
        "microsoft/fluentui-emoji",
        "evaluation",
    ),
    _source(
        "fluent-emoji-flat",
        "1.2.6",
        "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
        "Microsoft",
        "MIT",
        "microsoft/fluentui-emoji",
        "unused",
    ),
)


def sources_of(split: str) -> tuple[Source, ...]:
    """Return the packs whose drawings may enter a split.

    Args:
        split: `training`, `validation`, `evaluation` or `unused`.

    Returns:
        The packs, in the table's order.
    """
    return tuple(source for source in SOURCES if source.split == split)
