"""The questions of "A platform for several teams": a retry, a router, and a verdict on a
canary.
"""

from grading.builder.questions import (
    another,
    at_least,
    at_most,
    domain,
    pick,
    prediction,
    question,
)

prediction(
    "platform.lost",
    "How many of 160 requests fail when a replica is killed?",
    about={"subject": "platform.recovery"},
    between=(0, 160),
    first="without a good answer to their first try",
    lost="without a good answer in the end",
)


@question(
    "platform.retry",
    "When to try again, and when to give up",
    points=1,
    hint="First decide whether to give up, from tries and status. Then double the wait, "
    "up to its limit.",
)
def retry(random):
    yield (1, 503), "The first wait is 0.1 s."
    yield (2, 503), "Each wait is twice as long as the previous one."
    yield (3, 500), ""
    yield (4, 0), "Doubling gives 0.8 s, but the longest wait is 0.5 s."
    yield (
        (5, 503),
        "Five tries have failed: give up.",
    )
    yield (7, 0), "More than five tries have failed: give up."
    for status in (400, int(random.choice([404, 413, 422])), 499):
        yield (
            (1, status),
            "The client is at fault, and the same request would fail again: give up.",
        )
    yield (1, 429), "429 means 'too many requests, try later': wait and try again."
    yield (5, 429), "Also on 429, five tries are enough."
    failed_tries = int(random.integers(1, 4))
    status = int(random.choice([500, 502, 504]))
    yield (failed_tries, status), ""


@domain("platform.retry")
def any_failure(random):
    status = pick(random, 0, 400, 404, 408, 422, 429, 499, 500, 502, 503, 504)
    return random.integers(1, 8), status


@question(
    "platform.canary",
    "A verdict on a canary",
    points=2,
    hint="First check whether there are enough requests. An error rate is errors / "
    "requests, for each version.",
)
def canary(random):
    def version(requests, errors, median_s):
        return {"requests": requests, "errors": errors, "median_s": median_s}

    median_s = int(random.integers(2, 40)) / 100
    stable = version(int(random.integers(400, 900)), 4, median_s)
    yield (
        (stable, version(120, 0, 1.4 * median_s)),
        "No error, and a median within 1.5 times the stable one's.",
    )
    yield (
        (stable, version(120, 0, 1.7 * median_s)),
        "Its median latency is 1.7 times the stable version's.",
    )
    yield (
        (stable, version(120, 9, median_s)),
        "7.5 % of its requests failed, and at most 1 % of the stable version's.",
    )
    yield (
        (version(300, 60, median_s), version(100, 20, median_s)),
        "Both have an error rate of 20 %, so the canary is not worse. Compare error "
        "rates, not numbers of errors.",
    )
    yield (
        (version(900, 12, median_s), version(100, 8, median_s)),
        "It has fewer errors than the stable version, and far fewer requests: 8 % "
        "fail, against 1.3 %.",
    )
    no_errors = version(500, 0, median_s)
    yield (
        (no_errors, version(120, 1, median_s)),
        "0.8 % of its requests fail, and none of the stable version's: that is within "
        "one point.",
    )
    yield (
        (no_errors, version(120, 2, median_s)),
        "1.7 % of its requests fail, and none of the stable version's: that is more "
        "than one point.",
    )
    yield (
        (version(400, 20, median_s), version(100, 1, median_s)),
        "It fails less often than the stable version: that is no reason to roll back.",
    )
    yield (stable, version(14, 0, median_s)), "14 requests are too few to decide: wait."
    yield (
        (stable, version(12, 6, 9 * median_s)),
        "The figures look bad, but 12 requests are too few: wait.",
    )
    yield (stable, version(15, 0, median_s)), "15 requests are enough."


@domain("platform.canary")
def any_versions(random):
    def version(requests, median_s):
        errors = round(requests * pick(random, 0, 0.005, 0.02, 0.03, 0.2))
        return {"requests": requests, "errors": errors, "median_s": median_s}

    median_s = pick(random, 0.1, 0.21, 0.3)
    stable = version(pick(random, 15, 40, 300, 1000), median_s)
    requests = pick(random, 2, 14, 15, 16, 100, 120, 2000)
    canary = version(requests, median_s * pick(random, 0.5, 1.0, 1.4, 1.6, 4))
    rates = [each["errors"] / each["requests"] for each in (stable, canary)]
    if abs(rates[1] - rates[0] - 0.01) < 1e-9:  # one point, but for rounding
        return any_versions(random)
    return stable, canary


ROUTER_RULES = [
    ("lost", "", "{lost}"),
    ("answered", 60, "{answered} of 60 requests were answered. {said}"),
    (
        "named",
        60,
        "{named} of 60 answers contain a `version`, `stable` or `canary`. All must name "
        "the version that gave them.",
    ),
    (
        "asked",
        60,
        "In {asked} of 60 requests, you asked exactly the version that the answer names. "
        "Ask one version per request, and name it.",
    ),
    (
        "canary",
        at_least(5),
        "The share is 0.3, but {canary} of 60 requests went to the canary. Does "
        "`reconfigure` store the share?",
    ),
    (
        "canary",
        at_most(32),
        "The share is 0.3, but {canary} of 60 requests went to the canary. Did you swap "
        "the two versions?",
    ),
    (
        "by_chance",
        True,
        "The versions follow a fixed pattern, so a client that comes at every tenth request "
        "always gets the same one. Decide each by chance: `random.random()`.",
    ),
    (
        "all",
        20,
        "`reconfigure` was called again with the share 1, and {all} of 20 requests went to "
        "the canary. Keep the newest share.",
    ),
    (
        "none",
        0,
        "`reconfigure` was called again with the share 0, and {none} of 20 requests went to "
        "the canary. Keep the newest share.",
    ),
    (
        "right",
        True,
        "The classes differ from the model's. Do you await the handle's call, with the "
        "body's bytes?",
    ),
]

ROUTER_FACTS = {
    "lost": "",
    "said": "",
    "answered": 60,
    "named": 60,
    "canary": 17,
    "by_chance": True,
    "all": 20,
    "none": 0,
    "asked": 60,
    "right": True,
}

question(
    "platform.router",
    "A router that sends a share to a canary",
    points=4,
    hint="`random.random()` is below 0.3 in three of ten calls. Both handles are in "
    "`self.versions`, by name.",
    file="labs.deeper.platform.judge:router",
    rules=ROUTER_RULES,
    good=ROUTER_FACTS,
)
