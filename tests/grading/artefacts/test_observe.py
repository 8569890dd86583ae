"""Lesson 44's files, looked into with the real Prometheus: each known mistake is found by what it computes."""

from __future__ import annotations

import pytest
from grading.checkpoints import all_checkpoints
from grading.checkpoints.artefacts import SUBJECT

from grading.builder.solve import AnswerKey
from labs.serve.running import running
from labs.serve.settings import Settings
from tests.grading.entries import Entries

QUESTIONS = ("s.observe.rate", "s.observe.errors", "s.observe.p95", "s.observe.saturation")


def verdict(id: str, path):
    """Return the verdict on a file."""
    question = all_checkpoints()[id]
    return question.verdict(Entries().observed(SUBJECT + id, question.asks.inspect(path)))


def written(tmp_path, text: str):
    """Return a file with a text."""
    path = tmp_path / "asked"
    path.write_text(text)
    return path


@pytest.mark.parametrize("id", QUESTIONS)
def test_the_answer_is_right_on_series_that_nobody_has_seen(id: str, tmp_path):
    """And an expression that Prometheus refuses gets its own words."""
    space: dict[str, str] = {}
    exec(AnswerKey.read().answers[id], space)
    assert verdict(id, written(tmp_path, space[id.rpartition(".")[2]])).ok
    refused = verdict(id, written(tmp_path, "sum("))
    assert (refused.mistake, "parse error" in refused.yours) == ("refused", True)


@pytest.mark.parametrize(
    ("id", "expression", "mistake"),
    [
        ("s.observe.rate", "sum(rate(serving_in_flight[5s]))", "gauge"),
        ("s.observe.rate", 'rate(sum(serving_requests_total{path=~"/predict.*"})[5s:1s])', "sum first"),
        ("s.observe.rate", "sum(rate(serving_replies_total[5s]))", "nothing"),
        ("s.observe.errors", 'sum(rate(serving_requests_total{status=~"5.."}[5s]))', "a second"),
        ("s.observe.p95", "avg(histogram_quantile(0.95, rate(serving_request_seconds_bucket[5s])))", ""),
        (
            "s.observe.p95",
            'histogram_quantile(0.95, sum by (le) (serving_request_seconds_bucket{path=~"/p.*"}))',
            "no rate",
        ),
        ("s.observe.saturation", "sum(serving_in_flight)", "gauge"),
    ],
)
def test_a_mistake_is_known_by_what_it_computes(id: str, expression: str, mistake: str, tmp_path):
    """However it is written."""
    found = verdict(id, written(tmp_path, expression))
    assert (found.ok, found.mistake) == (False, mistake)


def test_a_configuration_is_judged_by_what_prometheus_scraped_with_it(tmp_path):
    """The service is up, and a target where nobody listens is named."""
    config = 'global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: a, static_configs: [{{targets: ["{}"]}}]}}]'
    question = all_checkpoints()["s.observe.config"]
    with running(Settings(instances=1)) as service:
        facts = question.asks.inspect(written(tmp_path, config.format(service.url.removeprefix("http://"))))
    assert [(one["serves"], one["health"]) for one in facts["targets"]] == [("service", "up")]
    assert verdict("s.observe.config", written(tmp_path, config.format("127.0.0.1:9"))).mistake == "down"
    assert verdict("s.observe.config", written(tmp_path, "scrape_configs: []")).mistake == "empty"
    assert verdict("s.observe.config", written(tmp_path, "scrape_configs: {a")).mistake == "invalid"
