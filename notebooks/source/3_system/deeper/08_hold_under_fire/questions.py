"""The questions of "Hold under fire": causes of failures, and a service that survives."""

from grading.builder.questions import at_least, at_most, prediction, question

prediction(
    "fire.answered",
    "What share of the good photos does an unprotected service answer in each attack?",
    about={"kind": "load", "option": "fire-frail"},
    unit="%",
    between=(0, 100),
    slow="slow bodies",
    half_open="half-open",
    bombs="bombs",
    kills="kills",
    drain="drain",
)

CAUSES = ["connections", "cost", "restart"]

CAUSES_RULES = [
    (
        "lost",
        at_least(1),
        "Your run of `frail.py` lost no photo, so there is nothing to explain: run it "
        "once more.",
    ),
    (
        "slow",
        "connections",
        "With slow bodies, {slow} is not the cause. Search the log for `Exceeded "
        "concurrency limit`: what does uvicorn count?",
    ),
    (
        "half_open",
        "connections",
        "With half-open connections, {half_open} is not the cause. Hardly any work was "
        "done, but good photos got 503.",
    ),
    (
        "bombs",
        "cost",
        "With bombs, {bombs} is not the cause. The log shows a 200 for bombs that got "
        "through: they were decoded.",
    ),
    (
        "kills",
        "restart",
        "After a kill, {kills} is not the cause: the log has no more lines.",
    ),
    (
        "drain",
        "restart",
        "In the drain, {drain} is not the cause of the lost photos. The process did "
        "finish its requests. What came after it?",
    ),
]

question(
    "fire.causes",
    "The causes of the failures, from the log",
    points=2,
    hint="For each attack ask: did the process run, did it refuse, and was it busy?",
    records="labs.deeper.fire.reads:causes",
    form={
        "slow": CAUSES,
        "half_open": CAUSES,
        "bombs": CAUSES,
        "kills": CAUSES,
        "drain": CAUSES,
    },
    rules=CAUSES_RULES,
    good={
        "lost": 100,
        "slow": "connections",
        "half_open": "connections",
        "bombs": "cost",
        "kills": "restart",
        "drain": "restart",
    },
)

#: Megabytes of a 60 MB body that the service may take before it refuses the request.
FEW_MB = at_most(20)

#: Bytes of a refusal.
FEW_BYTES = at_most(1000)

SERVE_RULES = [
    ("lost", "", "{lost}"),
    (
        "log",
        "",
        "It does not answer `/healthz` within 20 s of its start. Its last words: {log}",
    ),
    (
        "right",
        True,
        "A good photo is answered with {photo}: {said} Return the result of `classify` "
        "as `prediction` and `probability`.",
    ),
    (
        "pixels",
        413,
        "A PNG of 30 million pixels is answered with {pixels} instead of 413: open it "
        "with `open_photo`.",
    ),
    (
        "endless",
        413,
        "A body of 60 MB that arrives in pieces is answered with {endless} instead of "
        "413: count its bytes.",
    ),
    (
        "endless_mb",
        FEW_MB,
        "It took {endless_mb} MB of a 60 MB body before it refused the request: count "
        "the bytes inside the loop.",
    ),
    (
        "no_text",
        422,
        "A list of numbers in the place of the photo's text is answered with {no_text} "
        "instead of 422.",
    ),
    (
        "no_text_bytes",
        FEW_BYTES,
        "Its refusal of a list of numbers has {no_text_bytes} bytes: it repeats the list. "
        "Say in a few words what is wrong.",
    ),
    (
        "busy",
        200,
        "While all workers compute, `/healthz` is answered with {busy} instead of 200 (0 "
        "means no answer): nothing may block the event loop.",
    ),
    (
        "full",
        503,
        "Of 60 photos at once, the first that it does not answer gets {full} instead of "
        "503: do the image work inside `with place():`.",
    ),
    (
        "full_lost",
        0,
        "Of 60 photos at once, {full_lost} got neither their answer nor a 503.",
    ),
    (
        "slow_lost",
        0,
        "While {held} connections hold a part of a body, {slow_lost} of 12 good photos are "
        "not answered: do not limit connections, and take a place only after the body is "
        "there.",
    ),
    (
        "patient",
        200,
        "A good photo whose body arrives in pieces within the time limit is answered with "
        "{patient} instead of 200.",
    ),
    (
        "left",
        0,
        "{left} of {held} connections with unfinished bodies are still open long after "
        "`BODY_S`: put `asyncio.timeout(BODY_S)` around the whole loop. One for each piece "
        "begins anew with every byte.",
    ),
    (
        "kill_lost",
        0,
        "The process that computes was killed three times, and {kill_lost} of "
        "{kill_photos} photos that came later were lost: let a supervisor run several "
        "`workers`, and start a new one when one has ended.",
    ),
    (
        "begun",
        200,
        "A photo was computed when its process got SIGTERM, and is answered with {begun} "
        "instead of 200.",
    ),
    (
        "drain_lost",
        0,
        "After a process got SIGTERM, {drain_lost} of the next good photos were lost.",
    ),
    (
        "ended",
        True,
        "A process that got SIGTERM while one photo is computed for ever does not end "
        "within `GRACE_S` seconds: set `--timeout-graceful-shutdown`.",
    ),
    (
        "replaced",
        True,
        "A process that got SIGTERM does not end, although its photo was answered: "
        "half-open connections keep it.",
    ),
]

SERVE_FACTS = {
    "lost": "",
    "log": "",
    "photo": 200,
    "said": "{}",
    "right": True,
    "pixels": 413,
    "endless": 413,
    "endless_mb": 15,
    "no_text": 422,
    "no_text_bytes": 80,
    "busy": 200,
    "full": 503,
    "full_lost": 0,
    "held": 160,
    "slow_lost": 0,
    "patient": 200,
    "left": 0,
    "kill_photos": 12,
    "kill_lost": 0,
    "begun": 200,
    "drain_lost": 0,
    "ended": True,
    "replaced": True,
}

question(
    "fire.serve",
    "A service that holds under fire",
    points=6,
    hint="Take the table row by row. Which line makes the row true, and what happens to a "
    "photo between the first byte of its body and its answer?",
    file="labs.deeper.fire.judge:service",
    rules=SERVE_RULES,
    good=SERVE_FACTS,
)
