"""What a check of a stem file found."""

import dataclasses
from pathlib import Path
from typing import Any, Literal

from libsep.errors import VerifyError
from libsep.units import format_duration

Severity = Literal["error", "warning"]


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a file breaks. An ``error`` makes it unusable somewhere, a ``warning`` does not.

    ``rule`` is a letter and a number: A format, B readers, C accuracy, D against the sources.
    """

    rule: str
    severity: Severity
    message: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All findings about one file. ``duration_s`` (seconds) is that of the first stream."""

    path: Path
    findings: tuple[Finding, ...]
    codec: str = ""
    sample_rate: int = 0
    duration_s: float = 0.0

    @property
    def is_conformant(self) -> bool:
        """Whether no rule is broken; warnings do not count."""
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that make the file unusable somewhere."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that are odd but usable."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    def describe(self) -> str:
        """Return codec, sample rate and duration in a few words, as far as they are known."""
        if not self.codec:
            return "no stem file"
        return f"{self.codec}, {self.sample_rate} Hz, {format_duration(self.duration_s)}"

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values; bytes of the path that are no UTF-8 are escaped."""
        return {
            "path": str(self.path).encode(errors="backslashreplace").decode(),
            "is_conformant": self.is_conformant,
            "codec": self.codec,
            "sample_rate": self.sample_rate,
            "duration_s": self.duration_s,
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
        }

    def raise_if_broken(self) -> None:
        """Do nothing if the file conforms.

        Raises
        ------
        VerifyError
            Names the rules that the file breaks.
        """
        if not self.is_conformant:
            broken = "; ".join(f"{finding.rule} {finding.message}" for finding in self.errors)
            raise VerifyError(self.path, broken)
