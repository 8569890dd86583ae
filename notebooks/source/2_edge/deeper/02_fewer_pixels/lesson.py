# ---
# jupyter:
#   lesson:
#     id: pixels
#     title: Fewer pixels
#     summary: the same network on smaller photos, without new training, against fewer channels
#     part: 2
#     kind: deeper
#     where: [laptop]
#     needs: [files]
#     ports: []
#     takes: {quantize: [models/int8-static-s8s8.onnx]}
# ---

# %% [markdown]
# # Fewer pixels
#
# "It works," says the manager. "Now make it smaller. On a small machine, smaller is always better." Smaller *what*? The
# file, the arithmetic and the photo can each be made smaller, and each by another means. Quantizing made the numbers
# smaller. **How much time do fewer pixels save, and what do they cost?** To find out you need a laptop, which plays the
# device.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
import matplotlib.pyplot as plt
import numpy as np
import onnx
import pandas as pd
from PIL import Image

from labs import assets, stats
from labs.checkpoints import check, predict, predicted
from labs.data.dataset import iterate
from labs.data.preprocess import crop
from labs.edge.files import part_1_files, with_input_size
from labs.edge.job import Candidate
from labs.records.ledger import ledger
from labs.widgets import measure_there
from labs.workspace import models_dir
from provisioning.lab.device import open_device

device = open_device()
full = part_1_files(models_dir())["edge-int8-s8s8"]
print(device)

# %% [markdown]
# ## Predict
#
# The network was trained with photos of 224 × 224 pixels. If it gets the same photos with 160 × 160 pixels, without new
# training, how many times as fast will it answer, and how many points of accuracy will it lose?

# %%
predict("pixels.fewer", faster=..., lost=...)

# %% [markdown]
# ## What a network sees
#
# Here is one photo at the sides that you will measure. The arithmetic of a convolution grows with the number of pixels,
# and that is the side *squared*.

# %%
sides_px = (224, 192, 160, 128)
photo = Image.open(next(path for path, _ in iterate(assets.dataset(), "evaluation")))
figure, axes = plt.subplots(1, 4, figsize=(9, 2.8), layout="constrained")
for axis, side in zip(axes, sides_px):
    axis.imshow(crop(photo, side))
    axis.set(
        title=f"{side} px: {side**2 / 224**2:.0%} of the pixels", xticks=[], yticks=[]
    )

# %% [markdown]
# ## Two numbers in a header
#
# A convolution slides over its input and does not ask how large that is, and MobileNetV2 averages whatever is left at
# its end. So two numbers in the file have to change: height and width of `model.graph.input[0]`, which stand in
# `type.tensor_type.shape.dim` behind batch and channels. What the file notes about sizes in between, `value_info`, is
# wrong then: `model.graph.ClearField("value_info")`. Write the file for 160 pixels with `onnx.load` and `onnx.save`.

# %% question="pixels.file"
small_path = models_dir() / "int8-static-s8s8-160px.onnx"
### BEGIN SOLUTION
model = onnx.load(full)
for side in model.graph.input[0].type.tensor_type.shape.dim[2:]:
    side.dim_value = 160
model.graph.ClearField("value_info")
onnx.save(model, small_path)
### END SOLUTION
check("pixels.file", small_path)

# %% [markdown]
# ## Measure
#
# The other two sides are made in the same way. Then all four files travel. Each answers all photos, and then they take
# turns with one photo.

# %%
guesses = predicted("pixels.fewer")
paths = {224: full, 160: small_path}
for side in (192, 128):
    paths[side] = with_input_size(
        full, models_dir() / f"int8-static-s8s8-{side}px.onnx", side
    )
options = {side: f"edge-int8-{side}px" for side in sides_px}
device.bring(paths[side] for side in sides_px)
candidates = [
    Candidate(options[side], paths[side].name, input_px=side) for side in sides_px
]
answers = measure_there(device, "answers", candidates, ledger=ledger())
right = {each.option: each.samples for each in answers if each.kind == "accuracy"}
measured = measure_there(device, "compare", candidates, ledger=ledger())
timed = {each.option: each.samples for each in measured}


# %% [markdown]
# Is it a bargain? To decide you need both figures: the points that are lost, and how many times as fast it is.


# %% question="pixels.bargain"
def bargain(before_right, after_right, before_s, after_s):
    """Return (points, times): hundredths of accuracy that are lost, above 0 for a loss, and how many times as fast the
    median answer is. Rights are 1 or 0 for each photo, and all photos are the same in both."""
    ### BEGIN SOLUTION
    points = 100 * (np.mean(before_right) - np.mean(after_right))
    return points, np.median(before_s) / np.median(after_s)
    ### END SOLUTION


check("pixels.bargain", bargain)

# %%
drawings, rows = assets.drawings("evaluation"), {}
for side in sides_px[1:]:
    pair = [right[options[224]], right[options[side]]]
    took_s = [timed[options[224]], timed[options[side]]]
    p = (
        stats.paired_proportions(*pair, drawings).p_value
        if len(pair[0]) == len(drawings)
        else np.nan
    )
    rows[side] = (
        side**2 / 224**2,
        *bargain(*pair, *took_s)[::-1],
        p,
        paths[side].stat().st_size / 1e6,
    )
table = pd.DataFrame.from_dict(
    rows, orient="index", columns=["pixels", "times as fast", "points lost", "p", "MB"]
)
table.loc[160, ["you predicted, times", "you predicted, points"]] = (
    guesses["faster"],
    guesses["lost"],
)
table.style.format(precision=2, na_rep="").format("{:.0%}", subset="pixels").set_caption(
    measured[0].machine.label
)

# %% [markdown]
# *p* is the sign-flip test over drawings: how often would so many answers differ by chance? A loss is shown if it is
# below 0.05, or below 0.017 if you look at all three rows. Compare the first two columns. Did the time shrink as much
# as the pixels? What does not depend on the number of pixels stays: reading the weights, starting each operator.
#
# The file has not become smaller by a byte: weights know nothing of pixels. Fewer *channels*, as in *Prune, distil,
# train for it*, make the file smaller too, but they need a training. A smaller photo needs none.
#
# ## What you found
#
# Fewer pixels save time and cost right answers; neither the download nor the memory for weights changes. A network that
# is *trained* at 160 pixels usually loses less than one that was trained at 224. The column *times as fast* says how
# much time such a training would save.
#
# - The ranges were calibrated at 224 pixels. Are they still right at 128? Calibrate again, and measure.
# - Prune first, and then shrink the photos: do the losses add up?
