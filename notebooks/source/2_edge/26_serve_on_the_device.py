# ---
# jupyter:
#   lesson:
#     title: Serve on the device
#     summary: what a service adds, what the way costs, when a server far away wins
#     part: 2
#     number: "26"
#     minutes: 25
#     kind: extra
#     where: [laptop]
#     needs: ["23"]
#     ports: [8000]
#     machine_minutes: 10
# ---

# %% [markdown]
# # Serve on the device
#
# Two programmers argue. "The till's software is written in another language," says the first, "so the model must sit
# behind HTTP, like on our server." "HTTP on the box itself?" says the second. "You send a photo to a computer that
# already has it!" And a third one asks why the photo does not simply go to the big server, which answers in 3 ms.
#
# All three speak of milliseconds, and none of them has a number.
#
# ## You will do
#
# Time one photo three ways: in the app's own process, through a service on the device asked from the device, and asked
# from here. Take the differences apart, and compute when a fast server far away beats a slow box at hand.
#
# ## You will learn
#
# - what a photo costs before and after the model;
# - what a service adds, on the device and over a network;
# - at which distance the server loses.
#
# ## You need
#
# Lesson 23. 25 minutes, 10 after a rehearsal; the machine works for one of them. In rehearsal, and in the device's own
# Jupyter, there is no network between you and the device: the last measurement goes over loopback then, and shows the
# way, not the distance.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
import httpx

from grading.checkpoints import check, predict, predicted, reconcile
from labs import assets
from labs.charts import latency_distribution
from labs.data.dataset import iterate
from labs.display.format import milliseconds
from labs.edge.files import part_1_files
from labs.edge.job import Candidate
from labs.edge.reaching import served_on
from labs.edge.serving import network_latency
from labs.records.ledger import ledger

# %%
from labs.records.targets import target
from labs.widgets import measure_there, run_with_progress
from labs.workspace import models_dir
from provisioning.lab.device import open_device

# %%
device = open_device()
file = part_1_files(models_dir())["edge-int8-s8s8"]
cores = device.ask(["-m", "labs.edge", "vitals"])["machine"]["cpu_count"]
print(device, [one.how for one in device.bring([file])])

# %% [markdown]
# ## Predict
#
# The same photo, the same file, on the device: through a service at its own loopback address, how many times as long
# will it take as in the app's own process? Both begin with the bytes of a JPEG and end with a class.

# %% checkpoint="e.serve.overhead_guess"
predict("e.serve.overhead_guess", ...)

# %% [markdown]
# ## Act
#
# ### What belongs to an answer
#
# Until now you have timed `predict` alone: a tensor goes in, logits come out. A till has a JPEG. It must be decoded,
# cut and scaled (`labs.data.preprocess`) before the model sees it. A service does this and more: it reads a request,
# hands the photo to a worker, and writes a reply.
#
# The service is the course's own, the one that part 3 is about, with one instance of the model and a *token*: on a
# device with a public address a port is open to whoever finds it.

# %%
predicted("e.serve.overhead_guess")
option = "edge-int8-app"
candidates = [Candidate(option, file.name, threads=cores), Candidate(f"{option}-service", file.name, threads=cores)]
app, service = measure_there(device, "served", candidates, ledger=ledger())
{record.option: (milliseconds(record.value.value), record.details["includes"]) for record in (app, service)}

# %%
reconcile("e.serve.overhead_guess")

# %% [markdown]
# ### From here
#
# Now the service stays up on the device for a while, and *this* side sends the photo: once by hand, as the till's
# software would, and then often, each time over the same connection, for the record. Its machine is still the device,
# which does the work; the record also names the client.

# %%
photo = next(iter(iterate(assets.dataset("food11-mini"), "evaluation")))[0].read_bytes()
samples = 40 if device.rehearsed else 200
with served_on(device, file.name, threads=cores) as reached:
    headers = {"Authorization": f"Bearer {reached.about['token']}", "Content-Type": "image/jpeg"}
    reply = httpx.post(f"{reached.url}/predict/raw", content=photo, headers=headers, timeout=30)
    far = run_with_progress(
        lambda report: network_latency(
            reached.url, reached.about, photo, option=f"{option}-network", samples=samples, on_progress=report
        ),
        "Ask the device from here",
    )
ledger().append(far)
print(reply.status_code, reply.json(), reply.headers["Server-Timing"], sep="\n")
{name: far.details[name] for name in ("client", "over", "photo_bytes")}

# %% [markdown]
# ## Measure
#
# All of them in one chart, with the target's 15 ms:

# %%
latency_distribution([app, service, far], target("device").p50_s)

# %% [markdown]
# The service says itself how long its parts took: `queue` (waiting for the worker), `prepare` (decode, cut, scale) and
# `model`. What is left of the whole is HTTP: reading the request, writing the reply, and the client.

# %%
inside = service.details["server_timing_s"]
{name: milliseconds(seconds) for name, seconds in inside.items()}, milliseconds(service.value.value)

# %% [markdown]
# What share of the whole do the service's own parts not explain?


# %% checkpoint="e.serve.parts"
def rest_share(whole_s, inside_s):
    """Return the share (0 to 1) of the whole time that the service's own parts leave unexplained.

    Args:
        whole_s: What the client has waited, in seconds.
        inside_s: A dictionary from "queue", "prepare" and "model" to seconds.
    """
    ...


# %%
check("e.serve.parts", rest_share)

# %%
rest_share(service.value.value, inside)

# %% [markdown]
# And the network? The same service, the same photo, asked from two places. In rehearsal both ends are one computer, so
# the difference is noise, of either sign.

# %%
far.details["over"], milliseconds(far.value.value - service.value.value)

# %% [markdown]
# ## Checkpoint
#
# ### When does the server win?
#
# The third programmer's server keeps its target: its model takes 3 ms, and in its favour, preparing the photo takes no
# time there. Then the photo still has to travel. Up to which time for the way there and back is the server faster than
# the app on this device?


# %% checkpoint="e.serve.break_even"
def break_even_s(device_s, server_s):
    """Return the seconds that the way there and back may take until the device is faster; 0 where it always is."""
    ...


# %%
check("e.serve.break_even", break_even_s)

# %%
break_even_s(app.value.value, target("server-cpu").p50_s)

# %% [markdown]
# A wired campus network takes less than a millisecond, a mobile one some tens, and a network that is down takes for
# ever. The break-even time is a statement about *the network of the canteen*, which nobody has measured yet. Write that
# into your recommendation.

# %%
check("e.serve.overhead_guess")

# %% [markdown]
# ## On your own
#
# - How large may the photo be until decoding takes longer than the model? Take one from a phone.
# - Two tills share one box: ask the service from two clients at once. What happens to the p95, and to `queue`?
# - The token travels in clear text here. What would have to change before real customers' photos do?
