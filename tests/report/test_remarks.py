"""Remarks by what they are about, and where the page says so."""

from pathlib import Path

from libsep.report.remarks import remark_kinds

from .pages import converted, report_on

PRIVATE = "private data (PRIV:TRAKTOR4) has no place in MP4: dropped"


def test_each_kind_of_remark_has_the_number_of_its_tracks() -> None:
    rows = [converted(index, warnings=(PRIVATE,)) for index in range(4)]
    rows += [
        converted(
            5, warnings=('BPM "fast" is no tempo: dropped', "0.3 s of the audio are missing")
        ),
        converted(6, warnings=('BPM "?" is no tempo: dropped', 'BPM "!" is no tempo: dropped')),
        converted(7),
    ]
    kinds = remark_kinds(rows)
    assert [(kind.count, kind.text) for kind in kinds] == [
        (4, PRIVATE),
        (2, "BPM … is no tempo: dropped"),
        (1, "… s of the audio are missing"),
    ]
    assert kinds[0].examples == [row.source for row in rows[:3]]


def test_the_report_lists_the_kinds(tmp_path: Path) -> None:
    rows = [converted(index, warnings=(PRIVATE,)) for index in range(4)]
    page = report_on(tmp_path, [*rows, converted(5)]).read_text(encoding="utf-8")
    tile = '<dt>With remarks</dt><dd>4</dd><dd class="note">1 kind, see below</dd>'
    assert tile in page
    assert f'<td class="n">4</td><td class="reason">{PRIVATE}</td>' in page
