"""The questions of "A platform for several teams": a retry, a router, and a verdict on a canary."""

from grading.builder.questions import another, at_least, at_most, prediction, question

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
    points=2,
    hint="First decide whether to give up, by tries and status. Then double the wait, and bound it.",
)
def retry(random):
    yield (1, 503), "The first wait is 0.1 s."
    yield (2, 503), "Each wait is twice as long as the one before."
    yield (3, 500), ""
    yield (4, 0), "It would be 0.8 s, and 0.5 s is the longest wait."
    yield (
        (5, 503),
        "Five tries have failed: give up, or a service that is down is never left alone.",
    )
    yield (7, 0), "More than five tries have failed: give up."
    yield (
        (1, int(random.choice([400, 404, 413, 422]))),
        "The client's own fault, and the same again next time: give up.",
    )
    yield (1, 429), "429 says 'too many requests, later', so later it may be answered."
    yield (5, 429), "Also on 429, five tries are enough."
    yield (int(random.integers(1, 4)), int(random.choice([500, 502, 504]))), ""


@question(
    "platform.canary",
    "A verdict on a canary",
    points=2,
    hint="First whether there are enough requests. An error rate is errors over requests, for each version.",
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
        "Of its requests 7.5 % failed, and of the stable version's 1 % at most.",
    )
    yield (
        (version(300, 60, median_s), version(100, 20, median_s)),
        "Both fail in 20 % of their requests, so the canary is no worse. Compare error rates, not numbers of errors.",
    )
    yield (
        (version(900, 12, median_s), version(100, 8, median_s)),
        "It has fewer errors than the stable version, and far fewer requests: 8 % fail, against 1.3 %.",
    )
    yield (stable, version(14, 0, median_s)), "14 requests are too few to say anything."
    yield (
        (stable, version(12, 6, 9 * median_s)),
        "Bad as it looks, the rule says wait: 12 requests are too few.",
    )
    yield (stable, version(15, 0, median_s)), "15 requests are enough."


question(
    "platform.router",
    "A router that sends a share to a canary",
    points=3,
    hint="`random.random()` is below 0.3 in three of ten calls. Both handles are in `self.versions`, by name.",
    file="labs.judge.router:router",
    rules=[
        ("lost", "", "{lost}"),
        ("answered", 60, "Of 60 requests, {answered} were answered. {said}"),
        (
            "named",
            60,
            "{named} of 60 answers say under `version` whether `stable` or `canary` gave it.",
        ),
        (
            "asked",
            60,
            "In {asked} of 60 requests, the version that the answer names is the one that was asked, and it alone.",
        ),
        (
            "canary",
            at_least(5),
            "The share is 0.3, and {canary} of 60 requests went to the canary: does `reconfigure` keep the share?",
        ),
        (
            "canary",
            at_most(32),
            "The share is 0.3, and {canary} of 60 requests went to the canary: is it turned around?",
        ),
        (
            "right",
            True,
            "The classes are not those that the model gives. Is the handle awaited, with the body's bytes?",
        ),
    ],
    good={
        "lost": "",
        "said": "",
        "answered": 60,
        "named": 60,
        "canary": 17,
        "asked": 60,
        "right": True,
    },
)
