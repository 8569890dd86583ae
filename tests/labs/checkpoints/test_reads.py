"""Readers of facts from a ledger, a site or a file, for rules to judge."""

import json
from importlib import import_module
from pathlib import Path

import onnx
import pytest

from grading.grade.artefacts.graph import described
from labs.checkpoints.reads import compile as compile_reads
from labs.checkpoints.reads.architecture import COLUMNS
from labs.checkpoints.reads.files import FOUR
from labs.checkpoints.reads.gpus import stanzas
from labs.checkpoints.reads.scale import team_template
from labs.course.question import MissingEvidenceError, question
from labs.course.rules import fault
from labs.data import models
from labs.optimize.export import export_onnx, tidy_file
from labs.optimize.exported import exported_facts
from labs.serve.triton.groups import groups_of
from tests.entries import Entries
from tests.grading.exported import exporting_source, run_export

LEASE = {"status": "PENDING", "node": "liqid01", "type": "compute_liqid", "of_this_name": 1}
LEASE |= {"start": "2026-03-02T14:00:00+00:00", "end": "2026-03-02T16:50:00+00:00"}
RELEASE = {"held": [], "at": "2026-03-02T15:50:00+00:00"}

SIDE_BY_SIDE = {"details": {"comparison_id": "1", "block_calls": 10}}
CUDA = SIDE_BY_SIDE | {"provider_requested": "CUDAExecutionProvider"}

RECOMMENDED = {
    "option": "small",
    "evidence": {"p50_ms": 2.5, "right": 800},
    "most_threads": 85,
    "price": "One answer fewer of 100, which nobody will see.",
    "would_change_my_mind": "Nothing.",
}

UNKNOWN = RECOMMENDED | {"option": "other"}

#: At 1,000 photos a second, two services on the processor cost 0.02 dollars an hour per thread, one
#: GPU 1.5.
RENTED = {
    "cpu": {"photos_per_s": 1e3, "threads": 256, "usd_per_hour": 2.56},
    "gpu": {"photos_per_s": 1e4, "usd_per_hour": 1.5},
}

#: As a ledger has them in which they were compared before they had threads.
WITHOUT_THREADS = RENTED | {"cpu": {"photos_per_s": 1e3, "usd_per_hour": 2.56}}

FIGURES = {
    "mobilenetv2_100": (1.0, 72.9, 3.5),
    "small": (0.75, 73.8, 3.8),
    "large": (0.88, 75.8, 5.5),
    "resnet50": (11.0, 80.4, 25.6),
    "transformer": (49.0, 83.8, 86.6),
}
NETWORKS = {name: dict(zip(COLUMNS, row, strict=True)) for name, row in FIGURES.items()}
#: A table from before it held the figures of turns.
OLDER = {name: {"ms": 4.0, "top-1 %": 72.9, "million weights": 3.5} for name in NETWORKS}

CHOSEN = {"server": "transformer", "device": "mobilenetv2_100"}


def in_full(photos: int = 1000) -> Entries:
    """Return a ledger in which a machine has measured float32 and a smaller file in full, which
    loses one point.
    """
    entries = Entries().in_full("food11", 0.003, 81, 530, 9_000, photos)
    return entries.in_full("small", 0.002, 80, 800, 2_000, photos).observed(
        "defend.machines", RENTED
    )


def ran(provider: str) -> Entries:
    """Return a ledger in which CUDA was asked for, and a provider ran 56 nodes."""
    return in_full().measured(
        "latency", "cuda", [0.001] * 40, providers_used={provider: 56}, **CUDA
    )


def raced() -> Entries:
    """Return a ledger in which three of four files took turns on a device, one with other bytes
    than were sent.
    """
    entries = Entries().observed("edge.files", dict.fromkeys(FOUR, "0" * 64))
    for option in FOUR[:3]:
        sha256 = ("1" if option == "edge-int8-dynamic" else "0") * 64
        entries.measured("accuracy", option, [1] * 100)
        entries.measured("latency", option, [0.001] * 40, model={"sha256": sha256}, **SIDE_BY_SIDE)
    return entries.observed(
        "edge.race", {"machine_id": entries.records.measurements()[0].machine_id}
    )


def batched() -> Entries:
    """Return a ledger in which Triton batched sixteen clients' photos only with the stanza."""
    entries = Entries()
    stages = dict.fromkeys(("queue_s", "input_s", "infer_s", "output_s"), 0.01)
    for option, batches in (("on", {"4": 2, "16": 4}), ("off", {"1": 72})):
        server = {"requests": 72, "executions": sum(batches.values()), "batches": batches, **stages}
        load = {"offsets_s": [0.1], "duration_s": 2.0, "server": server}
        entries.measured("load", f"batching-{option}-16", [0.1], load=load, concurrency=16)
    return entries


