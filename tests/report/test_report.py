"""The page is well-formed, self-contained, escaped, and says what went wrong first."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from boards import cache, note
from html_pages import Page
from ricenet.cohort import prediction_table
from ricenet.config import analysis_plan
from ricenet.evaluate import compare, contrasts, evaluate
from ricenet.explain import map_table
from ricenet.provenance.atomic import write_json
from ricenet.report import evaluated, report, subjects

SUBJECTS = [f"P{i:03d}" for i in range(1, 13)]
TITLE = """A <script>alert("1")</script> & 'study'"""


def manifest():
    return pd.DataFrame(
        {
            "subject": SUBJECTS,
            "split": ["train"] * 8 + ["test"] * 4,
            "fold": [0, 0, 0, 0, 1, 1, 1, 1, -1, -1, -1, -1],
            "label": [0, 1] * 6,
            "cache": [f"../../caches/{s}.npy" for s in SUBJECTS],
            "digest": [f"{i:064x}" for i in range(12)],
        }
    )


def predictions():
    rng = np.random.default_rng(0)
    validation, test = [], []
    for ablation in ("event", "dose", "event-dose"):
        for row in manifest().itertuples():
            p = rng.random()
            if row.split == "train":
                cells = (row.subject, row.label, p)
                validation += [(ablation, row.fold, 8, "last", *cells)]
                validation += [(ablation, row.fold, 3, "best", *cells)]
            else:
                test += [(ablation, k, row.subject, row.label, rng.random()) for k in (0, 1)]
    return (
        pd.DataFrame(validation, columns=prediction_table.VALIDATION_COLUMNS),
        pd.DataFrame(test, columns=prediction_table.TEST_COLUMNS),
    )


def audit_rows():
    columns = [
        "record",
        "step",
        "subject",
        "check",
        "value",
        "unit",
        "at_least",
        "at_most",
        "verdict",
        "reason",
    ]
    rows = [("r.json", "crop", s, "voxels <cut>", "0", "", "", "0", "pass", "") for s in SUBJECTS]
    rows.append(("r.json", "register", "P003", "Dice", "0.71", "", "0.9", "", "fail", ""))
    rows.append(("m.json", "manifest", "", "subjects", "12", "", "2", "", "pass", ""))
    rows.append(("n.json", "ingest_mri", "P001", "", "", "", "", "", "", ""))
    # who was left out, who is gone, who is held back without a picture; and what has no number
    rows.append(("r.json", "register", "P014", "Dice", "0.1122", "", "0.9", "", "fail", ""))
    rows.append(("r.json", "register", "GONE1", "Dice", "0.1233", "", "0.9", "", "fail", ""))
    gone = "cohorts/c1/predictions/GONE2/manifest.json"
    rows.append((gone, "arrival", "", "preprocessing-code-differs", "1", "", "", "0", "fail", ""))
    rows.append(("r.json", "register", "P015", "Dice", "0.1344", "", "0.9", "", "fail", ""))
    rows.append(("s.json", "audit", "P004", "same-grid", "1e+300", "mm", "", "0.001", "fail", ""))
    rows.append(("s.json", "audit", "P004", "least", "-1e+300", "mm", "0", "", "fail", ""))
    rows.append(("t.json", "timeline", "P002", "order", "", "", "", "", "not made", "no <date>"))
    return pd.DataFrame(rows, columns=columns)


def comparison(folder):
    path = folder / "comparison.tsv"
    cells = ["event-dose", "<c1>", 4, 0.75, 0.5, 0.25, -0.25, 0.75, 2, 1, 1.0, 0.25]
    cells += [0.25, -0.3, 0.6, 1.0, "", "", "cannot be shown with this many patients"]
    pd.DataFrame([cells], columns=list(compare.COLUMNS)).to_csv(path, sep="\t", index=False)
    return path


def explained(folder):
    """Tables of occlusion_summary and dose_counterfactual."""
    measures = [
        ("share", "isodose-95", 0.4321, 0.0123),
        ("share", "elsewhere", 0.5, 0.75),
        ("channel share", "dose", 0.6543, ""),
        ("rank correlation", "dose", 0.2468, ""),
    ]
    rows = [
        {
            "ablation": "event-dose", "subject": s, "measure": m, "of": of, "value": v,
            "low": 0.11 if s == "all subjects" else "", "high": 0.987, "p": p,
            "null_mean": 0.3 if p else "", "null_sd": 0.05, "z": 2.7, "volume_share": 0.08, "n": 4,
        }
        for s in ("P009", "P010", "all subjects")
        for m, of, v, p in measures
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / "importance.tsv", sep="\t", index=False)
    doses = [
        ("event-dose", s, 1, kind, amount, 0.1357, 0.1, 0.2)
        for s in ("P009", "P010")
        for kind, amount in (("scaled", "0.8"), ("scaled", "1"), ("shifted", "5 mm left"))
    ]
    doses.append(("event-dose", "P009", 1, "swapped", "P010", 0.8642, 0.1, 0.9))
    columns = ["ablation", "subject", "label", "change", "amount", "probability_rice"]
    table = pd.DataFrame(doses, columns=[*columns, "lowest", "highest"])
    table.to_csv(folder / "doses.tsv", sep="\t", index=False)
    return folder / "importance.tsv", folder / "doses.tsv"


def beside_controls(folder):
    """Table of occlusion_statistics with one control network, so that nothing is judged."""
    common = {"ablation": "event-dose", "networks": "trained", "subject": "all subjects", "n": 2}
    share = {"measure": "share", "of": "isodose-95", "value": 0.4321, "volume_share": 0.08,
             "others": 0.2109, "exchange_p": 0.5, "permutations": 2, "controls": 1,
             "controls_value": 0.3987, "difference": 0.0334, "below_controls": "yes",
             "verdict": "not judged", "why": "1 control networks, 19 are needed"}  # fmt: skip
    change = {"measure": "largest change", "of": "logit"}
    rows = [
        *({**common, **share, "subject": s, "n": 1, "value": v, "verdict": "", "why": ""}
          for s, v in (("P009", 0.4111), ("P010", 0.4531))),
        {**common, **share},
        {**common, **change, "value": 0.0123, "controls_value": 0.0456, "below_controls": "yes"},
        {**common, **change, "networks": "untrained", "value": 0.0333, "high": 0.0456,
         "controls": 1},
        {**common, **change, "networks": "permutation", "controls": 0, "why": "not made"},
    ]  # fmt: skip
    table = map_table.as_table("event-dose", rows)
    table.to_csv(folder / "map-statistics.tsv", sep="\t", index=False)
    return folder / "map-statistics.tsv"


def run(folder, *, test=True):
    validation, tested = predictions()
    if not test:
        tested = tested.iloc[:0]
    settings = {"confidence": 0.95, "bootstrap_samples": 20, "seed": 1, "prevalences": [0.18]}
    table, summary = evaluate.evaluate(validation, tested, settings)
    pairs = analysis_plan.against_fewer(["event", "dose", "event-dose"], alone=True)
    compared = contrasts.contrasts(validation, tested, pairs, settings)
    summary["contrasts"] = compared.to_dict("records")
    table.to_csv(folder / "metrics.tsv", sep="\t", index=False)
    write_json(folder / "metrics.json", evaluate.without_nan(summary))
    rows = manifest()
    rows = rows if test else rows[rows["split"] == "train"]
    rows.to_csv(folder / "manifest.tsv", sep="\t", index=False)
    audit_rows().to_csv(folder / "records.tsv", sep="\t", index=False)
    write_json(folder / "audit.json", {"facts": {"root_digest": "5eed" * 16, "files": 12}})
    cache(folder, "P001")
    note(folder, "P013", "ingest_mri", "two <slices>; give the series")
    pictures = [folder / s / "overview.png" for s in rows["subject"]]
    maps = [folder / "event-dose" / "occlusion" / f"{s}.png" for s in ("P009", "P010")]
    for i, path in enumerate((*pictures, *maps)):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), i).save(path)
    importance, doses = explained(folder)
    mapped = [("event-dose", "P009"), ("event-dose", "P010")]
    report.main(
        [
            "--summary", str(folder / "metrics.json"), "--metrics", str(folder / "metrics.tsv"),
            "--manifest", str(folder / "manifest.tsv"),
            "--pictured", json.dumps(list(rows["subject"])), "--overviews", *map(str, pictures),
            "--mapped", json.dumps(mapped if test else []),
            "--occlusions", *map(str, maps if test else []),
            "--importance", *map(str, [importance] if test else []),
            "--map-statistics", *map(str, [beside_controls(folder)] if test else []),
            "--counterfactuals", *map(str, [doses] if test else []),
            "--comparison", *([str(comparison(folder))] if test else []),
            "--tabled", "[]", "--tables",
            "--audit", str(folder / "records.tsv"),
            "--audit-record", str(folder / "audit.json"),
            "--subjects", json.dumps([*SUBJECTS, "P013", "P015"]),
            "--excluded", '{"P014": "<gone>"}', "--accepted", "{}",
            "--out", str(folder / "index.html"), "--sheets", str(folder / "sheets.tsv"),
            "--methods", str(folder / "methods.md"), "--card", str(folder / "card.md"),
            "--validation", "--test", "--statements",
            "--record", str(folder / "cohorts" / "c1" / "report" / "report.json"),
            "--settings", json.dumps({"title": TITLE}),
        ]
    )  # fmt: skip
    return (folder / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return run(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_tags_close_and_links_lead_somewhere(page):
    assert page.open == []
    assert page.links and {link.removeprefix("#") for link in page.links} <= page.ids


def test_nothing_is_fetched_and_nothing_runs(text, page):
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "iframe", "object", "form"}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert attributes.get("src", "data:").startswith("data:")
    outside = set(re.findall(r"https?://[^\s\"'<)]+", text))
    assert outside <= {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert set(re.findall(r"url\((.)", text)) <= {"#"} and "@import" not in text
    policy = next(a for t, a in page.tags if t == "meta" and "http-equiv" in a)["content"]
    assert "default-src 'none'" in policy and "script" not in policy


def test_hostile_text_is_escaped(text):
    assert "<script" not in text and "&lt;script&gt;" in text
    assert "voxels <cut>" not in text and "voxels &lt;cut&gt;" in text


def test_failed_checks_come_before_the_results(text):
    top = text[: text.index('id="results"')]
    assert "Dice" in top and "#subject-P003" in top and "✕ FAILED" in top
    assert "voxels" not in top


def test_the_board_stands_in_the_report(text):
    top = text[text.index('id="board"') : text.index('id="results"')]
    for part in ("1 failed", "12 unfinished", "1 excluded", "1 ready", "two &lt;slices&gt;"):
        assert part in top
    assert "give the series" in top and "&lt;gone&gt;" in top


def test_a_check_that_was_not_made_is_grey_and_counted(text):
    """Neither passed nor failed, with the reason; not in the red box."""
    top = text[: text.index('id="results"')]
    assert "1 not made" in top and "no &lt;date&gt;" not in top
    body = text[text.index('id="subject-P002"') : text.index('id="subject-P003"')]
    assert '<td class="soft">– not made: no &lt;date&gt;</td>' in body
    assert "1 not made" in body


def test_who_is_left_out_or_gone_is_not_accused(text, page):
    """Their records lie there still; the links of all others lead somewhere."""
    alarm = text[text.index('id="failed"') : text.index('id="board"')]
    assert "P014" not in alarm and "0.1122" not in text
    assert "GONE" not in text and "0.1233" not in text and "preprocessing-code-differs" not in text
    assert "P015" in alarm and "#subject-P015" not in text and "0.1344" in alarm
    assert {link.removeprefix("#") for link in page.links} <= page.ids


def test_what_has_no_number_or_was_not_made_is_said_so(text):
    alarm = text[text.index('id="failed"') : text.index('id="board"')]
    assert "e+300" not in text and alarm.count("n/a</td>") == 2 and "n/a mm" not in text


def test_an_accepted_check_is_not_shown_as_failed():
    rows = [{"check": "a", "verdict": v, "subject": "P001"} for v in ("pass", "accepted", "fail")]
    section = subjects.subject_sections(
        [{"subject": "P001", "split": "test", "fold": "-1", "label": "1"}], rows, {}, {}
    )[0]
    assert section["failed"] == 1


def test_every_subject_has_its_picture(text, page):
    sections = re.findall(
        r'<article class="subject" id="subject-(\w+)">(.*?)</article>', text, re.S
    )
    assert [name for name, _ in sections] == SUBJECTS
    sources = [re.findall(r'src="([^"]+)"', body) for _, body in sections]
    assert [len(s) for s in sources] == [1] * 8 + [2, 2, 1, 1]
    assert len({s[0] for s in sources}) == len(SUBJECTS)


def test_what_the_maps_mean_is_shown(text):
    part = text[text.index('id="maps"') : text.index('id="reading"')]
    assert "inside the 95 % isodose" in part and "0.432" in part and "0.0123" in part
    assert "0.110 – 0.987" in part and "0.300 ± 0.050" in part
    assert "importance of dose hidden alone" in part and "0.654" in part
    assert "rank correlation of importance and dose" in part and "0.247" in part
    assert "5 mm left" in part and "0.864<small>with P010" in part and "P009 (RICE)" in part
    assert part.count("<svg") == 1 and part.count("<circle") == 1


def test_without_maps_there_is_no_section_about_them(tmp_path):
    assert 'id="maps"' not in run(tmp_path, test=False)


def test_banner_and_counts(text):
    assert "Research use only. Not for clinical decisions." in text
    assert "8 training, 4 test" in text and "6 / 6" in text
    assert "of 20 checks on record, 17 of subjects; 1 not made" in text and "<dd>4<small>of" in text


def test_comparison_says_how_little_few_subjects_can_show(text):
    section = text[text.index("Comparison with other cohorts") : text.index("All metrics")]
    assert "&lt;c1&gt;" in section and "-0.2 to 0.8" not in section  # of too few
    assert "0.250</td><td>cannot be shown with this many patients</td></tr>" in section
    assert "no difference" in section


def test_no_interval_has_a_width_of_zero(text):
    results = text[text.index('id="results"') : text.index('id="maps"')]
    found = re.findall(r"(-?\d\.\d+) to (-?\d\.\d+)", results)
    assert all(float(low) < float(high) for low, high in found)
    # of four test subjects there are counts alone
    test = results[results.index("Test: the ensemble") : results.index("Predictive values")]
    cells = re.findall(r'<td class="n" title[^>]*>([^<]*)<', test)
    assert cells and all(re.fullmatch(r"–|\d of \d", cell) for cell in cells)


def test_too_few_patients_are_said_to_be_too_few(text):
    results = text[text.index('id="results"') : text.index('id="maps"')]
    assert results.count("too few to estimate anything") >= 2  # once a section of each set
    assert "published, " not in results
    assert "± " not in results.split("Cross-validation:")[1].split("</table>")[0]  # of two folds


def test_no_predictive_value_is_given_of_too_few(text):
    part = text[text.index("Predictive values") : text.index("Contrasts:")]
    assert "Not made: there is no set with 10 patients of each class." in part
    assert "<td" not in part


def test_verdicts_of_contrasts_stand_in_the_report(text):
    part = text[text.index("Contrasts:") : text.index("Comparison with")]
    few = '<tr class="few">'  # of a class there are fewer than ten
    for of in ("cross-validation", "test"):
        assert part.count(f"{few}<td>{of}</td>") == 2
    assert part.count("<td>not tested: too few patients</td>") == 4


def test_missing_values_are_na(tmp_path):
    text = run(tmp_path, test=False)
    assert "Comparison with" not in text
    assert "n/a" in text and "nan" not in text.lower().replace("provenance", "").split()
    assert "no test subjects" in text
    Page(text)


def test_subject_without_a_picture_is_said_and_recorded(tmp_path):
    rows = [{"subject": "P001", "split": "test", "fold": "-1", "label": "1", "digest": "x"}]
    section = subjects.subject_sections(rows, [], {}, {})[0]
    assert section["overview"] is None and section["label"] == "RICE"


def test_ablations_keep_the_order_of_the_table():
    summary = {"ablations": {"a-b": 1, "b": 2}}
    assert list(evaluated.ordered(summary, [{"ablation": "b"}, {"ablation": "a-b"}])) == [
        "b",
        "a-b",
    ]


def test_maps_stand_beside_their_controls(text):
    """What is below the controls is grey; what was not made says so; nothing is claimed."""
    section = text[text.index('<section id="maps">') : text.index('<section id="reading">')]
    assert "Nothing is claimed about what these maps show" in section
    assert "1 control networks, 19 are needed" in section and '<tr class="soft">' in section
    assert "0.411, 0.453" in section  # the points, where there is no interval
    assert "permuted labels not made" in section and "; 1 networks" in section
