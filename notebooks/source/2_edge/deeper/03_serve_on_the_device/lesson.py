# ---
# jupyter:
#   lesson:
#     id: ondevice
#     title: Serve on the device
#     summary: one photo in the app, behind a service on the device, and from afar; and when the server wins
#     part: 2
#     kind: deeper
#     where: [laptop]
#     needs: [files]
#     ports: [8000]
#     takes: {quantize: [models/int8-static-s8s8.onnx]}
# ---

# %% [markdown]
# # Serve on the device
#
# Three programmers build the till. The first wants the model in the app. "Put it behind HTTP, like on our server," says
# the second. "HTTP on the box itself? And why does the photo not simply go to the big server?" asks the third. All
# three speak of milliseconds, and none has a number. **Where should a photo be classified?** You need a laptop, which
# plays the device.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
import httpx
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from labs import assets
from labs.checkpoints import check, predict, predicted
from labs.data.dataset import iterate
from labs.edge.files import part_1_files
from labs.edge.job import Candidate
from labs.edge.reaching import served_on
from labs.edge.serving import network_latency
from labs.records.ledger import ledger
from labs.widgets import measure_there, run_with_progress
from labs.workspace import models_dir
from provisioning.lab.device import open_device

device = open_device()
file = part_1_files(models_dir())["edge-int8-s8s8"]
cores = device.machine().cpu_count
print(device, [one.how for one in device.bring([file])])

# %% [markdown]
# ## Predict
#
# The same photo, the same file, on the device: through a service at its own loopback address, how many times as long
# will it take as in the app's own process? Both begin with the bytes of a JPEG and end with a class.

# %%
predict("ondevice.service", times=...)

# %% [markdown]
# ## What belongs to an answer
#
# A benchmark times the model alone: a tensor goes in, logits come out. A till has a JPEG, which must be decoded, cut
# and scaled first. A service does this and more: it reads a request, hands the photo to a worker, writes a reply. Ours
# wants a *token*: a port on a public address is open to everybody who finds it.

# %%
guesses = predicted("ondevice.service")
option = "edge-int8-app"
candidates = [Candidate(option, file.name, threads=cores), Candidate(f"{option}-service", file.name, threads=cores)]
app, service = measure_there(device, "served", candidates, ledger=ledger())

# %% [markdown]
# Now the service stays up for a while, and *this* side sends the photo, as the till's software would. In a rehearsal
# both ends are one computer: you see how the call is made, and no figure of a network.

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

# %% [markdown]
# ## Where the time goes
#
# The service says itself how long its parts took: `queue` (waiting for the worker), `prepare` (decode, cut, scale) and
# `model`. The rest of the whole is HTTP: reading the request, writing the reply, and the client.


# %% question="ondevice.rest"
def unexplained(whole_s, parts_s):
    """Return (rest, share): the seconds of the whole that the parts leave unexplained, and their share of it. parts_s
    is a dictionary from the name of a part to its seconds."""
    ### BEGIN SOLUTION
    rest = whole_s - sum(parts_s.values())
    return rest, rest / whole_s
    ### END SOLUTION


check("ondevice.rest", unexplained)

# %%
inside = service.details["server_timing_s"]
rest, share = unexplained(service.value.value, inside)
figure, axis = plt.subplots(figsize=(9, 1.6), layout="constrained")
left = 0
for name, seconds in {**inside, "HTTP": rest}.items():
    axis.barh(0, 1e3 * seconds, left=left, label=name)
    left += 1e3 * seconds
axis.set(yticks=[], xlabel="milliseconds of a photo behind the service")
axis.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.5))
print(f"HTTP takes {share:.0%} of it")
rows = {
    record.option: (
        1e3 * record.percentile(50),
        (np.asarray(record.samples) > 0.015).mean(),
        record.percentile(50) / app.percentile(50),
    )
    for record in (app, service, far)
}
table = pd.DataFrame(rows, ["p50, ms", "share over 15 ms", "times the app"]).T
table["you predicted"] = pd.Series({service.option: guesses["times"]})
table.style.format(precision=2, na_rep="").set_caption(app.machine.label)

# %% [markdown]
# ## When does the server win?
#
# The third programmer's server keeps its target: its model takes 3 ms. But the photo has to travel: `photo_bytes` go up
# the link, with one round trip for the request. From which uplink on is the server sooner?


# %% question="ondevice.break_even"
def break_even(device_s, server_s, round_trip_s, photo_bytes):
    """Return the uplink in bits per second from which on the server answers sooner than the device; None if it never
    does, however fast the link is."""
    ### BEGIN SOLUTION
    left_s = device_s - server_s - round_trip_s
    return 8 * photo_bytes / left_s if left_s > 0 else None
    ### END SOLUTION


check("ondevice.break_even", break_even)

# %%
for round_trip_ms in (0.5, 5, 20):
    uplink = break_even(app.percentile(50), 0.003, round_trip_ms / 1e3, len(photo))
    words = "never" if uplink is None else f"from {uplink / 1e6:,.1f} Mbit/s on"
    print(f"{round_trip_ms:g} ms for the round trip: the server wins {words}")

# %% [markdown]
# A wired campus network takes less than a millisecond there and back, a mobile one some tens, and a network that is
# down delivers no photo. So the answer depends on *the canteen's network*, and that is still to be measured.
#
# ## What you found
#
# In the app: a photo costs its decoding and the model. Behind HTTP on the box, add what your picture calls HTTP. On the
# server, subtract the model and add the network. Write into your recommendation which of these you have measured.
#
# - How large may the photo be until decoding takes longer than the model? Take one from a phone.
# - Two tills share one box: ask the service from two clients at once. What happens to the median, and to `queue`?
