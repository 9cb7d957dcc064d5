"""Whether a stem file is what players expect: the conformance checklist, in three parts."""

from libsep.media.verify.conformance import find_stem_files, verify_stems
from libsep.media.verify.fidelity import verify_fidelity
from libsep.media.verify.report import Finding, Report

__all__ = ["Finding", "Report", "find_stem_files", "verify_fidelity", "verify_stems"]
