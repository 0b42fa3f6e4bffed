"""The RO-Crate of a study holds what Provenance Run Crate 0.5 asks for, and no identity."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from dicom_phantoms import CANARIES
from finished_study import Finished
from ricenet.audit import identities, privacy, records
from ricenet.audit.verify import verify
from ricenet.export import export

PERMALINKS = {
    "https://w3id.org/ro/wfrun/process/0.5",
    "https://w3id.org/ro/wfrun/workflow/0.5",
    "https://w3id.org/ro/wfrun/provenance/0.5",
}


@pytest.fixture(scope="module")
def crate(small_study: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("crates") / "crate"
    assert export.main([str(small_study.root), str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def graph(crate: Path) -> dict[str, dict[str, Any]]:
    metadata = json.loads((crate / "ro-crate-metadata.json").read_text())
    assert metadata["@context"] == "https://w3id.org/ro/crate/1.1/context"
    entities = {entity["@id"]: entity for entity in metadata["@graph"]}
    assert len(entities) == len(metadata["@graph"])
    return entities


def ids(entity: dict, key: str) -> list[str]:
    value = entity.get(key, [])
    return [v["@id"] for v in (value if isinstance(value, list) else [value])]


def of_type(graph: dict, kind: str) -> list[dict]:
    return [e for e in graph.values() if kind in e["@type"]]


def references(value: object) -> list[str]:
    if isinstance(value, dict):
        found = [value["@id"]] if set(value) == {"@id"} else []
        return found + [r for k, v in value.items() if k != "@id" for r in references(v)]
    return [r for v in value for r in references(v)] if isinstance(value, list) else []


def test_every_must_of_the_profiles_holds(graph: dict) -> None:
    root = graph["./"]
    assert set(ids(root, "conformsTo")) >= PERMALINKS and root["license"] and root["datePublished"]
    workflow = graph[ids(root, "mainEntity")[0]]
    assert {"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"} == set(
        workflow["@type"]
    )
    assert workflow["programmingLanguage"]
    steps, tools = of_type(graph, "HowToStep"), set(ids(workflow, "hasPart"))
    assert {s["@id"] for s in steps} == set(ids(workflow, "step"))
    assert all(set(ids(s, "workExample")) <= tools for s in steps)
    actions = of_type(graph, "CreateAction")
    used = {i for a in actions for i in ids(a, "instrument")}
    assert tools < used and workflow["@id"] in used
    controls = of_type(graph, "ControlAction")
    assert all(graph[ids(c, "instrument")[0]]["@type"] == "HowToStep" for c in controls)
    assert all(graph[ids(c, "object")[0]]["@type"] == "CreateAction" for c in controls)
    (engine,) = of_type(graph, "OrganizeAction")
    assert graph[ids(engine, "instrument")[0]]["@type"] == "SoftwareApplication"
    assert set(ids(engine, "object")) == {c["@id"] for c in controls}
    assert workflow["@id"] in ids(graph[ids(engine, "result")[0]], "instrument")


def test_every_reference_leads_somewhere_and_every_file_is_there(graph: dict, crate: Path) -> None:
    outside = "http"
    for entity in graph.values():
        for key, value in entity.items():
            missing = [r for r in references(value) if r not in graph and not r.startswith(outside)]
            assert not missing, (entity["@id"], key)
    files = {e["@id"] for e in of_type(graph, "File")}
    there = {p.relative_to(crate).as_posix() for p in crate.rglob("*") if p.is_file()}
    assert files == there - {"ro-crate-metadata.json"}
    assert files <= set(ids(graph["./"], "hasPart"))


def test_runs_are_those_of_the_records(graph: dict, small_study: Finished) -> None:
    study = records.read(small_study.root)
    runs = {e["@id"] for e in of_type(graph, "CreateAction")} - {"#run"}
    assert runs == {f"#run/{name}" for name in study.records}
    run = graph["#run/subjects/S1/event_zscored.json"]
    assert set(ids(run, "object")) >= {
        "#results/subjects/S1/event_registered.nii.gz",
        "#results/subjects/S1/event_brain-mask.nii.gz",
    }
    result = graph["#results/subjects/S1/event_zscored.nii.gz"]
    assert result["@id"] in ids(run, "result")
    digest = study.outputs()["subjects/S1/event_zscored.nii.gz"][1]
    assert result["identifier"] == f"ricenet-digest:{digest}"
    raw = [graph[i] for i in ids(graph["#run/subjects/S1/event_native.json"], "object")]
    recorded = study.records["subjects/S1/event_native.json"].content["raw"]["raw"][0]["digest"]
    assert recorded in [e.get("value") for e in raw]
    assert graph["#root-digest"]["value"] == verify(small_study.root).root_digest


def test_the_ledger_of_test_openings_and_its_plan_are_in_it(
    graph: dict, crate: Path, small_study: Finished
) -> None:
    name = "results/cohorts/c1/test-openings.tsv"
    assert (crate / name).read_bytes() == (small_study.root / name[len("results/") :]).read_bytes()
    head, *lines = [row.split("\t") for row in (crate / name).read_text().splitlines()]
    assert lines
    for line in lines:  # the plan's file is what the ledger names by its sha256
        digest = dict(zip(head, line, strict=True))["plan"]
        content = (crate / f"plans/{digest}.json").read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
        assert json.loads(content)["primary_metric"] == "macro_f1"
        assert f"plans/{digest}.json" in ids(graph["#run/cohorts/c1/test-openings.json"], "object")
    assert name in ids(graph["#run/cohorts/c1/evaluation/evaluation.json"], "object")


def test_no_identity_and_no_face(crate: Path, small_study: Finished) -> None:
    known = identities.collect(small_study.folder / "raw", allowed=())
    del known.names["name"]  # of CANARY^NAME; a word of every crate, too
    for path in (p for p in crate.rglob("*") if p.suffix in (".json", ".tsv", ".safetensors")):
        text = path.read_bytes().decode("latin1")
        assert not known.within(text) and not [c for c in CANARIES if c in text], path.name
    assert privacy.problems(crate / "results", against=None, processes=1) == []
    entities = json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]
    published = {e["datePublished"] for e in entities if "datePublished" in e}
    assert len(published) == 1  # the day of the export, which the format demands
    text = json.dumps(entities).replace(published.pop(), "")
    assert not privacy.search(text, None)
    assert not [p for p in crate.rglob("*") if p.name.endswith(export.IMAGES)]


def test_images_are_copied_on_request(small_study: Finished, tmp_path: Path) -> None:
    assert export.main([str(small_study.root), str(tmp_path / "x"), "--with-images"]) == 0
    for name in ("subjects/S1/event_native.nii.gz", "caches/S1.npy"):
        copy = tmp_path / "x" / "results" / name
        digest = hashlib.sha256(copy.read_bytes()).hexdigest()
        assert digest == hashlib.sha256((small_study.root / name).read_bytes()).hexdigest()


def test_damaged_study_and_full_folder_are_refused(
    small_study: Finished, crate: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert export.main([str(small_study.root), str(crate)]) == 2
    assert "already exists" in capsys.readouterr().err
    root = small_study.copied(tmp_path / "copy").root
    (root / "caches/S1.npy").unlink()
    assert export.main([str(root), str(tmp_path / "y")]) == 2
    assert "caches/S1.npy (missing" in capsys.readouterr().err
    assert not (tmp_path / "y").exists()


def test_validator_of_the_profile_finds_nothing(
    crate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline: the one context it asks for is the copy in the rocrate package."""
    import rocrate
    from rocrate_validator import models, services
    from rocrate_validator.utils import http

    bundled = (Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld").read_text()
    # the copy is of RO-Crate 1.3; in 1.1 these terms had other addresses
    context = bundled.replace("bioschemas.org/terms/", "bioschemas.org/")

    class Answer:
        status_code, ok, from_cache = 200, True, True
        text, content = context, context.encode()
        headers = {"Content-Type": "application/ld+json"}  # noqa: RUF012

        def json(self) -> Any:
            return json.loads(context)

        def raise_for_status(self) -> None:
            pass

    def get(self: object, url: str, **_: object) -> Answer:
        if not url.startswith("https://w3id.org/ro/crate/1.1/context"):
            raise OSError(f"no network for {url}")
        return Answer()

    for name in ("get", "head", "fetch_fresh"):
        monkeypatch.setattr(http.HttpRequester, name, get, raising=False)

    def issues(folder: Path) -> list[str]:
        settings = services.ValidationSettings(
            rocrate_uri=str(folder), profile_identifier="provenance-run-crate-0.5",
            requirement_severity=models.Severity.REQUIRED, offline=True,
        )  # fmt: skip
        return [str(issue.message) for issue in services.validate(settings).get_issues()]

    assert issues(crate) == []
    # and it does look: without the step of a control, it complains
    path = crate / "ro-crate-metadata.json"
    whole = path.read_text()
    metadata = json.loads(whole)
    for entity in metadata["@graph"]:
        if entity["@type"] == "ControlAction":
            del entity["instrument"]
    path.write_text(json.dumps(metadata))
    try:
        assert any("HowToStep" in message for message in issues(crate))
    finally:
        path.write_text(whole)