def boarded(chosen: str, photos: int = 1000, **machine: object) -> Entries:
    """Return a ledger in which a board has measured float32 and a smaller file that loses one
    point; one is chosen.
    """
    board = {"cpu_model": "Cortex-A76", "architecture": "aarch64", **machine}
    entries = Entries().in_full(FOUR[0], 0.011, 81, 90, 9_000_000, photos, machine=board)
    entries.in_full(FOUR[3], 0.004, 80, 250, 2_000_000, photos, machine=board)
    evidence = {"p50_ms": 4.0, "right": 800}
    return entries.answered(
        "target.choice", RECOMMENDED | {"option": chosen, "where": "device", "evidence": evidence}
    )


def laptop(*cpu_flags: str) -> dict:
    """Return a laptop's processor in the form of a record's machine."""
    return {"cpu_model": "a laptop's", "architecture": "x86_64", "cpu_flags": list(cpu_flags)}


@pytest.mark.parametrize(
    ("reader", "entries", "facts"),
    [
        (
            "leases:model_lease",
            Entries()
            .observed("model.lease", LEASE | {"node": None})
            .observed("model.lease", LEASE),
            {"by_name": True, "begins": "14:00", "ends": "16:50", "minutes": 170},
        ),
        ("leases:system_lease", Entries().observed("model.lease", LEASE), "No lease of yours"),
        (
            "leases:model_release",
            Entries().observed("model.lease_at_release", LEASE).observed("model.release", RELEASE),
            {"held": "", "hours_given_back": 1.0},
        ),
        # An earlier block's release is none of this lease's.
        (
            "leases:model_release",
            Entries().observed("model.release", RELEASE).observed("model.lease_at_release", LEASE),
            "No release",
        ),
        (
            "defend:choice",
            in_full().answered("defend.choice", RECOMMENDED),
            {
                "p50_ms": 2.5,
                "measured_p50_ms": 2.0,
                "kept": True,
                "meets": True,
                "price_has_a_figure": True,
            }
            | {"measured_right": 800, "change_words": 1, "threads": 256, "is_most": False},
        ),
        (
            "defend:choice",
            in_full().answered("defend.choice", RECOMMENDED | {"most_threads": 74}),
            {"is_most": True},
        ),
        (
            "defend:choice",
            in_full()
            .observed("defend.machines", WITHOUT_THREADS)
            .answered("defend.choice", RECOMMENDED),
            "without their threads",
        ),
        # The same loss on a tenth of the photos is not shown to be one point only.
        (
            "defend:choice",
            in_full(100).answered("defend.choice", RECOMMENDED),
            {"kept": False, "measured": True},
        ),
        ("defend:choice", in_full().answered("defend.choice", UNKNOWN), {"measured": False}),
        (
            "defend:choice",
            Entries().answered("defend.choice", RECOMMENDED),
            "not measured completely",
        ),
        # A GPU counts by the nodes that it ran.
        ("server:on_gpu", in_full(), "Nothing was measured on a GPU"),
        ("server:on_gpu", ran("CPUExecutionProvider"), {"nodes": 0}),
        (
            "server:on_gpu",
            ran("CUDAExecutionProvider"),
            {"nodes": 56, "beside_cpu": False, "in_batches": False},
        ),
        (
            "files:four_files",
            raced(),
            {"missing": FOUR[3], "other_bytes": "edge-int8-dynamic", "pictures": 0},
        ),
        ("files:four_files", Entries(), "not taken turns"),
        (
            "target:choice",
            boarded(FOUR[3]),
            {"kept": True, "meets": True, "measured_where": "device"},
        ),
        # Fewer photos show less, float32 is too large for a device, and a rehearsal is none.
        ("target:choice", boarded(FOUR[3], photos=100), {"kept": False}),
        ("target:choice", boarded(FOUR[3], photos=100, **laptop("avx512_vnni")), {"kept": False}),
        # Without VNNI, sums saturate in every file.
        ("target:choice", boarded(FOUR[3], photos=100, **laptop("avx2")), {"kept": True}),
        ("target:choice", boarded(FOUR[0]), {"kept": True, "meets": False, "meeting": FOUR[3]}),
        (
            "target:choice",
            boarded(FOUR[3], testbed={"site": "rehearsal"}),
            {"measured_where": "rehearsal"},
        ),
        ("batching:formed", batched(), {"photos": 12.0, "plain": 1.0}),
        ("batching:formed", Entries(batched()[:1]), "not measured yet"),
        # What breaks a limit is no rival: neither the slow transformer, nor what does not fit into
        # 5 MB.
        (
            "architecture:networks",
            Entries().answered("architecture.choice", CHOSEN),
            "no table of your networks",
        ),
        (
            "architecture:networks",
            Entries()
            .answered("architecture.choice", CHOSEN)
            .observed("architecture.networks", OLDER),
            "older version",
        ),
        (
            "architecture:networks",
            Entries()
            .answered("architecture.choice", CHOSEN)
            .observed("architecture.networks", NETWORKS),
            {
                "server_times": 49.0,
                "server_best": 80.4,
                "device_times": 1.0,
                "device_top1": 72.9,
                "device_best": 73.8,
            },
        ),
    ],
)
def test_a_ledger_is_read_as_it_stands(reader: str, entries: Entries, facts: dict | str):
    """The newest record counts, figures appear beside the quoted ones, and a message names missing
    records.
    """
    module, _, function = reader.partition(":")
    read = getattr(import_module(f"labs.checkpoints.reads.{module}"), function)
    if isinstance(facts, str):
        with pytest.raises(MissingEvidenceError, match=facts):
            read(entries.records)
    else:
        all_facts = read(entries.records)
        asked_facts = {name: value for name, value in all_facts.items() if name in facts}
        assert asked_facts == pytest.approx(facts)


