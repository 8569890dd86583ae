"""Which provider really ran, in words: the difference between what was asked for and what the profile shows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from labs.backends import Backend, BackendInfo, BackendUnavailableError

_COLOUR = re.compile(r"\x1b?\[[0-9;]*m")


class ProviderFellBackError(BackendUnavailableError):
    """The provider that was asked for ran nothing; the message says what ran instead and why."""


@dataclass(frozen=True)
class ProviderReport:
    """What was asked for beside what ran."""

    #: Provider that was asked for.
    requested: str
    #: Nodes by the provider that ran them, as profiled. Providers that compile count a fused part as one node.
    used: dict[str, int]
    #: Precision that was computed in.
    precision: str
    #: Why the provider could not be used, as its own messages tell; empty where they tell nothing.
    reason: str = ""

    @property
    def fell_back(self) -> bool:
        """Whether the requested provider ran no node at all."""
        return bool(self.used) and not self.used.get(self.requested)

    @property
    def is_mixed(self) -> bool:
        """Whether the requested provider shared the graph with another one."""
        return bool(self.used.get(self.requested)) and len([count for count in self.used.values() if count]) > 1

    @property
    def text(self) -> str:
        """One to three sentences for the notebook."""
        ran = " and ".join(f"{count} on {name}" for name, count in sorted(self.used.items(), key=lambda one: -one[1]))
        if not self.used:
            return f"Asked for {self.requested}; the profile names no provider, so nothing is known."
        if self.fell_back:
            because = f" The reason it gave: {self.reason}." if self.reason else ""
            return (
                f"Asked for {self.requested}, but it ran nothing: {ran}, in {self.precision}. ONNX Runtime fell back "
                f"without an error, and any figure measured now belongs to what ran.{because}"
            )
        mixed = " Each change of provider costs a copy, so look at what stayed behind." if self.is_mixed else ""
        return f"Asked for {self.requested}. Nodes that ran: {ran}, in {self.precision}.{mixed}"

    def __str__(self) -> str:
        return self.text


def fell_back(info: BackendInfo) -> bool:
    """Return whether the requested provider ran no node at all."""
    return ProviderReport(info.provider_requested, info.providers_used, info.precision).fell_back


def provider_report(backend: Backend) -> ProviderReport:
    """Return what a loaded backend was asked for and what really runs.

    Args:
        backend: A loaded ONNX Runtime backend, in this process or in a worker.
    """
    info = backend.describe()
    printed = backend.printed() if hasattr(backend, "printed") else ""
    report = ProviderReport(info.provider_requested, info.providers_used, info.precision)
    if not report.fell_back:
        return report
    return ProviderReport(report.requested, report.used, report.precision, reason_in(printed))


def require_provider(backend: Backend) -> ProviderReport:
    """Return the report of a backend whose provider really runs.

    Raises:
        ProviderFellBackError: It runs nothing; the message is the report.
    """
    report = provider_report(backend)
    if report.fell_back:
        raise ProviderFellBackError(report.text)
    return report


def reason_in(printed: str) -> str:
    """Return the most telling part of what ONNX Runtime printed when it could not use a provider."""
    text = _COLOUR.sub("", printed)
    # From the most to the least specific; a missing library is nearly always the cause.
    for pattern in (
        r"with error: ([^\n]+)",
        r"EP Error [^\n]*? (Please install [^\n]+)",
        r"\[ERROR\] ([^\n]+)",
        r"(CUDA failure [^\n]+)",
        r"\[E:onnxruntime[^\]]*\] ([^\n]+)",
        r"\[W:onnxruntime[^\]]*\] (Failed to create [^\n]+)",
    ):
        found = re.findall(pattern, text)
        if found:
            return found[-1].strip().rstrip(".")[:300]
    return ""
