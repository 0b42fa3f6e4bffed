"""The entities of an RO-Crate: workflow, tools, steps, runs, results (terms of schema.org)."""

from __future__ import annotations

import hashlib
import io
import json
import shlex
from pathlib import Path
from typing import Any

from rocrate.model import ContextEntity
from rocrate.model.entity import Entity
from rocrate.rocrate import ROCrate

import ricenet
from ricenet.audit.diff import in_order
from ricenet.audit.records import Record, RecordedStudy
from ricenet.config import config
from ricenet.provenance.code_digest import SOURCE
from ricenet.study import layout

PROJECT = SOURCE.parents[1]
WORKFLOW_FILES = ("workflow/rules", "envs", "src/ricenet")
SUFFIXES = (".py", ".smk", ".yaml", ".lock", ".j2", ".css", ".md")
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
PLANNED = ("open_test_set", "note_plan")  # steps whose records hold an analysis plan
COMPLETED = {"@id": "http://schema.org/CompletedActionStatus"}
FORMATS = {
    ".json": "application/json", ".tsv": "text/tab-separated-values", ".png": "image/png",
    ".html": "text/html", ".nii.gz": "application/gzip",
}  # fmt: skip


class Crate:
    """A crate that grows by results and runs.

    Parameters
    ----------
    study : RecordedStudy
        What is exported.
    licence : str
        Text or URL.
    root_digest : str
        Over the study's results.
    """

    def __init__(self, study: RecordedStudy, *, licence: str, root_digest: str) -> None:
        self.study = study
        self.crate = ROCrate(version="1.1")  # which the profiles are built on
        self.crate.name = f"RICE-NET study {study.root.resolve().name}"
        self.crate.description = (
            "Every step from raw series to metrics, with digests of all results"
        )
        self.crate.license = licence
        self._entities: dict[str, Entity] = {}
        self._tools: dict[str, list[Entity]] = {}
        self._controls: list[Entity] = []
        self._profiles()
        self.crate.root_dataset["identifier"] = self._value(
            "#root-digest", "root digest", root_digest
        )
        self.workflow = self._add_workflow()

    def _profiles(self) -> None:
        profiles = [
            self._context(url, "CreativeWork", name=name, version=url.rpartition("/")[2])
            for url, name in PROFILES.items()
        ]
        self.crate.root_dataset["conformsTo"] = profiles

    def _add_workflow(self) -> Entity:
        kinds = ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]
        about = {"@type": kinds, "name": "RICE-NET workflow", "version": ricenet.__version__}
        workflow = self.crate.add_workflow(
            PROJECT / "Snakefile", "Snakefile", main=True, lang="snakemake", properties=about
        )
        for folder in WORKFLOW_FILES:
            for path in sorted((PROJECT / folder).rglob("*")):
                if path.is_file() and path.suffix in SUFFIXES:
                    self.crate.add_file(path, path.relative_to(PROJECT).as_posix())
        return workflow

    def _context(self, name: str, kind: str, /, **properties: Any) -> Entity:
        """Return an entity that is not a file, made once."""
        if name not in self._entities:
            about = {"@type": kind, **properties}
            self._entities[name] = self.crate.add(ContextEntity(self.crate, name, about))
        return self._entities[name]

    def _value(self, name: str, what: str, value: str) -> Entity:
        return self._context(name, "PropertyValue", name=what, value=value)

    def add_result(self, name: str, *, copied: bool) -> None:
        """Add a file of the study: with its content, or by its digest alone."""
        record, digest = self.study.outputs()[name]
        about = {
            "name": name,
            "identifier": f"ricenet-digest:{digest}",  # of voxels and affine for NIfTI
            "description": f"made by {record.step}",
        }
        known = [kind for suffix, kind in FORMATS.items() if name.endswith(suffix)]
        about["encodingFormat"] = known[0] if known else "application/octet-stream"
        if copied:
            path = self.study.root / name
            about["contentSize"] = str(path.stat().st_size)
            self._entities[name] = self.crate.add_file(path, f"results/{name}", properties=about)
        else:
            self._entities[name] = self._context(f"#results/{name}", "CreativeWork", **about)

    def add_ledgers(self) -> None:
        """Add the ledgers of test openings, which no record has as its output, with their content.

        They say when the test patients were opened, under which plan: see ``cohort/openings.py``.
        """
        for path in sorted(self.study.root.glob(layout.path("test_openings", cohort="*"))):
            name = path.relative_to(self.study.root).as_posix()
            about = {
                "name": name,
                "description": "ledger of test openings, its lines chained by digests",
                "encodingFormat": FORMATS[".tsv"],
            }
            self._entities[name] = self.crate.add_file(path, f"results/{name}", properties=about)

    def _plan(self, record: Record) -> Entity | None:
        """Return the analysis plan that a record tells of, in the form that the ledger knows."""
        plan = record.content["facts"].get("plan")
        if record.step not in PLANNED or not plan:
            return None
        text = config.json_text(plan)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if (name := f"plans/{digest}.json") not in self._entities:
            about = {
                "name": "analysis plan",
                "identifier": f"sha256:{digest}",  # column plan of the ledger
                "description": "what figures were to be, see column plan of the ledger",
                "encodingFormat": FORMATS[".json"],
            }
            self._entities[name] = self.crate.add_file(io.StringIO(text), name, properties=about)
        return self._entities[name]

    def add_run(self, record: Record) -> None:
        """Add a record as a file, the run that it describes, and its control by the workflow."""
        content = record.content
        path = self.study.root / record.name
        self._entities[record.name] = self.crate.add_file(
            path, f"results/{record.name}",
            properties={"name": record.name, "encodingFormat": "application/json"},
        )  # fmt: skip
        tool, step = self._tool(record)
        run = self._context(
            f"#run/{record.name}",
            "CreateAction",
            name=f"{record.step} of {record.name.removesuffix('.json')}",
            description=shlex.join(content["command"]),
            instrument=tool,
            actionStatus=COMPLETED,
        )
        # inputs that are results or records of later runs are tied in finish()
        for name in (*(f for f, _ in record.files("outputs")), record.name):
            run.append_to("result", self._entities[name], compact=True)
        self._controls.append(
            self._context(
                f"#control/{record.name}", "ControlAction",
                name=f"orchestrate {record.step}", instrument=step, object=run,
            )
        )  # fmt: skip

    def _tool(self, record: Record) -> tuple[Entity, Entity]:
        """Return the program and workflow step of a record."""
        step = record.step
        if step not in self._tools:
            tool = self._context(
                f"#tool/{step}", "SoftwareApplication",
                name=f"python -m ricenet {step}", softwareVersion=record.content["code"],
            )  # fmt: skip
            how = self._context(f"#step/{step}", "HowToStep", name=step, workExample=tool)
            self._tools[step] = [tool, how]
        tool, how = self._tools[step]
        return tool, how

    def _inputs(self, record: Record) -> list[Entity]:
        settings = json.dumps(record.content["settings"], sort_keys=True)
        name = f"{record.step} {settings}"
        short = hashlib.sha256(name.encode()).hexdigest()[:12]
        entities = [self._entities[f] for f, _ in record.files("inputs") if f in self._entities]
        if plan := self._plan(record):
            entities.append(plan)
        entities.append(self._value(f"#settings/{short}", f"settings of {record.step}", settings))
        for flag, entries in record.content["raw"].items():
            for entry in entries:
                what = f"raw data ({flag}): sha256 of {entry['files']} files"
                entities.append(self._value(f"#raw/{entry['digest'][:16]}", what, entry["digest"]))
        return list({entity.id: entity for entity in entities}.values())

    def finish(self) -> None:
        """Link runs with their inputs, and all with the workflow and its engine."""
        ordered = in_order(self.study)
        for record in ordered:
            self._entities[f"#run/{record.name}"]["object"] = self._inputs(record)
        steps = list(dict.fromkeys(record.step for record in ordered))
        for position, step in enumerate(steps, 1):
            tool, how = self._tools[step]
            how["position"] = str(position)
            self.workflow.append_to("hasPart", tool)
            self.workflow.append_to("step", how)
        whole = self._context(
            "#run", "CreateAction", name="run of the workflow", instrument=self.workflow,
            actionStatus=COMPLETED, object=self._raw(), result=self._last(),
        )  # fmt: skip
        engine = self._context(
            "#snakemake", "SoftwareApplication", name="Snakemake",
            url="https://snakemake.github.io", softwareVersion=_snakemake(ordered),
        )  # fmt: skip
        self._context(
            "#engine", "OrganizeAction", name="run of Snakemake", instrument=engine,
            object=self._controls, result=whole,
        )  # fmt: skip
        self.crate.root_dataset["mentions"] = [
            whole, *(self._entities[f"#run/{record.name}"] for record in ordered),
        ]  # fmt: skip

    def _raw(self) -> list[Entity]:
        return [entity for name, entity in self._entities.items() if name.startswith("#raw/")]

    def _last(self) -> list[Entity]:
        """Return the final results, which nothing else was made from."""
        used = {f for record in self.study.records.values() for f, _ in record.files("inputs")}
        return [self._entities[name] for name in self.study.outputs() if name not in used]

    def write(self, out: Path) -> None:
        """Write the crate's folder."""
        self.crate.write(out)


def _snakemake(records: list[Record]) -> str:
    known = {record.content["versions"].get("snakemake", "") for record in records} - {""}
    return ", ".join(sorted(known)) or "unknown"