def test_a_template_is_filled_in_and_read(tmp_path: Path):
    """Each placeholder reaches its own field; omitted fields have Ray's default."""
    facts = team_template(Path(__file__).with_name("team.yaml"))
    for name in ("name", "route", "model", "queued", "least", "most"):
        assert facts[name] == facts[f"asked_{name}"]
    assert (facts["application"], facts["deployment"]) == ("app:build", "Food")
    path = tmp_path / "team.yaml"
    path.write_text("- name: menu\n  deployments: [{name: Food}]\n")
    bare = team_template(path)
    assert (bare["name"], bare["route"], bare["queued"], bare["most"]) == ("menu", "/", -1, 1)


@pytest.mark.parametrize(
    "text", ["", "instance_group", "{ count: 1 }", "instance_group [ ]", "instance_group [ 1 ]"]
)
def test_what_is_no_stanza_is_an_error(text: str, tmp_path: Path):
    """And so is a file of them that lacks one."""
    with pytest.raises(ValueError, match=r"no stanza|line:column"):
        groups_of(text)
    path = tmp_path / "stanzas.json"
    path.write_text(json.dumps({"one": "instance_group [ { count: 1 kind: KIND_CPU } ]"}))
    with pytest.raises(KeyError):
        stanzas(path)


def two_layers(path: Path) -> object:
    """Return a network that is exported in a second, whatever file the course's weights are in."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)

    class TwoLayers(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = torch.nn.Conv2d(3, 8, kernel_size=3, stride=16)
            self.classifier = torch.nn.Linear(8, 11)

        def forward(self, x: object) -> object:
            return self.classifier(self.features(x).relu().mean((2, 3)))

    return TwoLayers().eval()


def compile_rules(facts: dict) -> str:
    return fault(question("compile.export").rules, facts)


@pytest.mark.parametrize(
    ("argument", "other", "says"),
    [
        ("opset_version=18", "", "export with `opset_version=18`"),
        ("opset_version=18", "opset_version=19", "operators have version 19"),
        ('input_names=["input"]', "", "The file's input is `x`"),
        ('input_names=["input"]', 'input_names=["image"]', "The file's input is `image`"),
        ('output_names=["output"]', "", "The file's output is `linear`"),
        ('output_names=["output"]', 'output_names=["class"]', "The file's output is `class`"),
        ('dynamic_shapes=({0: torch.export.Dim("batch")},)', "", "accepts only 2 photos at a time"),
        ("external_data=False", "", "`tidy_file` moved them into this one"),
        ("external_data=False", "external_data=True", "`tidy_file` moved them into this one"),
        ("net,", "torch.nn.Sequential(net, torch.nn.Sigmoid()).eval(),", "differ"),
        ("", "", ""),
    ],
)
@pytest.mark.slow
def test_each_argument_of_the_export_that_is_dropped_or_changed_has_its_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: str, other: str, says: str
):
    """In the student's check and in the grader, which reads only the graph of the same file.

    Of a network of two layers: MobileNet's export takes a quarter of a minute, and other tests'
    hand-ins have it.
    """
    monkeypatch.setattr(models, "load_mobilenet_v2", two_layers)
    source = exporting_source()
    assert argument in source
    path = run_export(source.replace(argument, other, 1).replace("\n    ,", ""), tmp_path)
    facts = compile_reads.exported_file(path)
    assert says in compile_rules(facts)
    assert bool(says) == bool(compile_rules(facts))
    graph = described(onnx.load(path))
    if says != "differ":
        assert compile_rules(graph | {"difference": 0.0}) == compile_rules(facts)


def test_a_file_of_the_courses_own_exporter_and_one_without_its_weights_are_named(tmp_path: Path):
    """The course's functions export no student's file, however often it is tidied."""
    nn = pytest.importorskip("torch.nn")

    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten()).eval()
    path = export_onnx(network, tmp_path / "food11.onnx", image_size_px=8)
    facts = exported_facts(onnx.load(tidy_file(path)))
    assert "course's `export_onnx` wrote this file" in compile_rules(facts | {"difference": 0.0})
    model = onnx.load(path)
    onnx.save_model(model, path, save_as_external_data=True, size_threshold=0)
    facts = exported_facts(onnx.load(path, load_external_data=False))
    assert "weights are in another file" in compile_rules(facts)
    facts = exported_facts(onnx.load(tidy_file(tidy_file(path))))
    assert "`tidy_file` moved them into this one" in compile_rules(facts)
