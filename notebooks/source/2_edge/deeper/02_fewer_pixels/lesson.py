# ---
# jupyter:
#   lesson:
#     id: pixels
#     title: Fewer pixels
#     summary: the same network on smaller photos, without new training
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
# **Prerequisites:** *Measure for the device*. **Runs on:** your laptop, which plays the
# device.
#
# "It works," says the manager. "Now make it smaller. On a small machine, smaller is
# always better." Smaller *what*? You can make the file, the arithmetic and the photo
# smaller, each by a different method. Quantizing made the numbers smaller. **How much
# time do fewer pixels save, and how much accuracy do they cost?**

# %%
from provisioning.lab import rehearsal

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
# The network was trained with photos of 224 × 224 pixels. Give it the same photos with
# 160 × 160 pixels, without new training. By what factor will it answer faster, and how
# many points of accuracy will it lose?

# %%
predict("pixels.fewer", faster=..., lost=...)

# %% [markdown]
# ## The photo that the network sees
#
# The next cell shows one photo at the sizes that you will measure. The arithmetic of a
# convolution grows with the number of pixels, that is, with the *square* of the side.

# %%
sides_px = (224, 192, 160, 128)
path, _ = next(iterate(assets.dataset(), "evaluation"))
photo = Image.open(path)
figure, axes = plt.subplots(1, 4, figsize=(9, 2.8))
for axis, side in zip(axes, sides_px):
    share = side**2 / 224**2
    axis.imshow(crop(photo, side))
    axis.set(title=f"{side} px: {share:.0%} of the pixels", xticks=[], yticks=[])

# %% [markdown]
# ## Two numbers in a header
#
# A convolution works on an input of any size, and MobileNetV2 averages over all remaining
# pixels at its end. So only two numbers in the file must change: height and width of
# `model.graph.input[0]`, in `type.tensor_type.shape.dim`, after batch and channels. The
# sizes that the file stores for tensors in between, `value_info`, are then wrong: delete
# them with `model.graph.ClearField("value_info")`. Write the file for 160 pixels with
# `onnx.load` and `onnx.save`.

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
# The next cell makes the files for the other two sizes in the same way, and copies all
# four to the device. Each file answers all photos; then they take turns with one photo.

# %%
guesses = predicted("pixels.fewer")
paths = {224: full, 160: small_path}
for side in (192, 128):
    path = models_dir() / f"int8-static-s8s8-{side}px.onnx"
    paths[side] = with_input_size(full, path, side)
device.bring(paths[side] for side in sides_px)
options = {side: f"edge-int8-{side}px" for side in sides_px}
candidates = []
for side, option in options.items():
    candidates.append(Candidate(option, paths[side].name, input_px=side))
records = measure_there(device, "answers", candidates, ledger=ledger())
rights = {each.option: each.samples for each in records if each.kind == "accuracy"}
records = measure_there(device, "compare", candidates, ledger=ledger())
times_s = {each.option: each.samples for each in records}


# %% [markdown]
# Are fewer pixels worth it? To decide, you need two figures: the lost points and the
# speed-up.


# %% question="pixels.bargain"
def bargain(before_right, after_right, before_s, after_s):
    """Return (points, times): the lost accuracy in points, above 0 for a loss, and the
    speed-up of the median answer.

    before_right and after_right contain 1 or 0 for each of the same photos; before_s and
    after_s contain seconds per answer. A point is 1 % of the photos.
    Example: ([1, 1], [1, 0], [0.4], [0.2]) gives (50.0, 2.0).
    """
    ### BEGIN SOLUTION
    points = 100 * (np.mean(before_right) - np.mean(after_right))
    return points, np.median(before_s) / np.median(after_s)
    ### END SOLUTION


check("pixels.bargain", bargain)

# %%
drawings = assets.drawings("evaluation")
before_right, before_s = rights["edge-int8-224px"], times_s["edge-int8-224px"]
rows = {}
for side in (192, 160, 128):
    after_right, after_s = rights[options[side]], times_s[options[side]]
    points, times = bargain(before_right, after_right, before_s, after_s)
    size_bytes = paths[side].stat().st_size
    rows[side] = {
        "pixels": side**2 / 224**2,
        "times as fast": times,
        "points lost": points,
        "p": np.nan,
        "MB": size_bytes / 1e6,
    }
    if len(after_right) == len(drawings):
        test = stats.paired_proportions(before_right, after_right, drawings)
        rows[side]["p"] = test.p_value
table = pd.DataFrame(rows).T
table.loc[160, "you predicted, times"] = guesses["faster"]
table.loc[160, "you predicted, points"] = guesses["lost"]
shown = table.style.format(precision=2, na_rep="").format("{:.0%}", subset="pixels")
shown.set_caption(records[0].machine.label)

# %% [markdown]
# *p* is the p-value of the sign-flip test over drawings: how often would so many answers
# differ by chance? A loss is significant if p is below 0.05, or below 0.017 if you look
# at all three rows. Compare the first two columns. Did the time shrink as much as the
# number of pixels? Some work does not depend on this number: to read the weights, and to
# start each operator.
#
# The file did not become smaller, because the weights do not depend on the image size.
# Fewer *channels*, as in *Prune, distil, train for it*, also make the file smaller, but
# need new training. A smaller photo needs none.
#
# ## What you found
#
# - Fewer pixels save time and cost right answers. Neither the download nor the memory for
#   weights changes.
# - A network that is *trained* at 160 pixels usually loses less than one that was trained
#   at 224. The column *times as fast* shows how much time such a network would save.
#
# **Try it yourself**
#
# - The ranges were calibrated at 224 pixels. Are they still right at 128? Calibrate
#   again, and measure.
# - Prune first, and then use smaller photos: do the losses add up?
