"""A Raspberry Pi's container from the device to its deletion, in plain python-chi. Asserts what
each step gives.
"""

import tempfile
from datetime import timedelta
from pathlib import Path

import chi.container
from asking import now, raised
from chi import container, context, hardware, lease

context.use_site("CHI@Edge")
devices = hardware.get_devices(device_type="raspberrypi5")
free = hardware.get_devices(device_type="raspberrypi5", filter_reserved=True)
assert 2 <= len(free) <= len(devices) == 7
free[0].next_free_timeslot(minimum_hours=2)

wanted = lease.Lease("edge-lease", end_date=now() + timedelta(hours=2))
wanted.add_device_reservation(amount=1, machine_type="raspberrypi5")
wanted.submit(idempotent=True)
assert wanted.status == "ACTIVE"
reservation = wanted.device_reservations[0]["id"]

IMAGE = "quay.io/jupyter/minimal-notebook:latest"
pi = container.Container("pi", image_ref=IMAGE, reservation_id=reservation, exposed_ports=["8888"])
pi.submit(idempotent=True, show="text")
assert pi.status == "Running"
assert [*pi.execute("echo one two")] == ["one two\n", "0"]
assert [*pi.execute("false")] == ["", "1"]
assert pi.execute("no-such-program")[1] == "-1"
with tempfile.TemporaryDirectory() as folder:
    model = Path(folder) / "model.onnx"
    model.write_text("weights")
    pi.upload(str(model), "/home/jovyan")
    back = Path(folder) / "back"
    back.mkdir()
    pi.download("/home/jovyan/model.onnx", str(back))
    assert (back / "model.onnx").read_text() == "weights"
    # A file elsewhere is not found; a folder is, wherever it is.
    other = Path(folder) / "other.onnx"
    other.write_text("weights")
    pi.upload(str(other), "/tmp")
    pi.download("/tmp/other.onnx", str(Path(folder) / "nothing"))
    assert not (Path(folder) / "nothing" / "other.onnx").exists()
    pi.download("/tmp", str(Path(folder) / "all"))
    assert (Path(folder) / "all" / "other.onnx").read_text() == "weights"
assert [*pi.execute("cat model.onnx")] == ["weights", "0"]
assert pi.associate_floating_ip().startswith("127.77.3.")
assert "http://127.0.0.1:8888/lab?token=" in chi.container.get_logs(pi.id)

second = container.Container("pi", image_ref=IMAGE, reservation_id=reservation)
returned = second.submit(idempotent=True, show=None)
assert (second.id, returned.id) == (None, pi.id)
# The object that was submitted second never learns its id: 1.2.10 fails when asked for its status,
# 1.2.6 has none.
assert raised(lambda: second.status) == "AttributeError" or second.status is None

pi.delete()
wanted.delete()
assert [*container.list_containers(), *lease.list_leases()] == []
