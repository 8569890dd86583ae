"""The widgets of the reservation lessons: planner, progress, countdown and the switchboard of
faults.

Each is a call that returns an object, which a notebook shows as a live widget. ``.text`` and
``print`` give the same content in words and columns. Its methods do the same as its buttons, for
notebooks that run without a person at the mouse. Nothing is computed here: the state of the planner
is `provisioning.planning.chooser`, that of the progress `provisioning.setup.run`, that of the
faults `provisioning.lab.rehearsal`.
"""

from provisioning.widgets.countdown import LeaseCountdown
from provisioning.widgets.faults import Faults
from provisioning.widgets.planner import planner
from provisioning.widgets.progress import ProvisioningProgress

faults, lease_countdown, provisioning_progress = Faults, LeaseCountdown, ProvisioningProgress

__all__ = ["faults", "lease_countdown", "planner", "provisioning_progress"]
